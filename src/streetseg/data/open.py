"""Open the data source that a recipe names."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from streetseg.data.auto_split import made_split, to_divide, with_made
from streetseg.data.files import is_link, listing, names_in
from streetseg.data.folds import fold_splits
from streetseg.data.issues import Survey
from streetseg.data.recognize.recognize import NothingFoundError, open_recognized
from streetseg.data.remote import is_remote
from streetseg.data.source import FileSource, Sample, Source, SourceView, with_defaults
from streetseg.data.sources.camvid import is_camvid, open_camvid
from streetseg.data.sources.cityscapes import is_cityscapes, open_cityscapes
from streetseg.data.sources.folder import open_folder
from streetseg.data.sources.folder_file import descriptions_in, yamls_in
from streetseg.data.sources.joined import joined
from streetseg.data.sources.shapes.kinds import TOOL_KINDS
from streetseg.data.sources.shapes.source import ShapeSource
from streetseg.data.sources.shards import is_shards, open_shards
from streetseg.data.sources.streets.every import STREET_SETS
from streetseg.data.sources.with_extra import WithExtra
from streetseg.data.splits import KeptSplit, SplitList, listed_splits, without_excluded
from streetseg.data.store import default_cache
from streetseg.errors import DataError, RequestError, did_you_mean
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import CAMVID_32, CITYSCAPES_19, CITYSCAPES_34, STREET_11, space
from streetseg.recipe.datasets import FORMS, parts_of
from streetseg.recipe.schema import Data

log = logging.getLogger("streetseg")

_OPENERS: dict[str, Callable[[Path], Source]] = {
    "camvid": open_camvid,
    "cityscapes": open_cityscapes,
    "folder": open_folder,
    **{kind: street_set.open for kind, street_set in STREET_SETS.items()},
    **{kind: tool.open for kind, tool in TOOL_KINDS.items()},
    "shards": lambda path: open_shards(str(path)),
}
_EXTRA_SCENES = 600  # drawn streets of data.extra=scenes: many more than an epoch has, and drawn in a few minutes
_SCENES_SIZE = (256, 512)  # of data.extra=scenes, where images are not resized
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")

# Label space of masks, with void as a class, -> the label space that is used for training and scores by default.
_DEFAULT_SPACES = {CITYSCAPES_34.name: CITYSCAPES_19, CAMVID_32.name: STREET_11}


def open_source(data: Data, kept: KeptSplit | None = None) -> Source:
    """Return the source that `data` describes, with its label space and splits.

    Where the data has no split for validation, one is made; see `to_divide`. Of data that a run was trained on with a
    split that was made, `kept` has the lists: they are used as they are.

    Without `data.space`, masks with 34 Cityscapes ids are mapped to the 19 scored classes, and CamVid's 32 colors to
    street-11. Other sources keep their own label space. Files that belong to no sample, such as an image without mask,
    raise no error here. They are in `source.survey`, and `check_source` raises an error for those in the splits that
    are used.

    Several data sets with + between them become one, in `data.space` or the classes that all of them have. The images
    of `data.extra` join the training split after all splits and folds are made.

    Raises:
        RequestError: the kind of source or the label space is unknown, there is no label mapping to it, or data sets
            that are joined have different classes.
        DataError: the folder is missing, or its files do not fit the layout.
    """
    view = _in_its_space(data)
    source, data = view.source, with_defaults(data, view)
    splits = _splits(view, data, kept)
    if view.space != source.space or splits is not source.splits:
        source = SourceView(source, space=view.space, splits=splits)
    return with_extra(source, data)


def with_extra(source: Source, data: Data) -> Source:
    """Return the source with the images of `data.extra` in its training split; as it is where there is none."""
    return source if data.extra is None else WithExtra(source, _extra(data.extra, data), data.train_split)


def _in_its_space(data: Data) -> SourceView:
    """Return the data set or sets in the label space that is used, with the splits that they have."""
    parts = [_opened(part, data) for part in parts_of(data.source)]
    targets = [_target(part, data) for part in parts]
    source, target = (parts[0] if len(parts) == 1 else joined(_with_own(parts), targets)), targets[0]
    return SourceView(source, space=target, splits=_chosen(source, with_defaults(data, source)))


def _extra(spec: str, data: Data) -> Source:
    """Return the data set that is trained on in addition, read by the same rules; scenes are drawn at `data.size`."""
    read_alike = ("space", "unlabeled", "max_megapixels", "exif", "tolerance", "range")
    given = {name: getattr(data, name) for name in read_alike if name in data.model_fields_set}
    if spec == "scenes":
        from streetseg.data.sources.drawn import drawn_streets

        count = min(_EXTRA_SCENES, data.limit or _EXTRA_SCENES)
        folder = drawn_streets(count, data.size or _SCENES_SIZE, default_cache())
        spec, given["space"] = f"cityscapes:{folder}", STREET_11.name
    source = _in_its_space(Data(source=spec, **given))  # no split is made: all of its split train is trained on
    if data.limit is None:
        return source
    return SourceView(source, space=source.space, splits=_limited(source.splits, data.limit, source.survey))


def _opened(spec: str, data: Data) -> Source:
    """Return one data set, read as `data` or the data set itself says."""
    if not spec:
        problem = "a + joins two data sets, and on one side of it there is none"
        raise RequestError(problem, where=data.source, hint="camvid:A+camvid:B")
    source = _open(spec)
    data = with_defaults(data, source)
    if isinstance(source, FileSource):
        source = replace(source, code=replace(source.code, tolerance=data.tolerance))
    if isinstance(source, FileSource | ShapeSource):
        source = replace(source, max_pixels=round(data.max_megapixels * 1e6), reading=data.reading)
    return source


def _with_own(parts: list[Source]) -> list[Source]:
    """Return the parts of joined data without the samples that each leaves out by its own data.yaml."""
    own = [with_defaults(Data(source=part.spec), part) for part in parts]
    return [SourceView(part, space=part.space, splits=_chosen(part, one)) for part, one in zip(parts, own, strict=True)]


def _target(source: Source, data: Data) -> LabelSpace:
    return space(data.space) if data.space else _DEFAULT_SPACES.get(source.space.name, source.space)


def _splits(source: Source, data: Data, kept: KeptSplit | None) -> Mapping[str, tuple[Sample, ...]]:
    """Return the splits with those that are made, as `data` limits and folds them."""
    splits, divided, survey = source.splits, to_divide(source.splits, data), source.survey
    if kept is not None and not data.splits and (lists := kept.of(source)):
        scored = bool(divided) and data.split == "given"
        splits = with_made(
            survey, splits, divided, lists, f"the split of the run {kept.run.name} is used", scored=scored
        )
    if data.limit is not None:
        splits = _limited(splits, data.limit, survey)
    if divided and survey.made is None:
        splits = made_split(source, splits, divided, data)
    return fold_splits(splits, data)


def _chosen(source: Source, data: Data) -> Mapping[str, tuple[Sample, ...]]:
    """Return the splits without the samples that `data` leaves out. Update the failures of the survey accordingly."""
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


def _limited(splits: Mapping[str, tuple[Sample, ...]], limit: int, survey: Survey) -> dict[str, tuple[Sample, ...]]:
    """Return the first `limit` samples of each split; a note says of how many."""
    cut = [f"{limit} of {len(samples)} of {split}" for split, samples in splits.items() if len(samples) > limit]
    if cut:
        survey.note(f"data.limit: only the first samples are used, {', '.join(cut)}")
    return {split: samples[:limit] for split, samples in splits.items()}


def full_spec(spec: str) -> str:
    """Return the data set with its kind and absolute path: "camvid:/data/CamVid" for a folder that holds CamVid."""
    return _open(spec).spec


def _open(spec: str) -> Source:
    if spec == "scenes":
        from streetseg.data.sources.scenes import ScenesSource

        return ScenesSource()
    if is_link(spec):
        fetch = "streetseg fetch NAME --out DIR  does so for camvid, cityscapes and gdrive:LINK"
        hint = f"shards are read in place: shards:{spec}; download other data: {fetch}"
        raise RequestError("this is an address, expected data on this machine", where=spec, hint=hint)
    kind, colon, rest = spec.partition(":")
    if kind == "shards" and is_remote(rest):
        return open_shards(rest.rstrip("/"))
    if not colon or _existing(spec):
        return _open_bare(_path(spec))
    if kind not in _OPENERS:
        hint = did_you_mean(kind, [*_OPENERS, "scenes"]) or f"data is {FORMS}"
        raise RequestError(f"unknown kind of data {kind!r}", where=spec, hint=hint)
    if not rest:
        raise RequestError(f"no path behind {kind}:", where=spec, hint=f"data is {FORMS}")
    path = _path(rest)
    if kind == "folder" and _existing(rest) and path.is_dir():
        return _open_own(path)
    if kind in TOOL_KINDS and _existing(rest):
        return TOOL_KINDS[kind].open(path)
    if kind != "folder" and _existing(rest) and path.is_file():
        raise _no_folder(path)
    if not (path.is_file() if kind == "folder" else path.is_dir()):
        raise missing(path, "file or folder" if kind in TOOL_KINDS else "file" if kind == "folder" else "folder")
    return _OPENERS[kind](path)


def _open_bare(path: Path) -> Source:
    """Open a folder or YAML file without a kind, by its layout. Log the kind that was recognized."""
    if not _existing(str(path)):
        raise missing(path, "folder")
    kinds = known_layouts(path)
    if len(kinds) == 1:
        log.info("%s is read as %s:%s", path, kinds[0], path)
        return _OPENERS[kinds[0]](path)
    if kinds:
        forms = " or ".join(f"{kind}:{path}" for kind in kinds)
        raise DataError(f"this folder could be {' or '.join(kinds)}", where=path, hint=f"choose one: {forms}")
    if path.is_file():
        raise _no_folder(path)
    below = [child for child in listing(path) if child.is_dir() and (known_layouts(child) or descriptions_in(child))]
    if below and not descriptions_in(path):
        raise DataError(
            f"the layout of this folder is not recognized (found {names_in(path)})",
            where=path,
            hint=f"did you mean {below[0]}?",
        )
    return _open_own(path)


def _open_own(path: Path) -> Source:
    """Open a folder by the one description in it, or, without a description, by what it holds."""
    descriptions = descriptions_in(path)
    if len(descriptions) > 1:
        raise DataError(
            f"{len(descriptions)} descriptions in this folder",
            where=[str(one) for one in descriptions],
            hint="name one: folder:FILE.yaml",
        )
    if descriptions:
        log.info("%s is read as folder:%s", path, descriptions[0])
        return open_folder(descriptions[0])
    try:
        return open_recognized(path)
    except NothingFoundError:
        if len(yamls := yamls_in(path)) == 1:  # the error says what is missing in it
            return open_folder(yamls[0])
        raise


def _no_folder(path: Path) -> DataError:
    """Return the error for a file, often an archive, where a folder is expected."""
    if path.name.lower().endswith(_ARCHIVES):
        globs = f"a data.yaml beside another zip or tar names what is in it: images: {path.name}/images/*.jpg"
        hint = f"unpack it; the official zips of Cityscapes are read in place: cityscapes:{path.parent}; {globs}"
        return DataError("this is an archive, expected a folder", where=path, hint=hint)
    return DataError("this is a file, expected a folder or a YAML file", where=path, hint=f"data is {FORMS}")


def known_layouts(path: Path) -> list[str]:
    """Return the kinds of data that `path` may be by a known layout, or as a YAML file."""
    if path.is_file():
        return _tools(path) or (["folder"] if path.suffix.lower() in (".yaml", ".yml") else [])
    kinds = [kind for kind, street_set in STREET_SETS.items() if street_set.is_in(path)]
    if len(kinds) > 1 and len(descriptions_in(path)) == 1:  # it says what the masks mean
        return []
    if not kinds:  # IDD has the layout of Cityscapes
        kinds = ["cityscapes"] if is_cityscapes(path) else []
        kinds += ["camvid"] if is_camvid(path) else []
        kinds += ["shards"] if is_shards(path) else []
    return kinds or ([] if descriptions_in(path) else _tools(path))


def _tools(path: Path) -> list[str]:
    """Return the label tools that may have written a file or folder."""
    return [kind for kind, tool in TOOL_KINDS.items() if tool.recognize(path)]


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _existing(text: str) -> bool:
    try:
        return _path(text).exists()
    except OSError:  # a name too long for the file system
        return False


def missing(path: Path, what: str) -> DataError:
    """Return the error for a missing path. Its hint names what the closest parent that exists has instead."""
    parent = next((folder for folder in path.parents if _existing(str(folder))), Path("/"))
    needed = path.relative_to(parent).parts[0]
    names = [child.name for child in listing(parent)]
    near = did_you_mean(needed, names, before=f"{parent.as_posix().rstrip('/')}/")
    return DataError(
        f"{what} not found", where=path, hint=near or f"{parent} has no {needed}; in it: {names_in(parent)}"
    )
