"""Open the data source that a recipe names."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from streetseg.data.files import is_link, listing
from streetseg.data.folds import fold_splits
from streetseg.data.issues import Survey
from streetseg.data.source import FileSource, Sample, Source, SourceView
from streetseg.data.sources.camvid import find_layout, open_camvid
from streetseg.data.sources.cityscapes import is_cityscapes, open_cityscapes
from streetseg.data.sources.folder import open_folder
from streetseg.data.sources.shapes.kinds import TOOL_KINDS
from streetseg.data.sources.shapes.source import ShapeSource
from streetseg.data.splits import SplitList, listed_splits, without_excluded
from streetseg.errors import DataError, RequestError, did_you_mean
from streetseg.labels.tables import CAMVID_32, CITYSCAPES_19, CITYSCAPES_34, STREET_11, space
from streetseg.recipe.datasets import FORMS
from streetseg.recipe.schema import Data

log = logging.getLogger("streetseg")

_OPENERS: dict[str, Callable[[Path], Source]] = {
    "camvid": open_camvid,
    "cityscapes": open_cityscapes,
    "folder": open_folder,
    **{kind: tool.open for kind, tool in TOOL_KINDS.items()},
}
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")

# Label space of masks, with void as a class, -> the label space that is used for training and scores by default.
_DEFAULT_SPACES = {CITYSCAPES_34.name: CITYSCAPES_19, CAMVID_32.name: STREET_11}


def open_source(data: Data) -> Source:
    """Return the source that `data` describes, with its label space and splits.

    Without `data.space`, masks with 34 Cityscapes ids are mapped to the 19 scored classes, and CamVid's 32 colors to
    street-11. Other sources keep their own label space. Files that belong to no sample, such as an image without mask,
    raise no error here. They are in `source.survey`, and `check_source` raises an error for those in the splits that
    are used.

    Raises:
        RequestError: the kind of source or the label space is unknown, or there is no label mapping to it.
        DataError: the folder is missing, or its files do not fit the layout.
    """
    source = _open(data.source)
    if isinstance(source, FileSource | ShapeSource):
        source = replace(source, max_pixels=round(data.max_megapixels * 1e6), reading=data.reading)
    target = space(data.space) if data.space else _DEFAULT_SPACES.get(source.space.name, source.space)
    splits = _splits(source, data)
    if target == source.space and splits is source.splits:
        return source
    return SourceView(source, space=target, splits=splits)


def _splits(source: Source, data: Data) -> Mapping[str, tuple[Sample, ...]]:
    """Return the splits that `data` describes. Update the failures of the survey accordingly."""
    splits, survey = source.splits, source.survey
    if data.splits:
        every = {sample.name: sample for samples in splits.values() for sample in samples}
        lists = {split: SplitList.read(_path(file)) for split, file in data.splits.items()}
        splits = listed_splits(list(every.values()), lists, survey)
    if data.exclude:
        splits = without_excluded(splits, SplitList.read(_path(data.exclude)), survey)
    if data.unlabeled == "skip":
        skipped = [failure for failure in survey.failures if failure.unlabeled]
        survey.failures = [failure for failure in survey.failures if not failure.unlabeled]
        if skipped:
            survey.note(f"{source.spec}: {len(skipped)} images without mask are skipped")
    if data.limit is not None:
        splits = _limited(splits, data.limit, survey)
    return fold_splits(splits, data)


def _limited(splits: Mapping[str, tuple[Sample, ...]], limit: int, survey: Survey) -> dict[str, tuple[Sample, ...]]:
    """Return the first `limit` samples of each split; a note says of how many."""
    cut = [f"{limit} of {len(samples)} of {split}" for split, samples in splits.items() if len(samples) > limit]
    if cut:
        survey.note(f"data.limit: only the first samples are used, {', '.join(cut)}")
    return {split: samples[:limit] for split, samples in splits.items()}


def _open(spec: str) -> Source:
    if spec == "scenes":
        from streetseg.data.sources.scenes import ScenesSource

        return ScenesSource()
    if is_link(spec):
        hint = "download it; streetseg fetch NAME --out DIR  does so for camvid, cityscapes and gdrive:LINK"
        raise RequestError("this is an address, expected data on this machine", where=spec, hint=hint)
    kind, colon, rest = spec.partition(":")
    if not colon or _existing(spec):
        return _open_bare(_path(spec))
    if kind not in _OPENERS:
        hint = did_you_mean(kind, [*_OPENERS, "scenes"]) or f"data is {FORMS}"
        raise RequestError(f"unknown kind of data {kind!r}", where=spec, hint=hint)
    if not rest:
        raise RequestError(f"no path behind {kind}:", where=spec, hint=f"data is {FORMS}")
    path = _path(rest)
    if kind == "folder" and _existing(rest) and path.is_dir():
        return open_folder(_only_yaml(path))
    if kind in TOOL_KINDS and _existing(rest):
        return TOOL_KINDS[kind].open(path)
    if kind != "folder" and _existing(rest) and path.is_file():
        raise _no_folder(path)
    if not (path.is_file() if kind == "folder" else path.is_dir()):
        raise _missing(path, "file or folder" if kind in TOOL_KINDS else "file" if kind == "folder" else "folder")
    return _OPENERS[kind](path)


def _open_bare(path: Path) -> Source:
    """Open a folder or YAML file without a kind, by its layout. Log the kind that was recognized."""
    if not _existing(str(path)):
        raise _missing(path, "folder")
    kinds = _recognized(path)
    if len(kinds) == 1:
        log.info("%s is read as %s:%s", path, kinds[0], path)
        return open_folder(_only_yaml(path)) if kinds[0] == "folder" else _OPENERS[kinds[0]](path)
    if kinds:
        forms = " or ".join(f"{kind}:{path}" for kind in kinds)
        raise DataError(f"this folder could be {' or '.join(kinds)}", where=path, hint=f"choose one: {forms}")
    if path.is_file():
        raise _no_folder(path)
    children = listing(path) if path.is_dir() else []
    below = [child for child in children if child.is_dir() and _recognized(child)]
    raise DataError(
        "the layout of this folder is not recognized (expected CamVid, Cityscapes, a label tool, or one YAML file; "
        f"found {_some_of([child.name for child in children])})",
        where=path,
        hint=f"did you mean {below[0]}?"
        if below
        else f"write {path / 'data.yaml'} that names images:, masks:, splits: and classes:, then folder:{path}",
    )


def _some_of(names: list[str]) -> str:
    return f"{', '.join(names[:3])}{', …' if len(names) > 3 else ''}" if names else "nothing"


def _no_folder(path: Path) -> DataError:
    """Return the error for a file, often an archive, where a folder is expected."""
    if path.name.lower().endswith(_ARCHIVES):
        hint = f"unpack it; the official zips of Cityscapes are read in place: cityscapes:{path.parent}"
        return DataError("this is an archive, expected a folder", where=path, hint=hint)
    return DataError("this is a file, expected a folder or a YAML file", where=path, hint=f"data is {FORMS}")


def _recognized(path: Path) -> list[str]:
    """Return the kinds of data that `path` may be. A YAML file in a folder counts only if no other layout fits."""
    if path.is_file():
        return _tools(path) or (["folder"] if path.suffix.lower() in (".yaml", ".yml") else [])
    kinds = ["cityscapes"] if is_cityscapes(path) else []
    kinds += ["camvid"] if find_layout(path) else []
    return kinds or _tools(path) or (["folder"] if len(_yamls(path)) == 1 else [])


def _tools(path: Path) -> list[str]:
    """Return the label tools that may have written a file or folder."""
    return [kind for kind, tool in TOOL_KINDS.items() if tool.recognize(path)]


def _only_yaml(path: Path) -> Path:
    yamls = [path] if path.is_file() else _yamls(path)
    if len(yamls) != 1:
        raise DataError(f"{len(yamls)} YAML files in this folder", where=path, hint="name one: folder:FILE.yaml")
    return yamls[0]


def _yamls(folder: Path) -> list[Path]:
    return [path for path in listing(folder) if path.suffix.lower() in (".yaml", ".yml") and path.is_file()]


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _existing(text: str) -> bool:
    try:
        return _path(text).exists()
    except OSError:  # a name too long for the file system
        return False


def _missing(path: Path, what: str) -> DataError:
    """Return the error for a missing path. Its hint names what the closest parent that exists has instead."""
    parent = next((folder for folder in path.parents if _existing(str(folder))), Path("/"))
    needed = path.relative_to(parent).parts[0]
    names = [child.name for child in listing(parent) if not child.name.startswith(".")]
    near = did_you_mean(needed, names, before=f"{parent.as_posix().rstrip('/')}/")
    return DataError(
        f"{what} not found", where=path, hint=near or f"{parent} has no {needed}; in it: {_some_of(names)}"
    )
