"""The calibration of a network: what makes its probabilities agree with how often it is correct.

It is the key `confidence` of a description. An exported file has it, too; there, the key `calibration` is another
thing: the images whose range of activations int8 was set to.
"""

from typing import TYPE_CHECKING, Annotated, Literal, Self, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from streetseg.metrics.temperature import Figures

if TYPE_CHECKING:
    from streetseg.json_files.scores import Fitted

Positive = Annotated[float, Field(ge=1e-3, le=1e3)]


class Calibration(BaseModel):
    """Probabilities are softmax(logits / temperature + bias). The label of a pixel stays that of the largest logit.

    Args:
        method: "temperature", one number for all classes, or "vector", a temperature and a bias for each.
        temperature, bias: of each class, in the order of the ids.
        dataset, split, images, pixels: what it was fitted on.
        before: with the network's own probabilities.
        after: with the calibration, on the pixels that it was fitted on.
        cross_validated: the same, each image with a calibration that was fitted without it; None for one image.
        folds: the number of parts of that cross-validation.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    method: Literal["temperature", "vector"]
    temperature: list[Positive]
    bias: list[float]
    dataset: str
    split: str
    images: Annotated[int, Field(ge=1)]
    pixels: Annotated[int, Field(ge=1)]
    before: Figures
    after: Figures
    cross_validated: Figures | None
    folds: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if len(self.temperature) != len(self.bias):
            raise ValueError("temperature and bias have one number for each class")
        return self

    def as_dict(self) -> "Fitted":
        """Return the content for JSON."""
        return cast("Fitted", self.model_dump())

    @property
    def scale_and_bias(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The factor and the bias of the logits of each class, float32 (C, 1, 1)."""
        scale, bias = 1 / np.array(self.temperature), np.array(self.bias)
        return scale.astype(np.float32)[:, None, None], bias.astype(np.float32)[:, None, None]

    @property
    def value(self) -> str:
        """The temperature as text: "1.43", or "0.9 to 1.5, by class"."""
        low, high = min(self.temperature), max(self.temperature)
        return f"{low:.3g}" if self.method == "temperature" else f"{low:.3g} to {high:.3g}, by class"

    @property
    def text(self) -> str:
        """The calibration in words: "temperature 1.43, fitted on 101 images of camvid val"."""
        images = "1 image" if self.images == 1 else f"{self.images} images"
        return f"temperature {self.value}, fitted on {images} of {self.dataset} {self.split}"
