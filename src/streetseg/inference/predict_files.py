"""Predict many image files: read ahead, label in order, collect what cannot be read.

What the image files turned out to be is said once for all of them.
"""

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.data.files import FileError
from streetseg.data.images import (
    MAX_PIXELS,
    ImageFacts,
    TooLargeError,
    decode_image,
    joined_range,
    range_cure,
    range_words,
)
from streetseg.errors import DataError, RequestError
from streetseg.inference.output import require_no_replacement, result_paths, write_results
from streetseg.inference.predictor import Predictor
from streetseg.recipe.reading import ImageReading

log = logging.getLogger("streetseg")

MAX_MEGAPIXELS = MAX_PIXELS / 1e6  # larger images are refused unless a limit is given

OnImage = Callable[[int, int], None]  # called after each image with the number done and the number of all


@dataclass(frozen=True, eq=False)
class LabeledFile:
    """An image file and its labels.

    Args:
        path: the file.
        image: uint8 RGB (H, W, 3).
        labels: uint8 (H, W), ids of the model's space.
    """

    path: Path
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def predict_files(
    predictor: Predictor,
    files: Sequence[Path],
    *,
    max_megapixels: float = MAX_MEGAPIXELS,
    on_image: OnImage = lambda done, total: None,
) -> Iterator[LabeledFile]:
    """Yield each file with its labels, in order; few images are in memory at a time.

    Raises:
        DataError: after the last one, if files could not be read: one line a file, all in one error.
    """
    reading = predictor.engine.reading
    noticed = Noticed(reading)
    failed: list[FileError] = []
    waiting: deque[tuple[Path, NDArray[np.uint8]]] = deque()  # read, labels still to come

    def readable() -> Iterator[NDArray[np.uint8]]:
        for path in files:
            try:
                image, stored = decode_image(str(path), max_pixels=round(max_megapixels * 1e6), reading=reading)
            except FileError as error:
                failed.append(error)
                continue
            noticed.add(stored)
            waiting.append((path, image))
            yield image

    for done, labels in enumerate(predictor.stream(readable()), start=1):
        yield LabeledFile(*waiting.popleft(), labels)
        on_image(done + len(failed), len(files))
    for sentence in noticed.warnings():
        log.warning("%s", sentence)
    if failed:
        too_large = any(isinstance(error, TooLargeError) for error in failed)
        raise DataError(
            f"{len(failed)} of {len(files)} images cannot be read; the others are labeled",
            where=[error.line for error in failed],
            hint="--max-megapixels N raises the limit" if too_large else None,
        )


def predict_to_folder(
    predictor: Predictor,
    files: Sequence[Path],
    out: Path,
    *,
    overlay: bool = False,
    values: NDArray[np.uint8] | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    on_image: OnImage = lambda done, total: None,
) -> list[dict[str, Any]]:
    """Write the results of each file into a folder, while the next one is predicted.

    Args:
        values: what the file of ids holds for each class, uint8 (C,); None for the ids themselves.

    Returns:
        For each image `input`, the files written by kind, and `size` [H, W].

    Raises:
        RequestError: a result would replace an input or a file that no prediction wrote, or cannot be written.
        DataError: as `predict_files`.
    """
    results = require_free(files, out, overlay=overlay)
    done: list[dict[str, Any]] = []

    def write(file: LabeledFile) -> None:
        try:
            out.mkdir(parents=True, exist_ok=True)
            write_results(results[file.path], file.image, file.labels, predictor.space, values)
        except OSError as error:
            raise RequestError(f"results cannot be written ({error.strerror or error})", where=out) from error
        done.append({"input": file.path, **results[file.path], "size": list(file.labels.shape)})

    written: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1) as writing:
        try:
            for file in predict_files(predictor, files, max_megapixels=max_megapixels, on_image=on_image):
                written.append(writing.submit(write, file))
                if len(written) > 1:  # so that few images are in memory
                    written.popleft().result()
        finally:
            for last in written:
                last.result()
    return done


def require_free(files: Sequence[Path], out: Path, *, overlay: bool) -> dict[Path, dict[str, Path]]:
    """Return file -> kind of result -> where it goes. Raise RequestError if anything of a person's is there."""
    results = {path: result_paths(out, path, with_overlay=overlay) for path in files}
    targets = {target.resolve() for paths in results.values() for target in paths.values()}
    if replaced := [path for path in files if path.resolve() in targets]:
        raise RequestError("a result would replace an input", where=replaced, hint="--out DIR writes elsewhere")
    require_no_replacement(targets)
    return results


class Noticed:
    """Collects how images are stored.

    Args:
        reading: how the model has them read.
    """

    def __init__(self, reading: ImageReading) -> None:
        self._reading = reading
        self._ways: Counter[str] = Counter()
        self._values: list[tuple[int, int]] = []

    def add(self, stored: ImageFacts) -> None:
        """One image that was read."""
        self._ways[stored.description] += 1
        if stored.values is not None:
            self._values.append(stored.values)

    def warnings(self) -> Iterator[str]:
        """A sentence for each thing that may make the labels worse."""
        for way, count in self._ways.items():
            if "dropped" in way:
                yield f"{_images(count)} read without all bands: {way}"
        if self._values:
            whole = joined_range(self._values)
            if words := range_words(whole, self._reading):
                rule = f"the model reads them with data.range={self._reading.range}"
                cure = f"train with {range_cure(whole)}, or scale the images to 8 bits"
                yield f"{_images(len(self._values))} of 16 bits {words}; {rule}: {cure}"


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
