"""From what a person typed to a source."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from streetseg.data.files import listing
from streetseg.data.source import FileSource, Sample, Source, SourceView
from streetseg.data.sources.camvid import find_layout, open_camvid
from streetseg.data.sources.cityscapes import is_cityscapes, open_cityscapes
from streetseg.data.sources.folder import open_folder
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
}
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")

# Spaces in which masks are drawn but nobody trains, since void is a class there -> the space that is scored.
_USUAL = {CITYSCAPES_34.name: CITYSCAPES_19, CAMVID_32.name: STREET_11}


def open_source(data: Data) -> Source:
    """The source that `data` asks for, in the label space and splits it asks for.

    Without `data.space`, masks of 34 Cityscapes ids are read as the 19 classes that are scored and CamVid's 32 colors
    as street-11; other sources keep their own space. Files that belong to no sample, such as an image without mask,
    are no error yet: `source.survey` names them, and `check_source` refuses those of the splits that are used,
    together with the files that cannot be read.

    Raises:
        RequestError: if the kind of source or the label space is unknown, or no label mapping leads there.
        DataError: if the folder is missing or its files do not fit the layout.
    """
    source = _open(data.source)
    if isinstance(source, FileSource):
        source = replace(source, max_pixels=round(data.max_megapixels * 1e6), reading=data.reading)
    target = space(data.space) if data.space else _USUAL.get(source.space.name, source.space)
    splits = _used(source, data)
    if target == source.space and splits is source.splits:
        return source
    return SourceView(source, space=target, splits=splits)


def _used(source: Source, data: Data) -> Mapping[str, tuple[Sample, ...]]:
    """The splits that `data` asks for, without what it leaves out; the faults of the survey follow."""
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
    return splits


def _open(spec: str) -> Source:
    if spec == "scenes":
        from streetseg.data.sources.scenes import ScenesSource

        return ScenesSource()
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
    if kind != "folder" and _existing(rest) and path.is_file():
        raise _no_folder(path)
    if not (path.is_file() if kind == "folder" else path.is_dir()):
        raise _missing(path, "file" if kind == "folder" else "folder")
    return _OPENERS[kind](path)


def _open_bare(path: Path) -> Source:
    """A folder or YAML file whose layout must speak for itself; what was recognized goes to the log."""
    if not _existing(str(path)):
        raise _missing(path, "folder")
    kinds = _recognized(path)
    if len(kinds) == 1:
        log.info("%s is read as %s:%s", path, kinds[0], path)
        return open_folder(_only_yaml(path)) if kinds[0] == "folder" else _OPENERS[kinds[0]](path)
    if kinds:
        forms = " or ".join(f"{kind}:{path}" for kind in kinds)
        raise DataError(f"this folder could be {' or '.join(kinds)}", where=path, hint=f"say which: {forms}")
    if path.is_file():
        raise _no_folder(path)
    below = [child for child in listing(path) if child.is_dir() and _recognized(child)] if path.is_dir() else []
    raise DataError(
        "the layout of this folder is not recognized (expected CamVid, Cityscapes, or one YAML file)",
        where=path,
        hint=f"did you mean {below[0]}?" if below else f"describe it in a YAML file; data is {FORMS}",
    )


def _no_folder(path: Path) -> DataError:
    """A file where a folder is expected; most often an archive."""
    if path.name.lower().endswith(_ARCHIVES):
        hint = f"unpack it; the official zips of Cityscapes are read in place: cityscapes:{path.parent}"
        return DataError("this is an archive, expected a folder", where=path, hint=hint)
    return DataError("this is a file, expected a folder or a YAML file", where=path, hint=f"data is {FORMS}")


def _recognized(path: Path) -> list[str]:
    """The kinds of data that `path` may be; a description in YAML counts only where nothing else fits."""
    if path.is_file():
        return ["folder"] if path.suffix.lower() in (".yaml", ".yml") else []
    kinds = ["cityscapes"] if is_cityscapes(path) else []
    kinds += ["camvid"] if find_layout(path) else []
    return kinds or (["folder"] if len(_yamls(path)) == 1 else [])


def _only_yaml(path: Path) -> Path:
    found = [path] if path.is_file() else _yamls(path)
    if len(found) != 1:
        raise DataError(f"{len(found)} YAML files in this folder", where=path, hint="name one: folder:FILE.yaml")
    return found[0]


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
    """The hint names what the closest folder above holds under a similar name."""
    parent = next((folder for folder in path.parents if _existing(str(folder))), Path("/"))
    needed = path.relative_to(parent).parts[0]
    near = did_you_mean(needed, [child.name for child in listing(parent)], before=f"{parent.as_posix().rstrip('/')}/")
    return DataError(f"{what} not found", where=path, hint=near or f"{parent} has no {needed}")
