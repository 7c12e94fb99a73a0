"""The masks of a whole split of Cityscapes, packed for the server of its benchmark."""

import os
import re
import zipfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from PIL import Image

from streetseg.data.images import opened
from streetseg.errors import RequestError, first
from streetseg.inference.output import MAKER

SIZE = (1024, 2048)  # of every image
IMAGES = {"train": 2975, "val": 500, "test": 1525}  # of each split
_NAME = re.compile(r"([a-z-]+_\d{6}_\d{6})_leftImg8bit")


def require_submission(images: Collection[Path], target: Path, max_pixels: int) -> None:
    """Raise RequestError unless the images are one split of Cityscapes, by names, number and size, and ZIP is free."""
    if target.exists() and not _is_ours(target):
        raise _refused("a file is in the way that no earlier prediction wrote", [target], "give another name")
    if others := [path for path in images if not _NAME.fullmatch(path.stem)]:
        raise _refused("no image of Cityscapes", others, "CITY_SEQUENCE_FRAME_leftImg8bit.png are their names")
    splits = {path.parent.parent.name for path in images}
    if len(splits) != 1 or not splits <= set(IMAGES):
        hint = "name one folder: leftImg8bit/test"
        raise _refused("images of no split, or of several", sorted(splits), hint)
    split = splits.pop()
    if len(images) != IMAGES[split]:
        problem = f"{len(images)} images, but the split {split} has {IMAGES[split]}"
        raise _refused(problem, [next(iter(images)).parent.parent], "name the folder of the whole split")
    if others := [path for path in images if _size(path, max_pixels) != SIZE]:
        raise _refused(f"images of another size than {SIZE[0]} x {SIZE[1]}", others, "take the images as published")


def write_submission(masks: Mapping[Path, Path], target: Path) -> None:
    """Pack the mask of each image into a zip, in one step for its readers.

    Args:
        masks: image -> its mask, with Cityscapes label ids.

    Raises:
        RequestError: a mask has another size than its image, or the file cannot be written.
    """
    if others := [mask for mask in masks.values() if _mask_size(mask) != SIZE]:
        raise _refused(f"masks of another size than {SIZE[0]} x {SIZE[1]}", others, "predict them again")
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(temporary, "w") as packed:  # PNG files are compressed already
            packed.comment = MAKER.encode()
            for image, mask in sorted(masks.items(), key=lambda pair: pair[0].name):
                packed.write(mask, f"{_NAME.fullmatch(image.stem)[1]}_labelIds.png")  # type: ignore[index]  # checked
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise RequestError(f"submission cannot be written ({error.strerror or error})", where=target) from error
    finally:
        temporary.unlink(missing_ok=True)


def _refused(problem: str, where: Iterable[object], hint: str) -> RequestError:
    return RequestError(f"no submission: {problem}", where=first([str(one) for one in where], 5), hint=hint)


def _is_ours(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as packed:
            return packed.comment == MAKER.encode()
    except (OSError, zipfile.BadZipFile):
        return False


def _size(path: Path, max_pixels: int) -> tuple[int, int]:
    with opened(str(path), max_pixels) as image:
        return image.height, image.width


def _mask_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.height, image.width
