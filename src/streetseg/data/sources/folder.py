"""Somebody's own data: images and masks in folders, described by a YAML file."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from streetseg.data.issues import Failure, Survey
from streetseg.data.masks import MaskCode
from streetseg.data.matching import by_key, matching, nothing_pairs, pair, pairs_at_all, sample_name
from streetseg.data.source import FileSource, Sample
from streetseg.data.sources.folder_file import FolderFile, FolderSplit, Split, read_folder_file
from streetseg.data.splits import Entry, SplitList, listed_splits
from streetseg.errors import DataError
from streetseg.labels.space import IGNORE_INDEX, LabelSpace, fresh_colors
from streetseg.labels.tables import space

_SHOWN = 3  # files named in one message


def open_folder(path: Path) -> FileSource:
    """The data set that a YAML file describes; see `FolderFile` for what the file says.

    Raises:
        DataError: if the file is wrong (with the line), or a glob matches nothing.
        RequestError: if it names a label space that is unknown.
    """
    survey = Survey()
    described = read_folder_file(path, survey.note)
    code = mask_code(described, path.stem)
    splits = {
        split: _of_split(split, choice, path, survey)
        for split, choice in described.splits.items()
        if isinstance(choice, FolderSplit)
    }
    if described.images and described.masks:
        below = Survey(survey.notes, survey.skipped)
        together = _samples("", described.images, described.masks, path, below)
        splits |= _sorted(together, described.splits, path, below)
        survey.failures += below.failures
    ordered = {split: splits[split] for split in described.splits} or splits
    return FileSource(f"folder:{path}", code, ordered, survey)


def mask_code(described: FolderFile, name: str) -> MaskCode:
    """How the masks say which class a pixel has.

    Args:
        described: the YAML file.
        name: what the label space is called if the file does not say.
    """
    ignored_colors = dict.fromkeys(described.ignored_colors, IGNORE_INDEX)
    ignored_ids = dict.fromkeys(described.ignore, IGNORE_INDEX)
    if described.space is not None:
        code = MaskCode.of(space(described.space))
        return MaskCode(code.space, {**code.ids, **ignored_ids}, {**code.colors, **ignored_colors})
    classes = described.classes or ()
    given = {color: i for i, one in enumerate(classes) for color in one.colors}
    fresh = fresh_colors(given)
    label_space = LabelSpace(
        described.name or name,
        tuple(one.name for one in classes),
        tuple(one.colors[0] if one.colors else next(fresh) for one in classes),
    )
    ids = {value: i for i, one in enumerate(classes) for value in one.id or (i,)}
    return MaskCode(
        label_space,
        {**ignored_ids, **ids},
        {**ignored_colors, **given},
        ids_written=described.ids_written or not given,
        asks_255=len(classes) > 1 and IGNORE_INDEX not in ids and "ignore" not in described.model_fields_set,
    )


def _of_split(split: str, choice: FolderSplit, path: Path, survey: Survey) -> tuple[Sample, ...]:
    """The samples of a split's own globs. Globs that name nothing are a fault of this split alone."""
    try:
        return _samples(split, choice.images, choice.masks, path, survey)
    except DataError as error:
        survey.failures.append(Failure(split, error, frozenset({split})))
        return ()


def _sorted(
    together: tuple[Sample, ...], choices: Mapping[str, Split], path: Path, survey: Survey
) -> dict[str, tuple[Sample, ...]]:
    """The splits of the samples that lie together: their shares, or what text files and lists name; else one split."""
    shares = {split: share for split, share in choices.items() if isinstance(share, float)}
    lists = {split: _list(split, choice, path) for split, choice in choices.items() if isinstance(choice, (str, tuple))}
    if lists:
        return listed_splits(together, lists, survey)
    splits = _shared_out(together, shares) if shares else {} if choices else {"all": together}
    survey.failures = [replace(failure, splits=frozenset(splits)) for failure in survey.failures]
    return splits


def _list(split: str, choice: str | tuple[str, ...], path: Path) -> SplitList:
    if isinstance(choice, str):
        return SplitList.read(path.parent / choice.replace("\\", "/"))
    where = f"{path}: splits.{split}"
    return SplitList(where, [Entry(name, where) for name in choice])


def _samples(
    split: str, images: tuple[str, ...], masks: tuple[str, ...], path: Path, survey: Survey
) -> tuple[Sample, ...]:
    of_images = _matching(images, "images", path, survey)
    of_masks = _matching(masks, "masks", path, survey)
    of_images, of_masks = _distinguished(of_images, of_masks, path, survey)
    by_image = by_key(((key, place) for place, key in of_images.items()), "images", survey, split)
    by_mask = by_key(((key, place) for place, key in of_masks.items()), "masks", survey, split)
    if not pairs_at_all(by_image, by_mask):
        raise nothing_pairs(by_image, by_mask, f"{path}: {' or '.join(images)} and {' or '.join(masks)}")
    pairs = pair(by_image, by_mask, survey, split)
    return tuple(Sample(sample_name(key, split), image, mask) for key, image, mask in pairs)


def _matching(patterns: tuple[str, ...], what: str, path: Path, survey: Survey) -> dict[str, str]:
    """Place -> key of every file that the globs name. Raises DataError where there is none."""
    found = {place: key for pattern in patterns for key, place in matching(path.parent, pattern, survey)}
    if not found:
        raise DataError(
            f"no {what} match {' or '.join(patterns)}",
            where=[path, *(error.line for error in survey.unread_errors)],
            hint=_no_match_hint(patterns, path),
        )
    return found


def _no_match_hint(patterns: tuple[str, ...], path: Path) -> str:
    text = " ".join(patterns)
    if not text.isprintable():
        return "in double quotes YAML reads \\t as a tab; write paths with /"
    if os.name != "nt" and re.match(r"[A-Za-z]:[/\\]", text):
        return f"this machine has no drive {text[:2]}; globs start at {path.parent}"
    return f"globs start at {path.parent}"


def _distinguished(
    images: dict[str, str], masks: dict[str, str], path: Path, survey: Survey
) -> tuple[dict[str, str], dict[str, str]]:
    """Both without the files that the globs of both name, which belong to the narrower glob.

    Raises DataError where neither glob is narrower.
    """
    both = images.keys() & masks.keys()
    if not both:
        return images, masks
    if both == masks.keys() != images.keys():
        survey.note(f"{path}: {len(both)} files that `images` and `masks` both name are taken as masks")
        return {place: key for place, key in images.items() if place not in both}, masks
    if both == images.keys() != masks.keys():
        survey.note(f"{path}: {len(both)} files that `images` and `masks` both name are taken as images")
        return images, {place: key for place, key in masks.items() if place not in both}
    raise DataError(
        f"{len(both)} files are named by `images` and by `masks`",
        where=[str(path), *sorted(both)[:_SHOWN]],
        hint="write globs that tell them apart, such as images: '*.jpg', masks: '*_mask.png'",
    )


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
