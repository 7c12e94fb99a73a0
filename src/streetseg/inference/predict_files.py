"""Predict many image files: read ahead, predict in order, collect the files that cannot be read.

Warnings about how the files are stored are logged once for all files.
"""

import logging
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.arguments import OnImage
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
from streetseg.inference.finished import FinishedImages
from streetseg.inference.output import (
    LEGEND,
    SCORED,
    USUAL,
    require_no_replacement,
    result_paths,
    write_legend,
    write_results,
)
from streetseg.inference.predictor import Predictor
from streetseg.recipe.reading import ImageReading
from streetseg.text import counted

log = logging.getLogger("streetseg")

MAX_MEGAPIXELS = MAX_PIXELS / 1e6  # default limit; larger images are an error

OnWritten = Callable[[dict[str, Any]], None]  # called after each image with `input`, the written files and `size`


class UnreadError(DataError):
    """Images that cannot be read, found while others were labeled; the exit code is 1 if any was.

    Args:
        failed: one error per image.
        total: the number of images.
    """

    def __init__(self, failed: Sequence[FileError], total: int) -> None:
        super().__init__(
            f"{len(failed)} of {total} images cannot be read" + "; the others are labeled" * (len(failed) < total),
            where=[error.line for error in failed],
            hint="--max-megapixels N raises the limit"
            if any(isinstance(error, TooLargeError) for error in failed)
            else None,
        )
        self.failed = failed
        self.exit_code = 1 if len(failed) < total else 2


@dataclass(frozen=True, eq=False)
class LabeledFile:
    """An image file and its labels.

    Args:
        path: the file.
        image: uint8 RGB (H, W, 3).
        labels: uint8 (H, W), ids of the model's space.
        scores: the arrays of the requested kinds, as `Predictor.scores` returns them.
    """

    path: Path
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    scores: dict[str, NDArray[np.float16]]


def predict_files(
    predictor: Predictor,
    files: Collection[Path],
    *,
    scores: Collection[str] = (),
    unread: Sequence[FileError] = (),
    max_megapixels: float = MAX_MEGAPIXELS,
    on_image: OnImage = lambda done, total: None,
) -> Iterator[LabeledFile]:
    """Yield each file with its labels, in order; few images are in memory at a time.

    Args:
        scores: kinds of arrays to return beside the labels, of `output.SCORED`.
        unread: errors of images that are known to be unreadable already.

    Raises:
        UnreadError: after the last file, if files could not be read; one error with one line per file.
    """
    reading = predictor.engine.reading
    storage = StorageWarnings(reading)
    failed = list(unread)
    total = len(files) + len(failed)
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

    def predict(image: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        return predictor.scores(image, scores) if scores else {"labels": predictor.predict(image)}

    for done, found in enumerate(predictor.map(predict, readable()), start=1):
        yield LabeledFile(*waiting.popleft(), found.pop("labels"), found)
        on_image(done + len(failed), total)
    for warning in storage.warnings():
        log.warning("%s", warning)
    if failed:
        raise UnreadError(failed, total)


def predict_to_folder(
    predictor: Predictor,
    files: Mapping[Path, str],
    out: Path,
    kinds: Sequence[str] = USUAL,
    *,
    values: NDArray[np.uint8] | None = None,
    unread: Sequence[FileError] = (),
    max_megapixels: float = MAX_MEGAPIXELS,
    finished: FinishedImages | None = None,
    on_image: OnImage = lambda done, total: None,
    on_written: OnWritten = lambda written: None,
) -> None:
    """Write the results of each file into a folder, while the next file is predicted.

    Args:
        files: each image -> the name of its results, from `find_images`.
        kinds: of results, keys of `output.KINDS`.
        values: the pixel value of each class in the file of ids, uint8 (C,); None for the ids themselves.
        unread: as for `predict_files`.
        finished: leaves out the images that are finished, and takes down the others.

    Raises:
        RequestError: a result would replace an input or a file that no prediction wrote, or cannot be written.
        UnreadError: as `predict_files`.
    """
    results = require_free(files, out, kinds)
    if finished is not None:
        files = say_finished(finished, files, results)

    def write(file: LabeledFile) -> None:
        paths = results[file.path]
        try:
            for path in paths.values():
                path.parent.mkdir(parents=True, exist_ok=True)
            if "color" in kinds and not (out / LEGEND).exists():
                write_legend(out, predictor.space, values)
            write_results(paths, file.image, file.labels, predictor.space, values, file.scores)
            if finished is not None:
                finished.add(file.path, files[file.path])
        except OSError as error:
            raise RequestError(f"results cannot be written ({error.strerror or error})", where=out) from error
        on_written({"input": file.path, **paths, "size": list(file.labels.shape)})

    written: deque[Future[None]] = deque()
    scores = [kind for kind in kinds if kind in SCORED]
    if {"confidence", "probabilities"} & set(scores) and predictor.engine.calibration is None:
        log.info("the model has no temperature: its probabilities are the network's own, not calibrated")
    with ThreadPoolExecutor(1) as writing:
        try:
            for file in predict_files(
                predictor, files, scores=scores, unread=unread, max_megapixels=max_megapixels, on_image=on_image
            ):
                written.append(writing.submit(write, file))
                if len(written) > 1:  # wait for the oldest, so that few images are in memory
                    written.popleft().result()
        finally:
            for last in written:
                last.result()


def require_free(files: Mapping[Path, str], out: Path, kinds: Sequence[str]) -> dict[Path, dict[str, Path]]:
    """Return the path of each kind of result for each file.

    Raises:
        RequestError: a result would replace an input or a file that no prediction wrote.
    """
    results = {path: result_paths(out, name, kinds) for path, name in files.items()}
    targets = {target.resolve() for paths in results.values() for target in paths.values()}
    if "color" in kinds:
        targets.add((out / LEGEND).resolve())
    if replaced := [path for path in files if path.resolve() in targets]:
        raise RequestError("a result would replace an input", where=replaced, hint="--out DIR writes elsewhere")
    require_no_replacement(targets)
    return results


def say_finished(
    finished: FinishedImages, files: Mapping[Path, str], results: Mapping[Path, Mapping[str, Path]]
) -> dict[Path, str]:
    """Return the images that are not finished, and log the number of the others."""
    rest = finished.rest(files, results)
    if len(rest) < len(files):
        log.info("%s finished already and left out", counted(len(files) - len(rest), "image"))
    return rest


def shard_of(files: Mapping[Path, str], shard: str) -> dict[Path, str]:
    """Return the images of one of several machines.

    Args:
        shard: "2/5" for every fifth image, from the second.

    Raises:
        RequestError: `shard` is no such text.
    """
    number, _, count = shard.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise RequestError(f"no part {shard!r}", where="--shard", hint="--shard 1/4 is the first of four parts")
    return dict(list(files.items())[int(number) - 1 :: int(count)])


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
