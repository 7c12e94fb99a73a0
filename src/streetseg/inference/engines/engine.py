"""The interface of the engines that compute logits: torch, ONNX Runtime and OpenVINO.

`ExportedEngine` is the base class of the engines for exported models.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
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
        """ "fp32", "bf16" or "int8": the precision inside the network; logits are always float32."""
        ...

    @property
    def encoder(self) -> str:
        """The timm name of the network's encoder."""
        ...

    @property
    def space(self) -> LabelSpace:
        """The classes of the network."""
        ...

    @property
    def size(self) -> Size | None:
        """The height and width that the network was trained for; None if it sees each image at its own size."""
        ...

    @property
    def reading(self) -> ImageReading:
        """How the image files the network was trained on became 8-bit RGB."""
        ...

    @property
    def mask_ids(self) -> Sequence[Sequence[int]] | None:
        """The ids of each class in the masks that the network was trained on; None if they are not known."""
        ...

    @property
    def workers(self) -> int:
        """The number of threads that should call the engine at once to use all cores."""
        ...

    def take(self, images: Array) -> Array:
        """Convert a numpy array uint8 (B, 3, H, W) to the kind of array that this engine computes on."""
        ...

    def logits(self, images: Array) -> Array:
        """Return the logits float32 (B, C, H, W) of images from `take`, of any height and width."""
        ...

    def labels(self, images: Array) -> NDArray[np.uint8]:
        """Return the argmax of the logits, uint8 (B, H, W) in main memory, of images from `take`."""
        ...


class ExportedEngine(ABC):
    """An engine for an exported model; `about` is the description inside its file."""

    about: About

    @property
    def encoder(self) -> str:
        """The timm name of the encoder, from the file."""
        return str(self.about.description["encoder"])

    @property
    def space(self) -> LabelSpace:
        """The classes, from the file."""
        return self.about.space

    @property
    def size(self) -> Size | None:
        """The training size, from the file."""
        return self.about.size

    @property
    def reading(self) -> ImageReading:
        """The reading of image files, from the file."""
        return self.about.reading

    @property
    def mask_ids(self) -> Sequence[Sequence[int]] | None:
        """The ids of each class in the masks of the training, from the file."""
        ids: Sequence[Sequence[int]] | None = self.about.description.get("mask_ids")
        return ids

    def take(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the images as a contiguous array."""
        return np.ascontiguousarray(images)

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return logits, as `Engine.logits`."""
        return self._run(LOGITS, images)

    def labels(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return labels, as `Engine.labels`."""
        return self._run(LABELS, images)

    @abstractmethod
    def _run(self, output: str, images: NDArray[np.uint8]) -> NDArray[Any]:
        """Compute the output of that name for images uint8 (B, 3, H, W)."""
