"""Terms of all types: numbers with their range, and the base of an object with fixed keys.

pydantic reads the docstring under each key as its description. A number that does not exist is null in a file, and NaN
in the program.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

Share = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Size = Annotated[Sequence[Positive], Field(min_length=2, max_length=2)]  # height, width
Interval = Annotated[Sequence[float | None], Field(min_length=2, max_length=2)]  # low, high
Unit = Annotated[str, Field(json_schema_extra={"enum": ["image", "clip", "sequence"]})]  # what a bootstrap draws
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Fixed(TypedDict):
    """An object that has the keys of its type and no others."""


# Set outside the class, where mypy would take it for a key; pydantic finds it in the bases of a type.
Fixed.__pydantic_config__ = {"extra": "forbid", "use_attribute_docstrings": True}  # type: ignore[attr-defined]


class InitialWeights(Fixed):
    """The origin of the initial weights of a network."""

    kind: str
    """timm-pretrained, file, bundle, module or random"""
    source: str
    """name of the model, file, folder or module; empty for random"""
    text: str
    """the same in one sentence"""
