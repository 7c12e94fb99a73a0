"""Somebody's own data: pictures and masks in folders, described by a YAML file."""

import hashlib
from pathlib import Path

from streetseg.data.filesource import FileSource
from streetseg.data.folder_file import FolderFile, FolderSplit, Split, read_folder_file
from streetseg.data.globs import matching
from streetseg.data.masks import MaskCode
from streetseg.data.pairing import by_key, pair
from streetseg.data.source import Sample
from streetseg.data.splits import Entry, listed, listed_splits
from streetseg.data.survey import Survey
from streetseg.errors import DataError
from streetseg.labels.palette import fresh_colors
from streetseg.labels.space import IGNORE_INDEX, LabelSpace
from streetseg.labels.spaces import space


def open_folder(path: Path) -> FileSource:
    """The data set that a YAML file describes; see `FolderFile` for what the file says.

    Raises:
        DataError: if the file is wrong (with the line), or a glob matches nothing.
        RequestError: if it names a label space that is unknown.
    """
    described = read_folder_file(path)
    code, survey = mask_code(described, path.stem), Survey()
    together: tuple[Sample, ...] = ()
    if described.pictures and described.masks:
        together = _samples("", described.pictures, described.masks, path, survey)
    shares = {split: share for split, share in described.splits.items() if isinstance(share, float)}
    if shares:
        splits = _shared_out(together, shares)
    else:
        splits = {split: _chosen(split, choice, together, path, survey) for split, choice in described.splits.items()}
    return FileSource(f"folder:{path}", code, splits or {"all": together}, survey)


def mask_code(described: FolderFile, name: str) -> MaskCode:
    """How the masks say which class a pixel has.

    Args:
        described: the YAML file.
        name: what the label space is called if the file does not say.
    """
    ignored_colors = dict.fromkeys(described.ignore_color, IGNORE_INDEX)
    ignored_ids = dict.fromkeys(described.ignore, IGNORE_INDEX)
    if described.space is not None:
        code = MaskCode.of(space(described.space))
        return MaskCode(code.space, {**code.ids, **ignored_ids}, {**code.colors, **ignored_colors})
    classes = described.classes or ()
    given = {one.color: i for i, one in enumerate(classes) if one.color}
    fresh = fresh_colors(given)
    label_space = LabelSpace(
        described.name or name,
        tuple(one.name for one in classes),
        tuple(one.color or next(fresh) for one in classes),
    )
    ids = {value: i for i, one in enumerate(classes) for value in one.id or (i,)}
    return MaskCode(label_space, {**ignored_ids, **ids}, {**ignored_colors, **given})


def _chosen(split: str, choice: Split, together: tuple[Sample, ...], path: Path, survey: Survey) -> tuple[Sample, ...]:
    """The samples of a split: of its own globs, or of those `together` that a text file or a list names."""
    match choice:
        case FolderSplit():
            return _samples(f"{split}/", choice.pictures, choice.masks, path, survey)
        case str():
            return listed_splits(together, {split: str(path.parent / choice)}, survey)[split]
        case tuple():
            return listed(together, [Entry(name, f"{path}: splits.{split}") for name in choice], survey)
    raise AssertionError(choice)


def _samples(
    prefix: str, pictures: tuple[str, ...], masks: tuple[str, ...], path: Path, survey: Survey
) -> tuple[Sample, ...]:
    pairs = pair(_matching(pictures, "pictures", path, survey), _matching(masks, "masks", path, survey), survey)
    return tuple(Sample(prefix + key, picture, mask) for key, picture, mask in pairs)


def _matching(patterns: tuple[str, ...], what: str, path: Path, survey: Survey) -> dict[str, str]:
    found = {place: key for pattern in patterns for key, place in matching(path.parent, pattern, survey)}
    if not found:
        raise DataError(
            f"no {what} match {' or '.join(patterns)}",
            where=[path, *(error.line for error in survey.unread_errors)],
            hint=f"globs start at {path.parent}",
        )
    return by_key(((key, place) for place, key in found.items()), what, survey)


def _shared_out(samples: tuple[Sample, ...], shares: dict[str, float]) -> dict[str, tuple[Sample, ...]]:
    """Each split's share, drawn by a hash of the names: the same on every machine and in every order of files."""
    drawn = sorted(samples, key=lambda sample: hashlib.sha256(sample.name.encode("utf-8", "surrogateescape")).digest())
    splits: dict[str, tuple[Sample, ...]] = {}
    start = 0.0
    for split, share in shares.items():
        end = start + share
        chosen = drawn[round(start * len(drawn)) : round(end * len(drawn))]
        splits[split] = tuple(sorted(chosen, key=lambda sample: sample.name))
        start = end
    return splits
