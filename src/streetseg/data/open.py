"""From what a person typed to a source."""

from pathlib import Path

from streetseg.data.camvid import open_camvid
from streetseg.data.source import Source
from streetseg.data.splits import listed_splits
from streetseg.data.view import SourceView
from streetseg.errors import DataError, RequestError
from streetseg.labels.spaces import space
from streetseg.recipe.schema import Data


def open_source(data: Data) -> Source:
    """The source that `data` asks for, in the label space and splits it asks for.

    Raises:
        RequestError: if the kind of source or the label space is unknown, or no bridge leads there.
        DataError: if the folder is missing or its files do not fit the layout.
    """
    source = _open(data.source)
    target = space(data.space) if data.space else source.space
    if target == source.space and not data.splits:
        return source
    every = tuple(sample for samples in source.splits.values() for sample in samples)
    return SourceView(source, space=target, splits=listed_splits(every, data.splits) if data.splits else source.splits)


def _open(spec: str) -> Source:
    if spec == "scenes":
        from streetseg.data.scenes.source import ScenesSource

        return ScenesSource()
    kind, _, rest = spec.partition(":")
    if kind != "camvid":
        raise RequestError(f"unknown data source {spec!r}")
    root = Path(rest).expanduser().absolute()
    if not root.is_dir():
        raise DataError("folder not found", where=root)
    return open_camvid(root)
