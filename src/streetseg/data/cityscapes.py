"""Cityscapes (Cordts et al. 2016) in its published layout: the trees leftImg8bit and gtFine, as folders or zips."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from streetseg.data.files import member_place, members, walk
from streetseg.data.filesource import FileSource
from streetseg.data.masks import MaskCode, read_mask
from streetseg.data.pairing import by_key, pair
from streetseg.data.source import Sample
from streetseg.data.survey import Survey
from streetseg.errors import DataError
from streetseg.labels.bridges import bridge
from streetseg.labels.space import IGNORE_INDEX
from streetseg.labels.spaces import CITYSCAPES_19, CITYSCAPES_34

PICTURES, MASKS = "leftImg8bit", "gtFine"

# The labelled frames are each the 20th of a snippet of 30, cut from drives recorded at this rate (Cordts et al. 2016).
# Names number the frames within one sequence of a city: where a city is one long sequence, they tell how far apart two
# frames are; where each snippet is a sequence of its own (all frames are 19), nothing says what lies between two.
FRAMES_PER_SECOND = 17

# The licence plate is -1 in the label table; writers of 8 and 16 bits make it 255 and 65535.
_PLATE = (-1, 65535)
_IDS = MaskCode.of(CITYSCAPES_34, ignored=_PLATE)
_TRAIN_IDS = MaskCode.of(CITYSCAPES_19, ignored=_PLATE)

# Kinds of masks by the ending of their names, the most exact first: colours cannot tell a pole from a group of poles.
_CODES = {
    "labelIds": MaskCode(CITYSCAPES_34, ids=_IDS.ids),
    "labelTrainIds": MaskCode(CITYSCAPES_19, ids=_TRAIN_IDS.ids),
    "color": MaskCode(CITYSCAPES_34, colors=_IDS.colors),
}

_PROBED = 8  # masks of the test split that are read to see whether it is labelled at all


@dataclass
class _Split:
    """What the two trees hold of a split: key -> place, the masks by kind."""

    pictures: dict[str, str]
    masks: dict[str, dict[str, str]]
    polygons: int


def is_cityscapes(root: Path) -> bool:
    """Whether `root` holds Cityscapes' pictures."""
    return (root / PICTURES).is_dir() or _archive(root, PICTURES).is_file()


def open_cityscapes(root: Path) -> FileSource:
    """The Cityscapes data set in `root`, in the label space of its masks (34 ids, or 19 train ids).

    Every split on disk is opened, but for a test split without labels, as published: it is left out, which the log
    says.

    Raises:
        DataError: if a tree is missing or empty, or the masks are of different kinds.
    """
    survey = Survey()
    on_disk = _splits(root, survey)
    if not on_disk:
        hint = f"expected SPLIT/CITY/NAME_{PICTURES}.png in it"
        where = [str(root / PICTURES), *(error.line for error in survey.unread_errors)]
        raise DataError("no Cityscapes pictures in this folder", where=where, hint=hint)
    if "test" in on_disk and len(on_disk) > 1 and not any(on_disk["test"].masks.values()):
        survey.note(f"{root}: the test split has no labels and is left out")
        del on_disk["test"]
    kind = _kind(on_disk, root)
    code = _CODES[kind]
    survey.note(f"{root}: Cityscapes, masks are gtFine_{kind} in the space {code.space.name}")
    splits = {name: _samples(name, split, kind, survey) for name, split in on_disk.items()}
    if "test" in splits and len(splits) > 1 and _all_void(splits["test"], code):
        survey.note(f"{root}: the labels of the test split are void, it is left out")
        del splits["test"]
    return FileSource(f"cityscapes:{root}", code, splits, survey)


