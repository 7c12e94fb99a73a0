"""The engine interface: what computes logits, in torch, ONNX Runtime and OpenVINO alike.

`ExportedEngine` holds what the engines of exported models share.
"""

from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Array, Size
from streetseg.labels.space import LabelSpace
from streetseg.models.description import LABELS, LOGITS, About
from streetseg.recipe.reading import ImageReading


class Engine(Protocol):
    """A network that is ready to run."""

    @property
    def name(self) -> str:
        """ "torch", "onnxruntime" or "openvino"."""
        ...

    @property
    def precision(self) -> str:
        """ "fp32", "bf16" or "int8", of the inner computation."""
        ...

    @property
    def encoder(self) -> str:
        """timm's name of the network's encoder."""
        ...

    @property
    def space(self) -> LabelSpace:
        """The classes."""
        ...

    @property
    def size(self) -> Size | None:
        """Height and width the network was trained for; None for the images' own."""
        ...

    @property
    def reading(self) -> ImageReading:
        """How the image files the network was trained on became 8-bit RGB."""
        ...

    @property
    def workers(self) -> int:
        """How many threads may call it at once to keep the machine busy."""
        ...

    def take(self, images: Array) -> Array:
        """uint8 (B, 3, H, W) as numpy array -> the array this engine works on."""
        ...

    def logits(self, images: Array) -> Array:
        """What `take` returns, of any height and width -> float32 (B, C, H, W) of the same kind."""
        ...

    def labels(self, images: Array) -> NDArray[np.uint8]:
        """What `take` returns -> the classes with the largest logits, (B, H, W)."""
        ...


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

    def take(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """In plain order."""
        return np.ascontiguousarray(images)

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `Engine.logits`."""
        return self._run(LOGITS, images)

    def labels(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """As `Engine.labels`."""
        return self._run(LABELS, images)

    @abstractmethod
    def _run(self, output: str, images: NDArray[np.uint8]) -> NDArray[Any]:
        """One of the outputs, by its name."""
