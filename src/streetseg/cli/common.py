"""From a command's words to its recipe."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streetseg.recipe.schema import Recipe


def asked_recipe(
    data: str, recipe: str | None, overrides: Sequence[str] | None, flags: Mapping[str, object] | None = None
) -> "Recipe":
    """The recipe of a command that reads DATA. Raises RequestError, DataError."""
    from streetseg.recipe.load import load_recipe
    from streetseg.request import with_kind

    return load_recipe(recipe, overrides or [], flags={"data.source": with_kind(data), **(flags or {})})
