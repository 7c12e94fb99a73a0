"""The decoders that a recipe can name: by themselves, so that a bundle is read without building the recipe's schema."""

from typing import Literal

DecoderName = Literal["classic", "fast"]
