"""CamVid as it is handed around: SegNet's copy with id masks."""

import re
from pathlib import Path

from streetseg.data.files import walk
from streetseg.data.filesource import FileSource
from streetseg.data.masks import MaskCode
from streetseg.data.pairing import by_key, pair
from streetseg.data.pictures import SUFFIXES
from streetseg.data.source import Sample
from streetseg.errors import DataError
from streetseg.labels.spaces import STREET_11

SPLITS = ("train", "val", "test")
SEGNET_VOID = 11  # on disk


def open_camvid(root: Path) -> FileSource:
    """The CamVid data set in `root`.

    Raises:
        DataError: if the layout is not one of CamVid's, or pictures and masks do not pair.
    """
    found = [split for split in SPLITS if (root / split).is_dir() and (root / f"{split}annot").is_dir()]
    if not found:
        raise DataError("not a CamVid folder (expected train and trainannot)", where=root)
    splits = {split: _samples(split, root / split, root / f"{split}annot") for split in found}
    return FileSource(f"camvid:{root}", MaskCode.of(STREET_11, ignored=(SEGNET_VOID,)), splits)


def _samples(split: str, pictures: Path, masks: Path) -> tuple[Sample, ...]:
    pairs = pair(by_key(_stems(pictures), "pictures"), by_key(_stems(masks), "masks"))
    return tuple(Sample(f"{split}/{stem}", picture, mask, *_moment(stem)) for stem, picture, mask in pairs)


def _stems(folder: Path) -> list[tuple[str, str]]:
    paths = [folder / name for name in walk(folder)]
    return [(path.stem, str(path)) for path in paths if path.suffix.lower() in SUFFIXES]


def _moment(stem: str) -> tuple[str | None, int | None]:
    """Video and frame of "0016E5_07959" or "0006R0_f00930"."""
    match = re.fullmatch(r"([^_]+)_\D*(\d+)", stem)
    return (match[1], int(match[2])) if match else (None, None)
