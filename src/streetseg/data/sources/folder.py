"""A user's own data set: images and masks in folders, described by a YAML file."""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from streetseg.data.files import FileError
from streetseg.data.formats import ARRAY
from streetseg.data.issues import Failure, Survey
from streetseg.data.mask_code import CHANNELS, MaskCode
from streetseg.data.matching import by_key, matching, nothing_pairs, pair, pairs_at_all, sample_name
from streetseg.data.source import FileSource, Sample
from streetseg.data.sources.folder_file import FolderFile, FolderSplit, Split, read_folder_file
from streetseg.data.sources.shapes.labelme import LABEL_NAMES
from streetseg.data.splits import Entry, SplitList, listed_splits
from streetseg.errors import DataError
from streetseg.labels.space import IGNORE_INDEX, LabelSpace, fresh_colors
from streetseg.labels.tables import space
from streetseg.text import read_text

_SHOWN = 3  # files named in one message


def open_folder(path: Path) -> FileSource:
    """Open the data set that a YAML file describes; `FolderFile` has its fields.

    Raises:
        DataError: the file has mistakes (each is named with its line), or a glob matches nothing.
        RequestError: the file names an unknown label space.
    """
    survey = Survey()
    return described_source(read_folder_file(path, survey.note), path, f"folder:{path}", survey)


def described_source(description: FolderFile, path: Path, spec: str, survey: Survey) -> FileSource:
    """Return the data set that a description in `path`, which need not exist, describes. Raise as `open_folder`."""
    code = mask_code(description, path.stem)
    splits = {
        split: _of_split(split, choice, path, survey)
        for split, choice in description.splits.items()
        if isinstance(choice, FolderSplit)
    }
    if description.images and description.masks:
        unsorted = Survey(survey.notes, survey.skipped, survey.unread)
        samples = _samples("", description.images, description.masks, path, unsorted)
        splits |= _sorted(samples, description.splits, path, unsorted)
        survey.failures += unsorted.failures
    ordered = {split: splits[split] for split in description.splits} or splits
    _require_one_numbering([sample.mask for samples in ordered.values() for sample in samples], path)
    survey.failures = _without_shared(survey.failures, ordered)
    return FileSource(spec, code, ordered, survey, defaults=description.defaults(path.parent))


def _require_one_numbering(masks: Iterable[str], path: Path) -> None:
    """Raise DataError if labelme_json_to_dataset wrote the masks: each counts its ids anew, by a file beside it."""
    tables = [folder / LABEL_NAMES for folder in {Path(mask).parent for mask in masks}]
    texts = {read_text(table) for table in tables if table.is_file()}
    if len(texts) > 1:
        problem = "the ids of these masks are counted anew in each image"
        hint = f"labelme:{path.parent}  reads them by {LABEL_NAMES}"
        raise DataError(problem, where=[path, *sorted(map(str, tables))[:_SHOWN]], hint=hint)


def _without_shared(failures: list[Failure], splits: Mapping[str, tuple[Sample, ...]]) -> list[Failure]:
    """Return the failures without those of files that are part of a sample of another split.

    Splits may share a folder: masks/*.png holds the masks of images/train/*.jpg and of images/val/*.jpg.
    """
    used = {(place, split) for split, samples in splits.items() for one in samples for place in (one.image, one.mask)}

    def is_used_elsewhere(failure: Failure) -> bool:
        others = splits.keys() - failure.splits if failure.splits else ()
        return isinstance(failure.error, FileError) and any((failure.error.place, split) in used for split in others)

    return [failure for failure in failures if not is_used_elsewhere(failure)]


def mask_code(description: FolderFile, name: str) -> MaskCode:
    """Return how the masks encode the class of a pixel.

    Args:
        description: the content of the YAML file.
        name: the name of the label space if the file gives none.
    """
    channel = CHANNELS.index(description.channel) if description.channel is not None else None
    code = replace(_named_code(description, name), channel=channel, others_ignored=description.other == "ignore")
    return code if channel is None else replace(code, colors={}, ids_written=True)


