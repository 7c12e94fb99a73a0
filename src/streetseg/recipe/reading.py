"""How an image file becomes 8-bit RGB: what a recipe says and a model keeps. Apart, as a model needs no recipe."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

FULL = (0, 65535)  # what 16 bits can hold


def _range(text: str) -> str:
    if text in ("full", "auto"):
        return text
    if (match := re.fullmatch(r"(\d{1,5})\.\.(\d{1,5})", text)) and int(match[1]) < int(match[2]) <= FULL[1]:
        return f"{int(match[1])}..{int(match[2])}"
    raise ValueError("full, auto, or LOW..HIGH within 0..65535, such as 0..4095")


Exif = Literal["apply", "ignore"]
Range = Annotated[str, AfterValidator(_range)]


class ImageReading(BaseModel):
    """How an image file becomes 8-bit RGB. A model keeps it, so that its images are always read as in training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    exif: Exif = "apply"
    """as data.exif"""
    range: Range = "full"
    """as data.range"""

    @property
    def limits(self) -> tuple[int, int] | None:
        """The 16-bit values that become 0 and 255; None where each image has its own."""
        match self.range:
            case "full":
                return FULL
            case "auto":
                return None
            case _:
                low, _, high = self.range.partition("..")
                return int(low), int(high)


AS_USUAL = ImageReading()
