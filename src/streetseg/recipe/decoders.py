"""The decoders that a recipe can name; `models.decoders` builds their layers.

Apart from the schema, so that a bundle is read without building it.
"""

from dataclasses import dataclass
from typing import Literal

DecoderName = Literal["classic", "fast"]


@dataclass(frozen=True)
class DecoderFacts:
    """What is said of a decoder without building it.

    Args:
        help: what it is, for the recipe's reference.
        channels: of its steps from the deepest on, where a recipe gives none.
        steps: how many of them there may be.
    """

    help: str
    channels: tuple[int, ...]
    steps: tuple[int, ...]

    @property
    def steps_in_words(self) -> str:
        """The numbers of steps that it may have, e.g. "3 or 4"."""
        return " or ".join(map(str, self.steps))


DECODERS: dict[DecoderName, DecoderFacts] = {
    "fast": DecoderFacts(
        help="a light U-Net decoder that ends at a quarter of the image's size", channels=(128, 96, 64), steps=(3, 4)
    ),
    "classic": DecoderFacts(
        help="the standard one",
        channels=(256, 128, 64, 32, 16),  # as in segmentation_models.pytorch
        steps=(5,),
    ),
}
