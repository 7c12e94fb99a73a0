"""Torch on a CPU or a GPU, for a network from a bundle."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streetseg.arrays import Size
from streetseg.errors import RequestError
from streetseg.inference import backend_torch
from streetseg.labels.space import LabelSpace
from streetseg.models.calibration import Calibration
from streetseg.models.network import SegmentationNetwork
from streetseg.recipe.reading import ImageReading


class TorchEngine:
    """An engine that runs a network in torch.

    Args:
        network: is moved to `device` and put into evaluation mode.
        device: the device that computes.
        precision: "fp32" or "bf16", inside the network; logits are always float32.

    Raises:
        RequestError: the precision is unknown.
    """

    name = "torch"
    workers = 1
    fixed_size: Size | None = None

    def __init__(self, network: SegmentationNetwork, device: torch.device, precision: str = "fp32") -> None:
        if lacking := self.lacks(precision):
            raise RequestError(lacking, hint="leave it at fp32")
        network.place(device)
        self.network = network.eval()
        self.device = device
        self.precision = precision

    @staticmethod
    def lacks(precision: str) -> str | None:
        """Return why the engine does not compute in a precision; None if it does."""
        return None if precision in ("fp32", "bf16") else f"unknown precision {precision} (fp32 or bf16)"

    @property
    def encoder(self) -> str:
        """The timm name of the network's encoder."""
        return self.network.encoder_name

    @property
    def space(self) -> LabelSpace:
        """The classes of the network."""
        return self.network.space

    @property
    def size(self) -> Size | None:
        """The training size of the network."""
        return self.network.size

    @property
    def reading(self) -> ImageReading:
        """How the network reads image files."""
        return self.network.reading

    @property
    def calibration(self) -> Calibration | None:
        """The calibration of the network's probabilities."""
        return self.network.calibration

    @property
    def mask_ids(self) -> Sequence[Sequence[int]] | None:
        """The ids of each class in the masks that the network was trained on."""
        return self.network.mask_ids

    def take(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return an array, or a tensor on any device, as a tensor on the engine's device."""
        if isinstance(images, np.ndarray):
            images = torch.from_numpy(np.array(images, order="C"))  # a copy: torch takes no negative strides
        return images.to(self.device, non_blocking=self.device.type == "cuda")

    def logits(self, images: Tensor) -> Tensor:
        """Return logits, as `Engine.logits`."""
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            logits: Tensor = self.network(images)
        return logits.float()

    def labels(self, images: Tensor) -> NDArray[np.uint8]:
        """Return labels, as `Engine.labels`."""
        return backend_torch.in_memory(backend_torch.argmax(self.logits(images)))
