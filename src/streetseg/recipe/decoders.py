"""The decoders that a recipe can name; `models.decoders` builds their layers.

They are in a separate module so that a bundle is read without building the schema of the recipe.
"""

from dataclasses import dataclass, replace
from typing import Literal

DecoderName = Literal["classic", "fast", "fast-pool", "fast-gate", "fast-half", "own"]


@dataclass(frozen=True)
class DecoderFacts:
    """Facts of a decoder that are known without building it.

    Args:
        help: what it is, for the recipe's reference.
        channels: output channels of its blocks, deepest first, where a recipe gives none.
        blocks: the numbers of blocks that it may have.
    """

    help: str
    channels: tuple[int, ...]
    blocks: tuple[int, ...]

    @property
    def blocks_in_words(self) -> str:
        """The numbers of blocks that it may have, e.g. "3 or 4"."""
        return " or ".join(map(str, self.blocks))


FAST = DecoderFacts(
    help="a light U-Net decoder that ends at a quarter of the image's size", channels=(128, 96, 64), blocks=(3, 4)
)

DECODERS: dict[DecoderName, DecoderFacts] = {
    "fast": FAST,
    "fast-pool": replace(FAST, help="fast, and the mean over the image is added to the deepest map"),
    "fast-gate": replace(FAST, help="fast, and the mean over the image decides how much each deepest channel counts"),
    "fast-half": DecoderFacts(
        help="fast, and a light last step to half of the image's size", channels=(128, 96, 64, 32), blocks=(4,)
    ),
    "classic": DecoderFacts(
        help="the standard one",
        channels=(256, 128, 64, 32, 16),  # as in segmentation_models.pytorch
        blocks=(5,),
    ),
    "own": DecoderFacts(help="a torch module that is passed to `train` or `study` in Python", channels=(), blocks=(0,)),
}
