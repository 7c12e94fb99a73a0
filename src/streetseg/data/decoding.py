"""The one rule from the files of a sample to the arrays that networks are trained and scored on.

The store, and images that are decoded on the fly, both call `StoreRequest.decode`. So their arrays are equal in every
bit, and a run does not depend on which of the two it uses.

JPEG files are always decoded at their full size, and then resized by `resize_image`. Decoding them at a half or a
quarter of their size (draft mode of libjpeg) is faster, but gives other pixels than `predict` sees.
"""

import hashlib
import json
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.arrays import Size, input_size, resize_image
from streetseg.data.source import Sample, Source, image_sizes
from streetseg.errors import DataError
from streetseg.machine import cores

VERSION = 5  # of the file format of stores; those of another version are not used

Array = NDArray[np.uint8]
Pair = tuple[Array, Array]  # image uint8 (H, W, 3), labels uint8 (h, w)


@dataclass(frozen=True)
class StoreRequest:
    """The content of a store: the arguments of `Store.open`."""

    source: Source
    split: str
    size: Size | None
    resize_labels: bool
    reduced: float = 1.0

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The samples of the split."""
        return self.source.splits[self.split]

    @property
    def key(self) -> str:
        """A folder name that identifies the request, independent of the state of its files."""
        kind = self.source.spec.partition(":")[0]
        readable = "".join(letter if letter.isalnum() else "_" for letter in f"{kind}-{self.split}")
        return f"{readable[:60]}-{sha256_of([self.source.spec, VERSION, *self.form]).hexdigest()[:12]}"

    @cached_property
    def state(self) -> str:
        """A SHA-256 in hex that changes with the request, its samples and their files."""
        return sha256_of([VERSION, *self.form, list(self.stamps.items())]).hexdigest()

    @cached_property
    def stamps(self) -> dict[str, str]:
        """The name of each sample -> the stamp of its files."""
        return {sample.name: self.source.stamp(sample) for sample in self.samples}

    @property
    def form(self) -> list[object]:
        """The request without the location of its files."""
        space = self.source.space
        labels_follow = self.size is not None and self.resize_labels
        reduced = [] if self.reduced == 1 else [self.reduced]  # otherwise as it always was: so is the fingerprint
        return [self.split, space.names, space.ignore_index, self.size, labels_follow, *reduced]

    @cached_property
    def expected_bytes(self) -> int:
        """The size of the decoded arrays, from the headers of the images.

        Raises:
            DataError: a header cannot be read.
        """
        return sum(map(self._expected_bytes, image_sizes(self.source, self.samples)))

    def _expected_bytes(self, image: Size) -> int:
        size = self._kept_size(image)
        labels = size if self.resize_labels else image
        return 3 * size[0] * size[1] + labels[0] * labels[1]

    def _kept_size(self, image: Size) -> Size:
        """Return the size at which an image is kept: that at which the network sees it, times `reduced`."""
        height, width = input_size(image, self.size)
        return max(1, round(height * self.reduced)), max(1, round(width * self.reduced))

    def decode(self, sample: Sample, stamp: str) -> Pair:
        """Return image and labels of a sample, at the sizes of this request.

        Args:
            sample: one of `samples`.
            stamp: the stamp of its files, one of `stamps`.

        Raises:
            DataError: a file cannot be read or has changed, or image and mask differ in size.
        """
        if self.source.stamp(sample) != stamp:
            raise DataError(
                "a file was changed while it was in use",
                where=(sample.image, sample.mask),
                hint="the same command reads all files again",
            )
        image, labels = self.source.read_image(sample), self.source.read_mask(sample)
        if image.shape[:2] != labels.shape:
            raise DataError(
                "image and mask differ in size "
                f"(found {image.shape[0]}x{image.shape[1]} and {labels.shape[0]}x{labels.shape[1]})",
                where=(sample.image, sample.mask),
            )
        size = self._kept_size((labels.shape[0], labels.shape[1]))
        if self.resize_labels and size != labels.shape:
            labels = np.asarray(Image.fromarray(labels).resize((size[1], size[0]), Image.Resampling.NEAREST))
        return resize_image(image, size), labels


def by_threads(request: StoreRequest, samples: Sequence[Sample]) -> Generator[Pair, None, None]:
    """Yield image and labels of each sample in order, decoded by one thread per core (Pillow releases the GIL).

    At most two samples per thread are in work at a time, so that memory does not grow with the data set.
    """
    threads = cores()
    left = ((sample, request.stamps[sample.name]) for sample in samples)
    running: deque[Future[Pair]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            running.extend(pool.submit(request.decode, *one) for one in islice(left, 2 * threads))
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(request.decode, *one) for one in islice(left, 1))
        finally:
            pool.shutdown(cancel_futures=True)


def sha256_of(content: object) -> "hashlib._Hash":
    """Return the hash of a value that JSON can hold."""
    return hashlib.sha256(json.dumps(content).encode())
