"""streetseg check"""

from streetseg.cli.options import DataArgument, JsonFlag, Overrides, RecipeFlag
from streetseg.cli.output import print_json, say


def check(data: DataArgument, overrides: Overrides = None, recipe: RecipeFlag = None, json: JsonFlag = False) -> None:
    """Look through a dataset for everything that is wrong with it."""
    from streetseg.data.check import check_source
    from streetseg.data.open import open_source
    from streetseg.recipe.load import load_recipe

    wanted = load_recipe(recipe, overrides or [], flags={"data.source": data})
    source = open_source(wanted.data)
    findings = check_source(source, list(source.splits))
    if json:
        print_json(findings)
    else:
        say(str(findings))
