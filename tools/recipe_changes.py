"""In which fields the recipe of a run differs from another one."""

from typing import Any

from streetseg.comparison.groups import PER_RUN_FIELDS, flatten
from streetseg.recipe.load import without_effect
from streetseg.recipe.schema import Data, Recipe


def changes(recipe: Recipe, planned: Recipe) -> dict[str, Any]:
    """Return dotted field -> value of the recipe of a run, where it is another one than that of the planned recipe.

    Left out: what makes no other experiment of it, such as the seed; encoder and initial weights, which are named
    beside a recipe; and fields of `data` that are not set in the planned recipe, as data has values of its own for
    them.
    """
    of_data = {f"data.{name}" for name in Data.model_fields if name not in planned.data.model_fields_set}
    beside = {*without_effect(), *PER_RUN_FIELDS, "model.encoder", "model.weights", *of_data}
    was, expected = (flatten(one.model_dump(mode="json")) for one in (recipe, planned))
    return {field: value for field, value in was.items() if field not in beside and value != expected.get(field)}
