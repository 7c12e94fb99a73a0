"""VOC with labelmap.txt, as CVAT ("Segmentation mask 1.1") and Datumaro export masks: SegmentationClass in colors.

labelmap.txt names each class with its color. The class "ignored", and the border color of VOC, are ignored.
"""

import re
from dataclasses import replace
from pathlib import Path

from streetseg.data.files import FileError, listing, walk
from streetseg.data.issues import Survey
from streetseg.data.mask_code import MaskCode
from streetseg.data.matching import by_key, nothing_pairs, pair, pairs_at_all
from streetseg.data.source import FileSource, Sample
from streetseg.data.sources.shapes.collect import split_of
from streetseg.data.splits import SplitList, listed_splits
from streetseg.errors import DataError
from streetseg.labels.space import IGNORE_INDEX, Color, LabelSpace
from streetseg.text import read_text

_MAP, _IMAGES, _MASKS, _LISTS = "labelmap.txt", "JPEGImages", "SegmentationClass", "ImageSets/Segmentation"
_BOTH = "trainval"
_IGNORED = "ignored"
_BORDER = (224, 224, 192)
_LINE = re.compile(r"([^:]+):(\d{1,3}),(\d{1,3}),(\d{1,3})(:.*)?")


def is_voc(path: Path) -> bool:
    """Return whether a folder holds labelmap.txt and SegmentationClass."""
    return (path / _MAP).is_file() and (path / _MASKS).is_dir()


def open_voc(path: Path) -> FileSource:
    """Open a folder. The lists in ImageSets/Segmentation are the splits; without them there is "all".

    Raises:
        DataError: labelmap.txt, the images or the masks are missing or cannot be used.
    """
    if not is_voc(path):
        hint = f"expected {_MAP}, {_IMAGES} and {_MASKS} in it"
        raise DataError("no VOC export with a label map in this folder", where=path, hint=hint)
    if not (path / _IMAGES).is_dir():
        hint = 'export again with "Save images", or put the images into this folder'
        raise DataError("the export has no images", where=path / _IMAGES, hint=hint)
    survey = Survey()
    code = _code(path / _MAP)
    images, masks = (_files(path / name, survey) for name in (_IMAGES, _MASKS))
    if not pairs_at_all(images, masks):
        if images and masks:
            raise nothing_pairs(images, masks, f"{path / _IMAGES} and {path / _MASKS}")
        raise DataError(f"no images in {_IMAGES} or no masks in {_MASKS}", where=path)
    survey.note(f"{path}: VOC with {_MAP}, {code.space.num_classes} classes")
    samples = tuple(Sample(*one) for one in pair(images, masks, survey))
    if lists := _lists(path / _LISTS):
        return FileSource(f"voc:{path}", code, listed_splits(samples, lists, survey), survey)
    survey.failures = [replace(failure, splits=frozenset({"all"})) for failure in survey.failures]
    return FileSource(f"voc:{path}", code, {"all": samples}, survey)


def _files(folder: Path, survey: Survey) -> dict[str, str]:
    """Return path below the folder without suffix -> place of every image in it."""
    places = survey.images_among({name: str(folder / name) for name in walk(folder)})
    keys = ((Path(name).with_suffix("").as_posix(), place) for name, place in places.items())
    return by_key(keys, folder.name, survey)


def _lists(folder: Path) -> dict[str, SplitList]:
    """Return split -> list. The list of train and val together counts only if one of them is missing."""
    files = [file for file in listing(folder) if file.suffix.lower() == ".txt"] if folder.is_dir() else []
    lists = {split_of(file.stem) or file.stem: SplitList.read(file) for file in files}
    return {split: lines for split, lines in lists.items() if split != _BOTH or not {"train", "val"} <= lists.keys()}


def _code(file: Path) -> MaskCode:
    """Return what the colors of the masks mean. Raise FileError for a line without a class and its color."""
    names: list[str] = []
    colors: dict[Color, int] = {_BORDER: IGNORE_INDEX}
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        color = (int(match[2]), int(match[3]), int(match[4])) if match else (256, 256, 256)
        if not match or max(color) > 255 or match[1] in names:
            raise FileError(file, "a line of the label map is not NAME:RED,GREEN,BLUE::", f"line {number}")
        if match[1] == _IGNORED:
            colors[color] = IGNORE_INDEX
            continue
        colors[color] = len(names)
        names.append(match[1])
    try:
        by_id = {index: color for color, index in colors.items()}
        space = LabelSpace(file.parent.name, tuple(names), tuple(by_id[index] for index in range(len(names))))
    except (KeyError, ValueError) as error:
        raise FileError(file, "the label map cannot be used", f"two classes of one color, or {error}") from error
    return MaskCode(space, colors=colors)
