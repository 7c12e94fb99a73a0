"""What the engines of exported models have in common."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.inference.backend import Size
from streetseg.labels.space import LabelSpace
from streetseg.models.exported import LABELS, LOGITS, About
from streetseg.recipe.reading import ImageReading


class ExportedEngine(ABC):
    """Runs a graph with the outputs of an exported model; `about` is what its file says."""

    about: About

    @property
    def encoder(self) -> str:
        """The file's."""
        return str(self.about.description["encoder"])

    @property
    def space(self) -> LabelSpace:
        """The file's."""
        return self.about.space

    @property
    def size(self) -> Size | None:
        """The file's."""
        return self.about.size

    @property
    def reading(self) -> ImageReading:
        """The file's."""
        return self.about.reading

    def take(self, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """In plain order."""
        return np.ascontiguousarray(pictures)

    def logits(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `Engine.logits`."""
        return self._run(LOGITS, pictures)

    def labels(self, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """As `Engine.labels`."""
        return self._run(LABELS, pictures)

    @abstractmethod
    def _run(self, output: str, pictures: NDArray[np.uint8]) -> NDArray[Any]:
        """One of the outputs, by its name."""
