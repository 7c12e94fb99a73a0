"""A network in torch, on a CPU or a GPU."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streetseg.arrays import Size
from streetseg.errors import RequestError
from streetseg.inference import backend_torch
from streetseg.labels.space import LabelSpace
from streetseg.models.network import Segmenter
from streetseg.recipe.reading import ImageReading


class TorchEngine:
    """The network as it was trained.

    Args:
        segmenter: moved to `device` and put into evaluation mode.
        device: where to run.
        precision: "fp32" or "bf16", of the network's inner computation; logits are always float32.

    Raises:
        RequestError: if there is no such precision.
    """

    name = "torch"
    workers = 1

    def __init__(self, segmenter: Segmenter, device: torch.device, precision: str = "fp32") -> None:
        if lacking := self.lacks(precision):
            raise RequestError(lacking, hint="leave it at fp32")
        segmenter.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        self.segmenter = segmenter.eval()
        self.device = device
        self.precision = precision

    @staticmethod
    def lacks(precision: str) -> str | None:
        """Why it does not compute in a precision; None where it does."""
        return None if precision in ("fp32", "bf16") else f"unknown precision {precision} (fp32 or bf16)"

    @property
    def encoder(self) -> str:
        """The network's."""
        return self.segmenter.encoder_name

    @property
    def space(self) -> LabelSpace:
        """The network's."""
        return self.segmenter.space

    @property
    def size(self) -> Size | None:
        """The network's."""
        return self.segmenter.size

    @property
    def reading(self) -> ImageReading:
        """The network's."""
        return self.segmenter.reading

    def take(self, pictures: NDArray[np.uint8] | Tensor) -> Tensor:
        """An array or tensor anywhere -> a tensor on the engine's device."""
        if isinstance(pictures, np.ndarray):
            pictures = torch.from_numpy(np.array(pictures, order="C"))  # no view that is read-only or runs backwards
        return pictures.to(self.device, non_blocking=self.device.type == "cuda")

    def logits(self, pictures: Tensor) -> Tensor:
        """As `Engine.logits`."""
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            logits: Tensor = self.segmenter(pictures)
        return logits.float()

    def labels(self, pictures: Tensor) -> NDArray[np.uint8]:
        """As `Engine.labels`."""
        return backend_torch.in_memory(backend_torch.likeliest(self.logits(pictures)))