def _named_code(description: FolderFile, name: str) -> MaskCode:
    """Return the meaning of the ids and colors that the file names."""
    ignored_colors = dict.fromkeys(description.ignored_colors, IGNORE_INDEX)
    ignored_ids = dict.fromkeys(description.ignore, IGNORE_INDEX)
    if description.space is not None:
        code = MaskCode.of(space(description.space))
        return MaskCode(code.space, {**code.ids, **ignored_ids}, {**code.colors, **ignored_colors})
    classes = description.classes or ()
    colors = {color: i for i, one in enumerate(classes) for color in one.colors}
    new_colors = fresh_colors(colors)
    label_space = LabelSpace(
        description.name or name,
        tuple(one.name for one in classes),
        tuple(one.colors[0] if one.colors else next(new_colors) for one in classes),
    )
    ids = {value: i for i, one in enumerate(classes) for value in one.id or (i,)}
    return MaskCode(
        label_space,
        {**ignored_ids, **ids},
        {**ignored_colors, **colors},
        ids_written=description.ids_written or not colors,
        asks_255=len(classes) > 1 and IGNORE_INDEX not in ids and "ignore" not in description.model_fields_set,
    )


def _of_split(split: str, choice: FolderSplit, path: Path, survey: Survey) -> tuple[Sample, ...]:
    """Return the samples of a split with its own globs. Globs that match nothing are a failure of this split only."""
    try:
        return _samples(split, choice.images, choice.masks, path, survey)
    except DataError as error:
        survey.failures.append(Failure(split, error, frozenset({split})))
        return ()


def _sorted(
    samples: tuple[Sample, ...], choices: Mapping[str, Split], path: Path, survey: Survey
) -> dict[str, tuple[Sample, ...]]:
    """Sort samples of common globs into splits by shares, or by lists of names; else they are one split, "all"."""
    shares = {split: share for split, share in choices.items() if isinstance(share, float)}
    lists = {split: _list(split, choice, path) for split, choice in choices.items() if isinstance(choice, (str, tuple))}
    if lists:
        return listed_splits(samples, lists, survey)
    splits = _by_share(samples, shares) if shares else {} if choices else {"all": samples}
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
    image_keys = _matching(images, "images", path, survey)
    mask_keys = _matching(masks, "masks", path, survey)
    image_keys, mask_keys = _distinguished(image_keys, mask_keys, path, survey)
    by_image = by_key(((key, place) for place, key in image_keys.items()), "images", survey, split)
    by_mask = by_key(((key, place) for place, key in mask_keys.items()), "masks", survey, split)
    if not pairs_at_all(by_image, by_mask):
        raise nothing_pairs(by_image, by_mask, f"{path}: {' or '.join(images)} and {' or '.join(masks)}")
    pairs = pair(by_image, by_mask, survey, split)
    return tuple(Sample(sample_name(key, split), image, mask) for key, image, mask in pairs)


def _matching(patterns: tuple[str, ...], what: str, path: Path, survey: Survey) -> dict[str, str]:
    """Return place -> key of every file that the globs match. Raise DataError if there is none."""
    also = (ARRAY,) if what == "masks" else ()
    keys = {place: key for pattern in patterns for key, place in matching(path.parent, pattern, survey, also)}
    if not keys:
        raise DataError(
            f"no {what} match {' or '.join(patterns)}",
            where=[path, *(error.line for error in survey.unread_errors)],
            hint=_no_match_hint(patterns, path),
        )
    return keys


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
    """Assign files that the globs of images and of masks both match to the narrower glob. Return images and masks.

    Raises:
        DataError: neither glob is narrower.
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


def _by_share(samples: tuple[Sample, ...], shares: dict[str, float]) -> dict[str, tuple[Sample, ...]]:
    """Split samples by shares in the order of a hash of their names, so that the splits are the same everywhere."""
    shuffled = sorted(
        samples, key=lambda sample: hashlib.sha256(sample.name.encode("utf-8", "surrogateescape")).digest()
    )
    splits: dict[str, tuple[Sample, ...]] = {}
    start = 0.0
    for split, share in shares.items():
        end = start + share
        selected = shuffled[round(start * len(shuffled)) : round(end * len(shuffled))]
        splits[split] = tuple(sorted(selected, key=lambda sample: sample.name))
        start = end
    return splits
