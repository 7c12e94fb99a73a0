"""Recognize a bare folder of images and masks: what it holds, as the data.yaml that says the same."""

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from streetseg.data.files import FileError, names_in, stamp, walk
from streetseg.data.issues import Survey
from streetseg.data.matching import matching
from streetseg.data.recognize.classes import Classes, classes_of, values_of
from streetseg.data.recognize.describe import Description, globs_of, quoted
from streetseg.data.recognize.find import Reading, readings
from streetseg.data.recognize.looks import same_areas
from streetseg.data.recognize.names import File
from streetseg.data.recognize.splits import is_split, lists_of_splits, splits_by_folder
from streetseg.data.recognize.tables import Table, tables
from streetseg.data.source import FileSource
from streetseg.data.sources.folder import described_source
from streetseg.errors import DataError, first

log = logging.getLogger("streetseg")

_COMPARED = 3  # masks of two readings that are compared
_SHOWN = 3  # names in one message

Listing = tuple[tuple[str, str], ...]  # relative path and stamp of every file


class NothingFoundError(DataError):
    """The error of a folder in which no images pair with masks."""


def open_recognized(root: Path) -> FileSource:
    """Open a folder whose layout is none of the known ones. Log what it is taken for, once for each folder.

    Raises:
        DataError: no images pair with masks, or two readings are possible; the hint has both.
    """
    listing = _listing(root)
    description = _described(root, listing)
    _log(root, description.text())
    survey = Survey()
    source = described_source(description.as_file(), root / "data.yaml", f"folder:{root}", survey)
    used = {file for one in (description.reading, *description.same) for pair in one.pairs for file in pair}
    said = {failure.error.place for failure in survey.failures if isinstance(failure.error, FileError)}
    others = [file.name for file in description.files if file not in used and str(root / file.name) not in said]
    if others:
        survey.note(f"{root}: left out, as nothing pairs with them: {', '.join(first(others, _SHOWN))}")
    return source


def describe(root: Path, *, images: str | None = None, masks: str | None = None) -> Description:
    """Return what a folder holds.

    Args:
        root: the folder.
        images: a glob of the files that may be images; None: all.
        masks: a glob of the files that may be masks; None: all.

    Raises:
        DataError: no images pair with masks, or two readings are possible; the hint has both.
    """
    description = _described(root, _listing(root), images, masks)
    description.as_file()  # what is written can be read again
    return description


def _listing(root: Path) -> Listing:
    """Return every file of a folder with its size and modification time, so that changed files are looked at again."""
    return tuple((name, _stamp(root / name)) for name in walk(root))


def _stamp(path: Path) -> str:
    try:
        return stamp(str(path))
    except FileError:  # a link to nothing
        return ""


@lru_cache(maxsize=8)
def _log(root: Path, text: str) -> None:
    """Log what a folder is taken for; the cache makes that once."""
    log.info("%s has no data.yaml; it is read as this one says (streetseg init DIR --out FILE.yaml writes it):", root)
    for line in text.splitlines():
        log.info("    %s", line)


@lru_cache(maxsize=8)
def _described(root: Path, listing: Listing, images: str | None = None, masks: str | None = None) -> Description:
    survey = Survey()
    names = [name for name, _ in listing]
    files = [File.of(name) for name in survey.images_among({name: name for name in names})]
    kept = {file.name for file in files}
    others = [name for name in names if name not in kept]
    found = readings(root, files, _matching(root, images), _matching(root, masks))
    if not found:
        raise _nothing_found(root, survey)
    _require_one_data_set(root, found[0])
    named = tables(root, others)
    reading, classes = _chosen(root, found, named)
    same = [one for one in found if one is not reading]
    splits = splits_by_folder(reading.pairs)
    lists = {} if splits else lists_of_splits(root, others, reading.pairs)
    return Description(root.name or "data", reading, splits, lists, classes, files, same)