def _splits(root: Path, survey: Survey) -> dict[str, _Split]:
    """The splits that have pictures; a split with masks alone has nothing to read and is left out."""
    splits: dict[str, _Split] = {}
    pictures: dict[str, list[tuple[str, str]]] = {}
    for name, place in survey.pictures_among(_tree(root, PICTURES)).items():
        if match := re.fullmatch(rf"([^/]+)/(.+)_{PICTURES}\.\w+", name):
            pictures.setdefault(match[1], []).append((match[2], place))
        else:
            survey.skipped[place] = f"not named SPLIT/CITY/NAME_{PICTURES}.png"
    for split, places in sorted(pictures.items(), key=lambda item: (_usual_order(item[0]), item[0])):
        splits[split] = _Split(by_key(places, "pictures", survey), {kind: {} for kind in _CODES}, 0)
    without_pictures = set()
    masks = _tree(root, MASKS)
    polygons = {name: place for name, place in masks.items() if name.endswith(f"_{MASKS}_polygons.json")}
    drawn = {name: place for name, place in masks.items() if name not in polygons}
    for name, place in [*polygons.items(), *survey.pictures_among(drawn).items()]:
        match = re.fullmatch(rf"([^/]+)/(.+)_{MASKS}_(\w+)\.(\w+)", name)
        if match is None:
            survey.skipped[place] = f"not named SPLIT/CITY/NAME_{MASKS}_KIND.png"
            continue
        split, key, kind = match[1], match[2], match[3]
        if split not in splits:
            without_pictures.add(split)
        elif kind in _CODES:
            splits[split].masks[kind][key] = place
        elif kind == "polygons":
            splits[split].polygons += 1
    if without_pictures:
        survey.note(f"{root}: no pictures of {', '.join(sorted(without_pictures))}, left out")
    return splits


def _usual_order(split: str) -> int:
    order = ("train", "val", "test")
    return order.index(split) if split in order else len(order)


def _tree(root: Path, tree: str) -> dict[str, str]:
    """Path below the tree -> place, of every file of leftImg8bit or gtFine; the folder is taken before the archive."""
    folder, archive = root / tree, _archive(root, tree)
    if folder.is_dir():
        return {name: str(folder / name) for name in walk(folder)}
    if archive.is_file():
        names = [name.removeprefix(f"{tree}/") for name in members(archive) if name.startswith(f"{tree}/")]
        return {name: member_place(archive, f"{tree}/{name}") for name in names}
    hint = f"expected the folder {tree} or {archive.name}"
    raise DataError(f"no {tree} in this folder", where=root, hint=hint)


def _archive(root: Path, tree: str) -> Path:
    return root / f"{tree}_trainvaltest.zip"


def _kind(splits: Mapping[str, _Split], root: Path) -> str:
    """The kind of masks to read: the most exact that every picture has."""
    wanted = [(name, key) for name, split in splits.items() for key in split.pictures]
    having = {kind: sum(key in splits[name].masks[kind] for name, key in wanted) for kind in _CODES}
    for kind, count in having.items():
        if count == len(wanted):
            return kind
    if not any(having.values()):
        polygons = sum(split.polygons for split in splits.values())
        raise DataError(
            f"{len(wanted)} pictures have no masks" + (f", only {polygons} files of polygons" if polygons else ""),
            where=root / MASKS,
            hint="cityscapesScripts' csCreateTrainIdLabelImgs draws gtFine_labelTrainIds.png from the polygons",
        )
    fullest = max(having, key=lambda kind: having[kind])
    missing = [(name, key) for name, key in wanted if key not in splits[name].masks[fullest]]
    if all(any(key in masks for masks in splits[name].masks.values()) for name, key in missing):
        found = ", ".join(f"{count} {kind}" for kind, count in having.items() if count)
        raise DataError(
            f"the masks are of different kinds (found {found} for {len(wanted)} pictures)",
            where=root / MASKS,
            hint="give every picture a gtFine_labelIds.png",
        )
    return fullest


def _samples(name: str, split: _Split, kind: str, survey: Survey) -> tuple[Sample, ...]:
    pairs = pair(split.pictures, split.masks[kind], survey)
    return tuple(Sample(f"{name}/{key}", picture, mask, *_moment(key)) for key, picture, mask in pairs)


def _moment(key: str) -> tuple[str | None, int | None, float | None]:
    """City with sequence number, frame, and time in seconds, of "aachen/aachen_000000_000019"."""
    match = re.fullmatch(r"(?:.*/)?([^/]+_\d+)_(\d+)", key)
    return (match[1], int(match[2]), int(match[2]) / FRAMES_PER_SECOND) if match else (None, None, None)


def _all_void(samples: tuple[Sample, ...], code: MaskCode) -> bool:
    """Whether some masks, spread over the split, hold nothing that is scored. Damaged files are not judged here."""
    scored = bridge(code.space, CITYSCAPES_19)
    step = max(1, len(samples) // _PROBED)
    try:
        return all((scored[read_mask(sample.label, code)] == IGNORE_INDEX).all() for sample in samples[::step])
    except DataError:
        return False
