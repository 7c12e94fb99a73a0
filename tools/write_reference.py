"""Writes docs/reference/commands.md and recipe.md from the program itself; a test compares, so they cannot drift.

Run it after changing a command or a field:  make reference
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streetseg.cli.verbs import VERBS, load_verb
from streetseg.recipe.layers import shipped_header, shipped_names
from streetseg.recipe.load import help_of, leaves, without_effect
from streetseg.recipe.schema import Recipe

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"


def commands_page() -> str:
    """Every verb with its arguments and flags."""
    lines = ["# Commands", "", "`streetseg --help` and `streetseg VERB --help` print the same.", ""]
    for name in VERBS:
        command = load_verb(name)
        parts = getattr(command, "commands", None)
        for path, part in [(f"{name} {sub}", part) for sub, part in parts.items()] if parts else [(name, command)]:
            lines += _command(path, part)
    return "\n".join(lines).rstrip() + "\n"


def recipe_page() -> str:
    """Every field of a recipe with its default and help, and the shipped recipes."""
    lines = [
        "# Recipe",
        "",
        "Every field can stand in a YAML file (`--recipe FILE`), in the environment (`STREETSEG_OPTIM__LR=3e-4`) or at",
        "the end of a command (`optim.lr=3e-4`). Later ones win: defaults, shipped recipe, recipe file, environment,",
        "command line. `streetseg recipe show --sources` prints each value and where it came from.",
        "",
        "Fields in *italics* do not change what comes out of a run: `--resume` accepts another value of them, and two",
        "runs that differ in nothing else but their seed are one experiment in a comparison.",
    ]
    section = ""
    for path, default in leaves(Recipe()):
        if path.split(".")[0] != section:
            section = path.split(".")[0]
            about = (Recipe.model_fields[section].annotation or Recipe).__doc__
            lines += ["", f"## {section}", "", f"{about}", "", "| field | default | meaning |", "|---|---|---|"]
        meaning, why = help_of(path).replace("|", "/"), without_effect().get(path)
        name = f"`{path}`" if why is None else f"*`{path}`*"
        lines.append(f"| {name} | {_default(default)} | {meaning}{f'; *no effect: {why}*' if why else ''} |")
    lines += [
        "",
        "## Shipped recipes",
        "",
        "Taken by name (`--recipe demo`), or because the data are of that kind.",
        "",
    ]
    for name in shipped_names():
        lines += [f"- **{name}**: {' '.join(shipped_header(name).split())}"]
    return "\n".join(lines) + "\n"


def _command(path: str, command: Any) -> Iterator[str]:
    rows = [_row(param) for param in command.params if not param.hidden]
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    words = [_metavar(param) for param in arguments if param.required]
    words += ["[FLAGS]", *(f"[{_metavar(param)}...]" for param in arguments if not param.required)]
    yield from (f"## streetseg {path}", "", f"    streetseg {path} {' '.join(words)}", "")
    yield from (str(command.help).splitlines()[0], "", "| | |", "|---|---|", *rows, "")


def _row(param: Any) -> str:
    if param.param_type_name == "argument":
        name = _metavar(param)
    else:
        name = f"{max(param.opts, key=len)} {'' if param.is_flag else _metavar(param)}".rstrip()
    meaning = (param.help or "").replace("|", "/")
    shown = param.default not in (None, False, ()) and not callable(param.default) and not param.required
    return f"| `{name.replace('|', '/')}` | {meaning}{f' (default {param.default})' if shown else ''} |"


def _metavar(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _default(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


PAGES = {"commands.md": commands_page, "recipe.md": recipe_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
