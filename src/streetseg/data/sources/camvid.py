"""CamVid in its usual layouts: SegNet's masks of ids, or the original images with masks in 32 colors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from streetseg.data.files import FileError, listing, walk
from streetseg.data.issues import Failure, Survey
from streetseg.data.mask_code import MaskCode
from streetseg.data.mask_values import mask_values
from streetseg.data.matching import by_key, nothing_pairs, pair, pairs_at_all, sample_name
from streetseg.data.source import FileSource, Sample
from streetseg.data.sources.camvid_table import by_own_table
from streetseg.data.splits import SplitList, listed_splits
from streetseg.errors import DataError
from streetseg.labels.tables import CAMVID_32, STREET_11

SPLITS = ("train", "val", "test")
_FASTAI = "valid.txt"  # the one list in fastai's copy
FRAMES_PER_SECOND = 30  # of the videos; image names hold the number of the frame (Brostow et al. 2009)

# SegNet's masks: ids 0..10 as in street-11, 11 is void.
SEGNET = MaskCode.of(STREET_11, ignored=(11,))
# The authors' masks: NAME_L.png in colors. Some copies have NAME_P.png with ids in the order of the color table.
ORIGINAL_COLORS = MaskCode(CAMVID_32, colors=MaskCode.of(CAMVID_32).colors)
ORIGINAL_IDS = replace(MaskCode.of(CAMVID_32), ids_only=True)

_MOST = 0.9  # least share of the pixels of a mask that have the values of a layout


@dataclass(frozen=True)
class Layout:
    """The layout of a copy of CamVid.

    Args:
        folders: split -> (folder of images, folder of masks); only "all" if the images are not sorted by split.
        mark: what follows the stem of the image in the stem of the mask.
        code: how the masks encode the class of a pixel.
        description: the layout in words, for a note.
    """

    folders: dict[str, tuple[Path, Path]]
    mark: str
    code: MaskCode
    description: str


def find_layout(root: Path) -> Layout | None:
    """Return the layout of the copy of CamVid in `root`; None if it holds no CamVid."""
    for mask_folder, mark, code, description in (
        ("{}annot", "", SEGNET, "SegNet's id masks"),
        ("{}_labels", "_L", ORIGINAL_COLORS, "a folder a split, masks in 32 colors"),
    ):
        folders = {split: (root / split, root / mask_folder.format(split)) for split in SPLITS}
        folders = {split: pair for split, pair in folders.items() if all(folder.is_dir() for folder in pair)}
        if folders:
            return Layout(folders, mark, code, description)
    subfolders = [path for path in listing(root) if path.is_dir()]
    for mark, code, description in (
        ("_L", ORIGINAL_COLORS, "the original, masks in 32 colors"),
        ("_P", ORIGINAL_IDS, "all images in one folder, masks in 32 ids"),
    ):
        for masks in subfolders:
            stems = {path.stem.removesuffix(mark) for path in listing(masks) if path.name.endswith(f"{mark}.png")}
            for images in subfolders:
                if images != masks and any(path.stem in stems for path in listing(images)):
                    return Layout({"all": (images, masks)}, mark, code, description)
    return None


def is_camvid(path: Path) -> bool:
    """Return whether a folder has a layout of CamVid, and masks and table with CamVid's classes: others use such names,
    too."""
    layout = find_layout(path)
    if layout is None:
        return False
    try:
        by_own_table(layout.code, path)
    except DataError:
        return False
    masks = [mask for _, folder in layout.folders.values() for mask in listing(folder)[:1] if mask.suffix == ".png"]
    return not masks or any(map(partial(_fits, layout.code), masks))


def _fits(code: MaskCode, mask: Path) -> bool:
    """Return whether a code has the values of a mask, or the mask cannot be read, which the check reports."""
    try:
        values = mask_values(str(mask))
    except FileError:
        return True
    if values.form == "color" or not code.ids:
        known = [value for value, color in values.shown.items() if color in code.colors]
    else:
        known = [value for value in values.pixels if value in code.ids]
    return sum(values.pixels[value] for value in known) >= _MOST * sum(values.pixels.values())


def open_camvid(root: Path) -> FileSource:
    """Open the CamVid data set in `root`.

    If all images lie in one folder, train.txt, val.txt and test.txt in `root` define the splits, and the images that
    they do not name become the split "unlisted". fastai's valid.txt names the split "val", and the other images are
    "train". Without these files there is one split, "all". A table of the classes in `root` says which ids or colors
    they have.

    Raises:
        DataError: the layout is none of CamVid's, there are no images, or the table names a class that CamVid lacks.
    """
    layout = find_layout(root)
    if layout is None:
        raise DataError(
            "no CamVid in this folder",
            where=root,
            hint="expected train and trainannot, or 701_StillsRaw_full and LabeledApproved_full with NAME_L.png",
        )
    survey = Survey()
    survey.note(f"{root}: CamVid, {layout.description}")
    code, table = by_own_table(layout.code, root)
    if table:
        survey.note(f"{table}: the classes of the masks")
    splits = {split: _samples(split, *folders, layout.mark, survey) for split, folders in layout.folders.items()}
    if not any(splits.values()) and not survey.failures:
        folders = [str(images) for images, _ in layout.folders.values()]
        raise DataError(
            "no images in this folder",
            where=[*folders, *(error.line for error in survey.unread_errors)],
            hint="was the data set unpacked completely?",
        )
    if "all" in splits:
        splits = _sorted_by_lists(splits["all"], root, survey)
    return FileSource(f"camvid:{root}", code, splits, survey)


def _samples(split: str, images: Path, masks: Path, mark: str, survey: Survey) -> tuple[Sample, ...]:
    folder = "" if split == "all" else split
    by_image = by_key(_stems(images, "", survey), "images", survey, folder)
    by_mask = by_key(_stems(masks, mark, survey), "masks", survey, folder)
    if by_image and by_mask and not pairs_at_all(by_image, by_mask):
        error = nothing_pairs(by_image, by_mask, f"{images} and {masks}")
        survey.failures.append(Failure(split, error, frozenset({split})))
        return ()
    pairs = pair(by_image, by_mask, survey, folder)
    return tuple(Sample(sample_name(stem, folder), image, mask, *_moment(stem)) for stem, image, mask in pairs)


def _stems(folder: Path, mark: str, survey: Survey) -> Iterator[tuple[str, str]]:
    for place in survey.images_among({name: str(folder / name) for name in walk(folder)}).values():
        yield Path(place).stem.removesuffix(mark), place


def _moment(stem: str) -> tuple[str | None, int | None, float | None]:
    """Return video, frame and time in seconds of a stem such as "0016E5_07959" or "0006R0_f00930"."""
    match = re.fullmatch(r"([^_]+)_\D*(\d+)", stem)
    return (match[1], int(match[2]), int(match[2]) / FRAMES_PER_SECOND) if match else (None, None, None)


def _sorted_by_lists(samples: tuple[Sample, ...], root: Path, survey: Survey) -> dict[str, tuple[Sample, ...]]:
    lists = {split: SplitList.read(root / f"{split}.txt") for split in SPLITS if (root / f"{split}.txt").is_file()}
    rest = "unlisted" if lists else "all"
    if not lists and (root / _FASTAI).is_file():
        lists, rest = {"val": SplitList.read(root / _FASTAI)}, "train"
    splits = listed_splits(samples, lists, survey)
    survey.failures = [
        failure if failure.splits else replace(failure, splits=frozenset({rest})) for failure in survey.failures
    ]
    if not lists:
        return {"all": samples}
    listed = {sample.name for split in splits.values() for sample in split}
    unlisted = tuple(sample for sample in samples if sample.name not in listed)
    return splits | ({rest: unlisted} if unlisted else {})
