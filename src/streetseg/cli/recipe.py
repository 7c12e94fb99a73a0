"""The commands of `streetseg recipe`: show, list, check."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from streetseg.cli.commands import Group
from streetseg.cli.help import Command
from streetseg.cli.options import JsonFlag, Overrides, RecipeFlag
from streetseg.cli.output import aligned, print_json, say

if TYPE_CHECKING:
    from streetseg.cli import outputs
    from streetseg.recipe.schema import Recipe

app = typer.Typer(cls=Group, add_completion=False, rich_markup_mode=None, help="Show, list or check recipes.")


@app.command(cls=Command)
def show(
    overrides: Overrides = None,
    recipe: RecipeFlag = None,
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="as for train; a shipped recipe may belong to it")
    ] = None,
    sources: Annotated[bool, typer.Option("--sources", help="show the source of each value")] = False,
    json: JsonFlag = False,
) -> None:
    """Show the recipe that a command would use, as YAML."""
    from streetseg.recipe.load import leaves, resolve
    from streetseg.recipe.resolved import recipe_yaml
    from streetseg.request import with_kind

    resolved = resolve(recipe, overrides or [], flags={"data.source": with_kind(data) if data else None})
    if json:
        values = resolved.recipe.model_dump(mode="json")
        output: outputs.RecipeShow = {"recipe": cast("Recipe", values)}
        if sources:
            output["sources"] = resolved.origins
        print_json(output)
    elif sources:
        rows = [(path, _value_text(value), resolved.origins[path]) for path, value in leaves(resolved.recipe)]
        say(*aligned(rows))
    else:
        say(*recipe_yaml(resolved.recipe).rstrip("\n").split("\n"))


@app.command("list", cls=Command)
def list_recipes(json: JsonFlag = False) -> None:
    """List the recipes that come with streetseg."""
    from streetseg.recipe.layers import shipped_header, shipped_names

    headers = {name: shipped_header(name) for name in shipped_names()}
    if json:
        output: outputs.RecipeList = {"recipes": headers}
        print_json(output)
        return
    for name, header in headers.items():
        say(name, *(f"    {line}" for line in header.splitlines()), "")


@app.command(cls=Command)
def check(
    recipe: Annotated[str, typer.Argument(metavar="FILE", help="recipe file")],
    overrides: Overrides = None,
    json: JsonFlag = False,
) -> None:
    """Check a recipe file."""
    from streetseg.recipe.load import leaves, resolve
    from streetseg.recipe.schema import Recipe

    resolved = resolve(recipe, overrides or [])
    defaults = dict(leaves(Recipe()))
    changed = [path for path, value in leaves(resolved.recipe) if value != defaults[path]]
    given = {path: origin for path, origin in resolved.origins.items() if origin != "default"}
    if json:
        output: outputs.RecipeCheck = {"recipe": recipe, "sets": given}
        print_json(output)
    else:
        say(f"{recipe}: good, {len(changed)} of {len(defaults)} values are not the default")


def _value_text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(str(item) for item in value) + "]"
    return str(value)
