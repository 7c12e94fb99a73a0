"""Find the images that the arguments of a command name, and check images that Python code passes in."""

import glob
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.data.files import is_link, walk
from streetseg.data.formats import VIDEOS
from streetseg.data.images import MAX_PIXELS, WIDE_GRAY, TooLargeError, raw_mode, read_image, to_rgb
from streetseg.data.issues import Survey
from streetseg.errors import RequestError, with_article
from streetseg.inference.output import is_result
from streetseg.recipe.reading import ImageReading

log = logging.getLogger("streetseg")


MASK_FOLDERS = ("masks", "labels", "annotations")  # beside `images`, in data sets as they are handed around


def find_images(inputs: Sequence[str]) -> dict[Path, str]:
    """Return each image once and the name of its results, in the order of `inputs`.

    The images of a folder or pattern are sorted by name. The name of the results is the path of the image in the
    folder, without its suffix; where two images share it, as much of their paths as tells them apart.


    Results of earlier predictions and files in unsupported formats are left out; the log says so.

    Args:
        inputs: files, folders (searched recursively), or patterns such as "street/**/*.jpg". An existing path is never
            read as a pattern.

    Raises:
        RequestError: there are no inputs, an input does not exist or holds no image, or a folder is a data set, with
            masks of the same names beside its images.
    """
    if not inputs or "" in inputs:
        problem = "no image is named" if not inputs else "the name of an image is an empty text"
        raise RequestError(problem, hint="name images, folders of images, or a quoted pattern")
    _require_files_on_disk(inputs)
    missing: list[str] = []
    found: dict[Path, Path] = {}  # the real path of each image -> the path as named
    names: dict[Path, str] = {}  # the real path of each image -> its path in the input
    survey = Survey()
    for text in inputs:
        images = _matching_images(text, survey)
        for path in images:
            key = path.resolve()
            if key not in found:
                found[key] = path
                names[key] = (path.relative_to(text) if Path(text).is_dir() else Path(path.name)).as_posix()
        if not images:
            missing.append(text)
    if missing:
        raise RequestError(
            "no image found",
            where=[*missing, *(error.line for error in survey.unread_errors)],
            hint="name images, folders of images, or a quoted pattern",
        )
    if survey.unread:
        log.warning("%s", survey.unread_words)
    results = [key for key, path in found.items() if is_result(path)]
    if len(results) == len(found):
        raise RequestError("every image is a result of an earlier prediction", where=inputs, hint="name other images")
    if results:
        log.info("%d results of earlier predictions are left out, first %s", len(results), found[results[0]])
    for key in results:
        del found[key]

    stems = {path.stem for path in found.values()}
    if len(stems) < len(found) and (hint := _images_alone(inputs)):
        raise RequestError("a data set with masks, expected its images alone", where=inputs, hint=hint)
    return dict(zip(found.values(), _unique(list(found), names), strict=True))


def _stem(name: str) -> str:
    """Return a relative path with forward slashes without its suffix."""
    return str(PurePosixPath(name).with_suffix(""))


def _unique(images: Sequence[Path], names: Mapping[Path, str]) -> list[str]:
    """Return a name for each image that no other image has, the same ones for the same images.

    Args:
        images: real paths.
        names: the path of each image in the input that named it.
    """
    unique = {key: _stem(names[key]) for key in images}
    for parents in count():
        times = Counter(unique.values())
        shared = [key for key in images if times[unique[key]] > 1]
        if not shared:
            return [unique[key] for key in images]
        for key in shared:
            parts = len(PurePosixPath(names[key]).parts) + parents
            unique[key] = "/".join(part for part in key.parts[-parts:] if part != key.anchor)
    raise AssertionError("real paths differ")


def _require_files_on_disk(inputs: Sequence[str]) -> None:
    """Raise RequestError for addresses of the web and for videos, which are no images on this machine."""
    if links := [text for text in inputs if is_link(text)]:
        raise RequestError("this is an address, expected files", where=links, hint="download them, and name the files")
    if videos := [text for text in inputs if Path(text).suffix.lower() in VIDEOS]:
        hint = f"save its frames as images, and name their folder: ffmpeg -i {videos[0]} frames/%06d.png"
        raise RequestError("this is a video, expected images", where=videos, hint=hint)


