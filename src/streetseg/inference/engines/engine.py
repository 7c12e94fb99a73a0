"""The interface of the engines that compute logits: torch, ONNX Runtime, OpenVINO and LiteRT.

`ExportedEngine` is the base class of the engines for exported models.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Array, Size, fitted_size
from streetseg.inference.backend_numpy import argmax, resize_images, resize_logits
from streetseg.labels.space import LabelSpace
from streetseg.models.calibration import Calibration
from streetseg.models.description import LABELS, LOGITS, About
from streetseg.recipe.reading import ImageReading


class Engine(Protocol):
    """A network that is ready to run."""

    @property
    def name(self) -> str:
        """ "torch", "onnxruntime", "openvino" or "litert"."""
        ...

    @property
    def precision(self) -> str:
        """The precision inside the network: fp32, fp16, bf16, int8, or int8-bf16.

        int8-bf16 is an int8 file whose float layers are computed in bf16. Logits are always float32.
        """
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
    def fixed_size(self) -> Size | None:
        """The only size of images that the file takes; None if it takes any. Other images are fitted into it."""
        ...

    @property
    def reading(self) -> ImageReading:
        """How the image files the network was trained on became 8-bit RGB."""
        ...

    @property
    def calibration(self) -> Calibration | None:
        """What makes the network's probabilities agree with how often it is correct; None where none was fitted."""
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

    name: str
    precision: str
    about: About

    @property
    def description(self) -> dict[str, Any]:
        """The whole description in the file."""
        return self.about.description

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
    def fixed_size(self) -> Size | None:
        """The only size of images that the file takes, from the file."""
        return self.about.fixed_size

    @property
    def reading(self) -> ImageReading:
        """The reading of image files, from the file."""
        return self.about.reading

    @property
    def calibration(self) -> Calibration | None:
        """The calibration of the probabilities, from the file."""
        return self.about.calibration

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
        if self.fixed_size is None:
            return self._run(LOGITS, images)
        return np.concatenate([self._logits_of_one(image[None], self.fixed_size) for image in images])

    def labels(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return labels, as `Engine.labels`."""
        if self.fixed_size is None:
            return self._run(LABELS, images)
        if images.shape[2:] == self.fixed_size:
            return np.concatenate([self._run(LABELS, image[None]) for image in images])
        return argmax(self.logits(images))

    def _logits_of_one(self, image: NDArray[np.uint8], frame: Size) -> NDArray[np.float32]:
        """Return the logits (1, C, H, W) of an image (1, 3, H, W) from a file that takes only images of size `frame`.

        A smaller image is padded at the bottom and right with the mean color, as the network itself pads. One that
        does not fit is made smaller, and its logits are enlarged.
        """
        size = (image.shape[2], image.shape[3])
        if size == frame:
            return self._run(LOGITS, image)
        height, width = size if size[0] <= frame[0] and size[1] <= frame[1] else fitted_size(size, frame)
        padded = np.empty((1, 3, *frame), np.uint8)
        padded[:] = np.round(self.about.description["normalization"]["mean"]).astype(np.uint8)[:, None, None]
        padded[..., :height, :width] = resize_images(image, (height, width))
        return resize_logits(self._run(LOGITS, padded)[..., :height, :width], size)

    @abstractmethod
    def _run(self, output: str, images: NDArray[np.uint8]) -> NDArray[Any]:
        """Compute the output of that name for images uint8 (B, 3, H, W)."""
