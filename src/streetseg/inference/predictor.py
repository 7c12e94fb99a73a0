"""A network ready to predict: where it runs, in which precision, and how it looks at a picture."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streetseg.errors import RequestError
from streetseg.inference.predict import Size, predict_logits, working_size
from streetseg.labels.space import LabelSpace
from streetseg.models.bundle import load_bundle
from streetseg.models.segmenter import Segmenter
from streetseg.runtime.device import choose_device


class Predictor:
    """Pictures in, labels out.

    Args:
        segmenter: moved to `device` and put into evaluation mode.
        device: where to run.
        precision: "fp32" or "bf16", of the network's inner computation; logits are always float32.
        tta: average over mirrored and rescaled views.
        tile: side of the windows for pictures too large for the memory.

    Raises:
        RequestError: if there is no such precision.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        device: torch.device,
        precision: str = "fp32",
        *,
        tta: bool = False,
        tile: int | None = None,
    ) -> None:
        if precision not in ("fp32", "bf16"):
            raise RequestError(f"unknown precision {precision}", hint="fp32 or bf16")
        segmenter.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        self.segmenter = segmenter.eval()
        self.device = device
        self.precision = precision
        self.tta = tta
        self.tile = tile

    @classmethod
    def load(
        cls, path: Path, device: str = "auto", precision: str = "fp32", *, tta: bool = False, tile: int | None = None
    ) -> "Predictor":
        """The network of a bundle or run folder. Raises ModelError, RequestError."""
        return cls(load_bundle(path)[0], choose_device(device), precision, tta=tta, tile=tile)

    @property
    def space(self) -> LabelSpace:
        """The classes of the labels that come out."""
        return self.segmenter.space

    def logits(self, pictures: Tensor, *, size: Size | None = None) -> Tensor:
        """uint8 RGB (B, 3, H, W) on any device -> float32 (B, C, H, W) on the predictor's device.

        `size` is what the network sees; None: the pictures' own.
        """
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            return predict_logits(
                self.segmenter, pictures.to(self.device, non_blocking=True), size=size, tta=self.tta, tile=self.tile
            )

    def predict(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 RGB (H, W, 3) of any size -> ids uint8 (H, W).

        The network sees the picture at about the size it was trained for, in the picture's own shape.
        """
        size = working_size((picture.shape[0], picture.shape[1]), self.segmenter.size)
        own = np.array(picture, order="C")  # torch takes no view that is read-only, as Pillow's, or runs backwards
        pictures = torch.from_numpy(own).permute(2, 0, 1).unsqueeze(0)
        ids: NDArray[np.uint8] = self.logits(pictures, size=size)[0].argmax(0).to(torch.uint8).cpu().numpy()
        return ids
