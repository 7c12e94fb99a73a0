"""The source `scenes`: images that are rendered when they are read."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from streetseg.data.images import MAX_PIXELS, ImageFacts
from streetseg.data.issues import Survey
from streetseg.data.source import Look, Sample
from streetseg.errors import RequestError
from streetseg.labels.tables import STREET_11
from streetseg.recipe.reading import AS_USUAL
from streetseg.scenes.render import SCENES_VERSION, render

VAL_START = 1_000_000  # index of the first validation scene; all training scenes have a smaller index


class ScenesSource:
    """Procedural street scenes as a data source. No file is read.

    A scene depends only on (seed, index, size). A larger number of training scenes changes neither the first ones nor
    the validation scenes.

    Args:
        train: number of scenes in split "train".
        val: number of scenes in split "val".
        size: height and width of every image, in pixels.
        seed: seed of the renderer.

    Raises:
        RequestError: a number is negative or too large, or the size is too small to show a street.
    """

    spec = "scenes"
    space = STREET_11
    max_pixels = MAX_PIXELS
    reading = AS_USUAL

    def __init__(self, train: int = 200, val: int = 50, size: tuple[int, int] = (256, 512), seed: int = 0) -> None:
        if not (0 <= train <= VAL_START and 0 <= val <= VAL_START):
            raise RequestError(f"cannot draw {train} training and {val} validation scenes (0 to {VAL_START:,} each)")
        if min(size) < 32:
            raise RequestError(f"scenes of {size[0]}x{size[1]} pixels show no street (at least 32x32)")
        if seed < 0:
            raise RequestError(f"seed {seed} is negative")
        self.size = size
        self.survey = Survey()
        self.seed = seed
        self.splits = {"train": self._samples("train", train), "val": self._samples("val", val)}

    def read_image(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the image, uint8 RGB (H, W, 3)."""
        return self._scene(sample)[0].copy()

    def read_mask(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the labels, uint8 (H, W), ids of street-11 or its ignore_index."""
        return self._scene(sample)[1].copy()

    def look(self, sample: Sample) -> Look:
        """Return image and labels; there are no files."""
        facts = ImageFacts("drawn", self.size)
        return Look(self.read_image(sample), self.read_mask(sample), facts, facts)

    def stamp(self, sample: Sample) -> str:
        """Return a text that changes with the version of the renderer, the seed and the size."""
        return f"scenes v{SCENES_VERSION} seed {self.seed} {self.size[0]}x{self.size[1]}"

    def jobs(self) -> list[tuple[str, int, int]]:
        """Return (split, number in the split, index of the scene) of every sample."""
        return [(s, number, first_index(s) + number) for s in self.splits for number in range(len(self.splits[s]))]

    def _samples(self, split: str, count: int) -> tuple[Sample, ...]:
        start = first_index(split)
        origins = [f"scenes(seed={self.seed}, index={start + i})" for i in range(count)]
        return tuple(Sample(f"{split}/scene_{i:06d}", origin, origin) for i, origin in enumerate(origins))

    def _scene(self, sample: Sample) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        split, _, number = sample.name.partition("/scene_")
        return _drawn(self.seed, first_index(split) + int(number), self.size)


def first_index(split: str) -> int:
    """Return the index of the first scene of "train" or "val"; the ranges do not overlap."""
    return {"train": 0, "val": VAL_START}[split]


@lru_cache(maxsize=8)
def _drawn(seed: int, index: int, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Render a scene. The last few are cached, as image and labels of a scene are read one after the other."""
    return render(seed, index, size)