def _matching(root: Path, glob: str | None) -> frozenset[str] | None:
    """Return the relative paths that a glob matches; None if there is no glob. Raise DataError if it matches none."""
    if glob is None:
        return None
    places = [Path(place) for _, place in matching(root, glob, Survey())]
    if not (found := frozenset(place.relative_to(root).as_posix() for place in places if place.is_relative_to(root))):
        raise DataError(f"no file in this folder matches {glob}", where=root, hint=f"globs start at {root}")
    return found


def _chosen(root: Path, found: Sequence[Reading], named: Sequence[Table]) -> tuple[Reading, Classes]:
    """Return the reading to take, and its classes.

    Of masks that show the same areas, as ids and as colors, those are taken whose classes a table names. If it names
    both, colors say more than the order of the names; if it names none, ids are taken.

    Raises:
        DataError: there are other readings, which say something else, or the classes have two readings.
    """
    if other := next((one for one in found[1:] if not _says_the_same(root, found[0], one)), None):
        raise _two_readings(root, found[0], other)
    taken: list[tuple[Reading, Classes]] = []
    errors: list[DataError] = []
    for reading in found:
        try:
            taken.append((reading, _classes(root, reading, named)))
        except DataError as error:
            errors.append(error)
    if not taken:
        raise errors[0]
    return min(taken, key=lambda pair: (not pair[1].from_table, bool(pair[1].classes[0].ids) == pair[1].from_table))


def _classes(root: Path, reading: Reading, named: Sequence[Table]) -> Classes:
    masks = [mask for _, mask in sorted(reading.pairs, key=lambda pair: pair[1].name)]
    folders = frozenset(file.folder[-1] for pair in reading.pairs for file in pair if file.folder)
    return classes_of(values_of(root, masks), named, folders, root)


def _says_the_same(root: Path, one: Reading, other: Reading) -> bool:
    """Return whether the masks of two readings show the same areas of the same images."""
    masks, others = dict(one.pairs), dict(other.pairs)
    shared = sorted(masks.keys() & others.keys(), key=lambda file: file.name)[:_COMPARED]
    return bool(shared) and all(same_areas(root / masks[image].name, root / others[image].name) for image in shared)


def _two_readings(root: Path, one: Reading, other: Reading) -> DataError:
    """Return the error for a folder with other masks of the same images, or other images of the same masks."""
    what = "masks" if one.images & other.images else "images"
    globs = [globs_of(reading) for reading in (one, other)]
    forms = [tuple(", ".join(map(quoted, side)) for side in pair) for pair in globs]
    lines = [f"images: {images}  masks: {masks}" for images, masks in forms]
    return DataError(
        f"two readings are possible: which are the {what}?",
        where=root,
        hint=f"a data.yaml says which: {lines[0]}  or  {lines[1]};  streetseg init DIR --out FILE.yaml --{what} GLOB"
        f"  writes it for the {what} that GLOB names",
    )


def _require_one_data_set(root: Path, reading: Reading) -> None:
    """Raise DataError if folders side by side hold images and masks of their own, and each its own way."""
    marks: dict[str, set[tuple[str, ...]]] = {}
    for pairing in reading.pairings:
        groups = pairing.image, pairing.mask
        own = tuple(text for group in groups for text in (group.role.part, group.prefix, group.suffix))
        for image, mask in pairing.pairs:
            if not image.folder or image.folder[:1] != mask.folder[:1]:
                return
            marks.setdefault(image.folder[0], set()).add(own)
    if len({frozenset(own) for own in marks.values()}) > 1 and not all(map(is_split, marks)):
        raise DataError(
            f"{len(marks)} data sets in this folder, each with names of its own",
            where=root,
            hint=f"choose one: {' or '.join(str(root / name) for name in first(sorted(marks), _SHOWN))}",
        )


def _nothing_found(root: Path, survey: Survey) -> NothingFoundError:
    return NothingFoundError(
        f"the layout of this folder is not recognized: no images with masks (found {names_in(root)})",
        where=[str(root), *first([error.line for error in survey.unread_errors], _SHOWN)],
        hint="a mask has the name of its image, but for a mark as in 7_mask.png or masks/7.png, and few values in"
        f" areas, which JPEG does not keep; or write {root / 'data.yaml'} that names images:, masks:, splits: and"
        f" classes:, then folder:{root}",
    )
