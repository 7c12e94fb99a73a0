"""Image reading: how an image file is converted to 8-bit RGB. A recipe sets it, and a model stores it.

It is in a separate module because a model needs no recipe.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

FULL = (0, 65535)  # lowest and highest 16-bit value


def _range(text: str) -> str:
    if text in ("full", "auto"):
        return text
    if (match := re.fullmatch(r"(\d{1,5})\.\.(\d{1,5})", text)) and int(match[1]) < int(match[2]) <= FULL[1]:
        return f"{int(match[1])}..{int(match[2])}"
    raise ValueError("full, auto, or LOW..HIGH within 0..65535, such as 0..4095")


Exif = Literal["apply", "ignore"]
Range = Annotated[str, AfterValidator(_range)]


class ImageReading(BaseModel):
    """How an image file is converted to 8-bit RGB. A model stores it, so that images are always read as in training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    exif: Exif = "apply"
    """as data.exif"""
    range: Range = "full"
    """as data.range"""

    @property
    def limits(self) -> tuple[int, int] | None:
        """The 16-bit values that are mapped to 0 and 255; None if they are those of each image."""
        match self.range:
            case "full":
                return FULL
            case "auto":
                return None
            case _:
                low, _, high = self.range.partition("..")
                return int(low), int(high)


AS_USUAL = ImageReading()
