"""The resolved recipe of a run: write a recipe as YAML and read it back."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from streetseg.errors import RequestError
from streetseg.recipe.plain_yaml import NotPlain, invalid, parse, value_of
from streetseg.recipe.schema import Recipe


def recipe_yaml(recipe: Recipe) -> str:
    """Return every value of the recipe as YAML, with the sections in the order of the schema."""
    text: str = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
    return text


def read_resolved(path: Path) -> Recipe:
    """Return the recipe that `recipe_yaml` wrote to a file. Raise RequestError for other or truncated files."""
    try:
        text = path.read_text(encoding="utf-8")
        root = parse(text)
        recipe = Recipe.model_validate({} if root is None else value_of(root))
        # Defaults must not replace missing lines of a truncated file. The device is its last line.
        if "device" not in recipe.train.model_fields_set or not text.endswith("\n"):
            raise NotPlain("its end is missing")
    except ValidationError as error:
        raise RequestError(f"not a resolved recipe ({invalid(error)})", where=path) from error
    except (OSError, NotPlain, UnicodeDecodeError) as error:
        raise RequestError(f"not a resolved recipe ({error})", where=path) from error
    return recipe
