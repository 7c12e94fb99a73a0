"""The decoders that a recipe can name; `models.decoders` builds their layers.

They are in a separate module so that a bundle is read without building the schema of the recipe.
"""

from dataclasses import dataclass
from typing import Literal

DecoderName = Literal["classic", "fast"]


@dataclass(frozen=True)
class DecoderFacts:
    """Facts of a decoder that are known without building it.

    Args:
        help: a description for the reference of the recipe.
        channels: default number of channels of each block, the deepest first.
        blocks: the allowed numbers of blocks.
    """

    help: str
    channels: tuple[int, ...]
    blocks: tuple[int, ...]

    @property
    def blocks_in_words(self) -> str:
        """The allowed numbers of blocks, e.g. "3 or 4"."""
        return " or ".join(map(str, self.blocks))


DECODERS: dict[DecoderName, DecoderFacts] = {
    "fast": DecoderFacts(
        help="a light U-Net decoder that ends at a quarter of the image's size", channels=(128, 96, 64), blocks=(3, 4)
    ),
    "classic": DecoderFacts(
        help="the standard one",
        channels=(256, 128, 64, 32, 16),  # as in segmentation_models.pytorch
        blocks=(5,),
    ),
}
