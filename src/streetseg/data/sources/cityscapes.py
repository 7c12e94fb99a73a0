"""Cityscapes (Cordts et al. 2016) in its published layout: the trees leftImg8bit and gtFine, as folders or zips.

Splits without masks in gtFine, such as train_extra, take their masks from gtCoarse if it exists. gtFine may be missing.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from streetseg.data.files import is_junk, member_place, members, walk
from streetseg.data.issues import Survey
from streetseg.data.mask_code import MaskCode
from streetseg.data.masks import read_mask
from streetseg.data.matching import by_key, pair
from streetseg.data.source import FileSource, Sample
from streetseg.errors import DataError
from streetseg.labels.mappings import label_mapping
from streetseg.labels.space import IGNORE_INDEX
from streetseg.labels.tables import CITYSCAPES_19, CITYSCAPES_34

IMAGES, MASKS, COARSE = "leftImg8bit", "gtFine", "gtCoarse"

_OTHER_ARCHIVES = (".7z", ".rar", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".z01", ".zip.001")

# Each labeled frame is the 20th of a snippet of 30 frames, recorded at this rate (Cordts et al. 2016). Names hold the
# number of the frame within a sequence of a city. If a city is one long sequence, this gives the time between two
# frames. If each snippet is its own sequence (all frame numbers are 19), the time between two snippets is unknown.
FRAMES_PER_SECOND = 17

# The license plate is -1 in the label table; in masks of 8 and 16 bits it becomes 255 and 65535.
_PLATE = (-1, 65535)
_IDS = MaskCode.of(CITYSCAPES_34, ignored=_PLATE)
_TRAIN_IDS = MaskCode.of(CITYSCAPES_19, ignored=_PLATE)

# Ending of a mask's name -> code, the most exact kind first: by color, pole and polegroup are the same.
CODES = {
    "labelIds": MaskCode(CITYSCAPES_34, ids=_IDS.ids, colors=_IDS.colors, ids_only=True),
    "labelTrainIds": MaskCode(CITYSCAPES_19, ids=_TRAIN_IDS.ids, colors=_TRAIN_IDS.colors, ids_only=True),
    "color": MaskCode(CITYSCAPES_34, colors=_IDS.colors),
}

_PROBED = 8  # masks of the test split that are read to find out whether it is labeled


@dataclass
class _Split:
    """The files of a split.

    Args:
        images: key -> place.
        masks: kind -> key -> place.
        tree: the tree that holds the masks.
    """

    images: dict[str, str]
    masks: dict[str, dict[str, str]]
    tree: str = MASKS

    @property
    def has_masks(self) -> bool:
        """Whether there are masks of a supported kind."""
        return any(self.masks.get(kind) for kind in CODES)


def is_cityscapes(root: Path) -> bool:
    """Return whether `root` holds the images of Cityscapes, as folders or archives."""
    return _has_tree(root, IMAGES) or bool(_others(root, IMAGES))


def open_cityscapes(root: Path) -> FileSource:
    """Open the Cityscapes data set in `root`, in the label space of its masks (34 ids, or 19 train ids).

    Every split on disk is opened. A test split without labels, as published, is left out with a note.

    Raises:
        DataError: a tree is missing or empty, or the masks are of different kinds.
    """
    survey = Survey()
    on_disk = _splits(root, survey)
    if not on_disk:
        hint = f"expected SPLIT/CITY/NAME_{IMAGES}.png in it"
        where = [str(root / IMAGES), *(error.line for error in survey.unread_errors)]
        raise DataError("no Cityscapes images in this folder", where=where, hint=hint)
    if "test" in on_disk and len(on_disk) > 1 and not on_disk["test"].has_masks:
        survey.note(f"{root}: the test split has no labels and is left out")
        del on_disk["test"]
    kind = _kind(on_disk, root)
    code = CODES[kind]
    fine = any(split.tree == MASKS and split.masks for split in on_disk.values())
    survey.note(f"{root}: Cityscapes, masks are {MASKS if fine else COARSE}_{kind} in the space {code.space.name}")
    for name, split in on_disk.items():
        if fine and split.tree != MASKS:
            survey.note(f"{root}: masks of {name} are {split.tree}_{kind}")
    splits = {name: _samples(name, split, kind, survey) for name, split in on_disk.items()}
    if "test" in splits and len(splits) > 1 and _all_void(splits["test"], code):
        survey.note(f"{root}: the labels of the test split are void, it is left out")
        del splits["test"]
    return FileSource(f"cityscapes:{root}", code, splits, survey)


def _splits(root: Path, survey: Survey) -> dict[str, _Split]:
    """Return the splits that have images. A split that has only masks is left out with a note."""
    splits: dict[str, _Split] = {}
    images: dict[str, list[tuple[str, str]]] = {}
    for name, place in survey.images_among(_tree(root, IMAGES)).items():
        if match := re.fullmatch(rf"([^/]+)/(.+)_{IMAGES}\.\w+", name):
            images.setdefault(match[1], []).append((match[2], place))
        else:
            survey.skipped[place] = f"not named SPLIT/CITY/NAME_{IMAGES}.png"
    for split, places in sorted(images.items(), key=lambda item: (_usual_order(item[0]), item[0])):
        splits[split] = _Split(by_key(places, "images", survey, split), {})
    coarse_alone = _has_tree(root, COARSE) and not _has_tree(root, MASKS)
    fine = {} if coarse_alone else _masks(_tree(root, MASKS), MASKS, survey)
    for split, masks in fine.items():
        if split in splits:
            splits[split].masks = masks
    if without_images := fine.keys() - splits.keys():
        survey.note(f"{root}: no images of {', '.join(sorted(without_images))}, left out")
    if _has_tree(root, COARSE) and not all(split.has_masks for split in splits.values()):
        for split, masks in _masks(_tree(root, COARSE), COARSE, survey).items():
            if split in splits and not splits[split].has_masks:
                splits[split].masks, splits[split].tree = masks, COARSE
    return splits


def _masks(tree: Mapping[str, str], name: str, survey: Survey) -> dict[str, dict[str, dict[str, str]]]:
    """Return split -> kind -> key -> place of every mask and polygon file in a tree."""
    masks: dict[str, dict[str, dict[str, str]]] = {}
    polygons = {path: place for path, place in tree.items() if path.endswith(f"_{name}_polygons.json")}
    others = {path: place for path, place in tree.items() if path not in polygons}
    for path, place in [*polygons.items(), *survey.images_among(others).items()]:
        if match := re.fullmatch(rf"([^/]+)/(.+)_{name}_(\w+)\.(\w+)", path):
            masks.setdefault(match[1], {}).setdefault(match[3], {})[match[2]] = place
        else:
            survey.skipped[place] = f"not named SPLIT/CITY/NAME_{name}_KIND.png"
    return masks


def _usual_order(split: str) -> int:
    order = ("train", "val", "test")
    return order.index(split) if split in order else len(order)


def _tree(root: Path, tree: str) -> dict[str, str]:
    """Return path below the tree -> place of every file of a tree. Folders take precedence over archives."""
    if folders := _folders(root, tree):
        return {name: str(folder / name) for folder in reversed(folders) for name in walk(folder)}
    if archives := _archives(root, tree):
        return {name: place for archive in reversed(archives) for name, place in _members(archive, tree)}
    if others := _others(root, tree):
        hint = "unpack it here, or put the official zip there, which is read in place"
        raise DataError(f"{tree} is in an archive of a kind that is not read", where=others, hint=hint)
    hint = f"expected the folder {tree} or {tree}_trainvaltest.zip"
    raise DataError(f"no {tree} in this folder", where=root, hint=hint)


def _has_tree(root: Path, tree: str) -> bool:
    return bool(_folders(root, tree) or _archives(root, tree))


def _folders(root: Path, tree: str) -> list[Path]:
    """Return the folder of the tree, or the folders of its archives if each was unpacked into its own folder."""
    if (root / tree).is_dir():
        return [root / tree]
    return sorted(path for path in root.glob(f"{tree}_*/{tree}") if path.is_dir())


def _archives(root: Path, tree: str) -> list[Path]:
    """Return the zips of a tree. Zips of other trees, such as leftImg8bit_blurred.zip, are not among them."""
    zips = [root / f"{tree}.zip", *sorted(root.glob(f"{tree}_train*.zip"))]
    return [path for path in zips if path.is_file()]


def _others(root: Path, tree: str) -> list[Path]:
    """Return the archives of the tree in formats that are not supported."""
    return sorted(path for path in root.glob(f"{tree}*") if path.name.endswith(_OTHER_ARCHIVES))


def _members(archive: Path, tree: str) -> Iterator[tuple[str, str]]:
    """Yield (path below the tree, place) of each member. The tree may lie in a folder; names may have backslashes."""
    for member in members(archive):
        above, mark, name = f"/{member}".replace("\\", "/").partition(f"/{tree}/")
        if mark and not any(map(is_junk, above.split("/")[1:])):
            yield name, member_place(archive, member)


def _kind(splits: Mapping[str, _Split], root: Path) -> str:
    """Return the kind of masks to read: the most exact one that every image has.

    Only the images of train and val count if these splits have masks.
    """
    train_and_val = {name: split for name, split in splits.items() if name in ("train", "val")}
    if any(split.has_masks for split in train_and_val.values()):
        splits = train_and_val
    needed = [(name, key) for name, split in splits.items() for key in split.images]
    counts = {kind: sum(key in splits[name].masks.get(kind, {}) for name, key in needed) for kind in CODES}
    for kind, count in counts.items():
        if count == len(needed):
            return kind
    if not any(counts.values()):
        raise _no_kind(splits, len(needed), root)
    most_frequent = max(counts, key=lambda kind: counts[kind])
    missing = [(name, key) for name, key in needed if key not in splits[name].masks.get(most_frequent, {})]
    if all(any(key in splits[name].masks.get(kind, {}) for kind in CODES) for name, key in missing):
        found = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
        raise DataError(
            f"the masks are of different kinds (found {found} for {len(needed)} images)",
            where=root / MASKS,
            hint="give every image a gtFine_labelIds.png",
        )
    return most_frequent


def _no_kind(splits: Mapping[str, _Split], images: int, root: Path) -> DataError:
    """Return the error for a data set without supported masks. It names the files that exist instead."""
    counts: Counter[str] = Counter()
    for split in splits.values():
        counts.update({kind: len(masks) for kind, masks in split.masks.items()})
    polygons = counts.pop("polygons", 0)
    counts.pop("instanceIds", None)
    if counts:
        name, kind, place = next(
            (name, kind, next(iter(masks.values())))
            for name, split in splits.items()
            for kind, masks in split.masks.items()
            if kind in counts
        )
        found = ", ".join(f"{MASKS}_{kind} ({count})" for kind, count in counts.items())
        return DataError(
            f"masks are {found}, {'none' if len(counts) > 1 else 'which is not one'} of Cityscapes' kinds"
            f" ({', '.join(CODES)})",
            where=root / MASKS,
            hint=("IDD is read as idd:DIR; " if "labellevel3Ids" in counts else "")
            + "describe them in a folder:FILE.yaml, with their classes:"
            f" {_described(MASKS, name, kind, place.rpartition('.')[2])}",
        )
    return DataError(
        f"{images} images have no masks" + (f", only {polygons} files of polygons" if polygons else ""),
        where=root / MASKS,
        hint="cityscapesScripts' csCreateTrainIdLabelImgs draws gtFine_labelTrainIds.png from the polygons",
    )


def _described(tree: str, split: str, kind: str, suffix: str) -> str:
    """Return the line of a YAML file that describes a split with masks of that kind."""
    images, masks = f"{IMAGES}/{split}/*/*_{IMAGES}.*", f"{tree}/{split}/*/*_{tree}_{kind}.{suffix}"
    return f"splits: {{{split}: {{images: '{images}', masks: '{masks}'}}}}"


def _samples(name: str, split: _Split, kind: str, survey: Survey) -> tuple[Sample, ...]:
    pairs = pair(split.images, split.masks.get(kind, {}), survey, name)
    return tuple(Sample(f"{name}/{key}", image, mask, *_moment(key)) for key, image, mask in pairs)


def _moment(key: str) -> tuple[str | None, int | None, float | None]:
    """Return sequence, frame and time in seconds of a key such as "aachen/aachen_000000_000019"."""
    match = re.fullmatch(r"(?:.*/)?([^/]+_\d+)_(\d+)", key)
    return (match[1], int(match[2]), int(match[2]) / FRAMES_PER_SECOND) if match else (None, None, None)


def _all_void(samples: tuple[Sample, ...], code: MaskCode) -> bool:
    """Return whether a few masks of the split hold no scored class. A file that cannot be read counts as False."""
    scored = label_mapping(code.space, CITYSCAPES_19)
    step = max(1, len(samples) // _PROBED)
    try:
        return all((scored[read_mask(sample.mask, code)] == IGNORE_INDEX).all() for sample in samples[::step])
    except DataError:
        return False