def _images_alone(inputs: Sequence[str]) -> str | None:
    """Return the hint for a data set with masks beside its images; None if no input has both."""
    folders = [Path(text) / "images" for text in inputs]
    found = [
        str(folder)
        for folder in folders
        if folder.is_dir() and any((folder.parent / masks).is_dir() for masks in MASK_FOLDERS)
    ]
    return f"name the images without their masks: {', '.join(found)}" if found else None


def require_image(
    image: object, reading: ImageReading, *, max_megapixels: float = MAX_PIXELS / 1e6
) -> NDArray[np.uint8]:
    """An image from Python as uint8 RGB (H, W, 3).

    Args:
        image: an array of that dtype and shape, a PIL image, or the path of a file.
        reading: how a PIL image or a file becomes 8-bit RGB.
        max_megapixels: larger files are refused from their header.

    Raises:
        FileError: the file cannot be read.
        RequestError: `image` is anything else; the message says what it is, and the hint how to convert it.
    """
    if isinstance(image, (str, Path)):
        try:
            return read_image(str(image), max_pixels=round(max_megapixels * 1e6), reading=reading)
        except TooLargeError as error:  # whose hint is a field of the recipe
            hint = "--max-megapixels N raises the limit"
            raise TooLargeError(error.place, error.problem, error.detail, hint=hint) from None
    if isinstance(image, Image.Image):
        if ";16" in raw_mode(image) and image.mode not in WIDE_GRAY and reading.range != "full":
            problem = f"PIL keeps 8 of the 16 bits of this image, but the model needs data.range={reading.range}"
            raise RequestError(problem, hint="give its path")
        return to_rgb(image.copy(), "PIL image", reading)[0]
    if not isinstance(image, np.ndarray):
        raise no_image(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise RequestError(
            f"image is {image.dtype} of shape {image.shape} (expected uint8 RGB of shape (H, W, 3))",
            hint=_cure(image),
        )
    return image


def no_image(image: object) -> RequestError:
    """Return the error of an object that is no image; the hint says how to convert it."""
    match image:
        case Mapping():
            hint = "list(images.values()) for the images of a dict"
        case list() | tuple():
            hint = "one list of images, with no list in it; np.array(image, np.uint8) for the numbers of an image"
        case _ if hasattr(image, "permute"):
            hint = "for a torch tensor (3, H, W): image.permute(1, 2, 0).cpu().numpy()"
        case _:
            hint = "the path of an image or folder, a PIL image, uint8 RGB of shape (H, W, 3), or a list of these"
    kind = type(image)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return RequestError(f"image is {with_article(name)} (expected a path, a PIL image or a numpy array)", hint=hint)


def _cure(image: NDArray[np.generic]) -> str | None:
    """Return code that converts an array to uint8 RGB (H, W, 3), first its shape, then its values; None if none can."""
    if not image.size:
        return None
    match image.shape:
        case (_, _, 3):
            cure = "image"
        case (3, _, _):
            cure = "image.transpose(1, 2, 0)"
        case (_, _, 4):
            cure = "image[..., :3]"
        case (4, _, _):
            cure = "image[:3].transpose(1, 2, 0)"
        case (_, _):
            cure = "np.stack([image] * 3, axis=-1)"
        case (_, _, 1):
            cure = "np.repeat(image, 3, axis=2)"
        case (1, _, _):
            cure = "np.repeat(image.transpose(1, 2, 0), 3, axis=2)"
        case (_, _, _, _):
            return "one image at a time: for image in images: model.predict(image)"
        case _:
            return None
    if np.issubdtype(image.dtype, np.floating):
        cure = f"({cure} * 255).round().astype(np.uint8) where the values are 0 to 1"
    elif image.dtype == np.bool_:
        cure = f"{cure}.astype(np.uint8) * 255"
    elif image.dtype != np.uint8:
        cure = f"{cure}.astype(np.uint8) where the values are 0 to 255"
    return cure


def _matching_images(text: str, unread: Survey) -> list[Path]:
    """Return the images that one argument names. Add files in unsupported formats to `unread`."""
    path = Path(text)
    if path.is_dir():
        survey = Survey()
        images = survey.images_among({name: str(path / name) for name in walk(path)})
        if survey.skipped:
            log.info("%s: %s", path, survey.skipped_words)
        unread.unread |= survey.unread
        return [path / name for name in images]
    if path.exists():
        return [path]
    names = sorted(glob.glob(text, recursive=True))  # noqa: PTH207  # Path.glob accepts no absolute pattern
    matches = [Path(name) for name in names if Path(name).is_file()]
    return [match for match in matches if unread.images_among({match.name: str(match)})]
