"""Predict many image files: read ahead, predict in order, collect the files that cannot be read.

Warnings about how the files are stored are logged once for all files.
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
from streetseg.text import counted

log = logging.getLogger("streetseg")

MAX_MEGAPIXELS = MAX_PIXELS / 1e6  # default limit; larger images are an error

OnImage = Callable[[int, int], None]  # called after each image with the number done and the total number


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
        DataError: after the last file, if files could not be read; one error with one line per file.
    """
    reading = predictor.engine.reading
    storage = StorageWarnings(reading)
    failed: list[FileError] = []
    waiting: deque[tuple[Path, NDArray[np.uint8]]] = deque()  # images that were read and have no labels yet

    def readable() -> Iterator[NDArray[np.uint8]]:
        for path in files:
            try:
                image, facts = decode_image(str(path), max_pixels=round(max_megapixels * 1e6), reading=reading)
            except FileError as error:
                failed.append(error)
                continue
            storage.add(facts)
            waiting.append((path, image))
            yield image

    for done, labels in enumerate(predictor.stream(readable()), start=1):
        yield LabeledFile(*waiting.popleft(), labels)
        on_image(done + len(failed), len(files))
    for warning in storage.warnings():
        log.warning("%s", warning)
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
    """Write the results of each file into a folder, while the next file is predicted.

    Args:
        values: the pixel value of each class in the file of ids, uint8 (C,); None for the ids themselves.

    Returns:
        For each image `input`, the written file of each kind, and `size` [H, W].

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
                if len(written) > 1:  # wait for the oldest, so that few images are in memory
                    written.popleft().result()
        finally:
            for last in written:
                last.result()
    return done


def require_free(files: Sequence[Path], out: Path, *, overlay: bool) -> dict[Path, dict[str, Path]]:
    """Return the path of each kind of result for each file.

    Raises:
        RequestError: a result would replace an input or a file that no prediction wrote.
    """
    results = {path: result_paths(out, path, with_overlay=overlay) for path in files}
    targets = {target.resolve() for paths in results.values() for target in paths.values()}
    if replaced := [path for path in files if path.resolve() in targets]:
        raise RequestError("a result would replace an input", where=replaced, hint="--out DIR writes elsewhere")
    require_no_replacement(targets)
    return results


class StorageWarnings:
    """Warnings about how image files are stored, such as dropped bands or an unusual range of 16-bit values.

    Args:
        reading: how the model reads image files.
    """

    def __init__(self, reading: ImageReading) -> None:
        self._reading = reading
        self._forms: Counter[str] = Counter()
        self._ranges: list[tuple[int, int]] = []

    def add(self, facts: ImageFacts) -> None:
        """Add the facts of one image file."""
        self._forms[facts.description] += 1
        if facts.values is not None:
            self._ranges.append(facts.values)

    def warnings(self) -> Iterator[str]:
        """Yield a sentence for each property of the files that may make the labels worse."""
        for form, count in self._forms.items():
            if "dropped" in form:
                yield f"{counted(count, 'image')} read without all bands: {form}"
        if self._ranges:
            whole = joined_range(self._ranges)
            if problem := range_words(whole, self._reading):
                rule = f"the model reads them with data.range={self._reading.range}"
                cure = f"train with {range_cure(whole)}, or scale the images to 8 bits"
                yield f"{counted(len(self._ranges), 'image')} of 16 bits {problem}; {rule}: {cure}"
