"""A recipe as YAML, ready to be read again."""

import yaml

from streetseg.recipe.schema import Recipe


def recipe_yaml(recipe: Recipe) -> str:
    """Every value of the recipe, sections in the schema's order."""
    text: str = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
    return text
