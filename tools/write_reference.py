"""Write commands.md, recipe.md and python.md of docs/reference from the program. A test fails if a page is outdated.

Run it after changing a command, a recipe field or a public docstring:  make reference
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streetseg import api, results, sharing
from streetseg.cli.commands import COMMANDS, load_command
from streetseg.cli.help import EXAMPLES
from streetseg.inference import prediction
from streetseg.recipe.layers import shipped_header, shipped_names
from streetseg.recipe.load import help_of, leaves, without_effect
from streetseg.recipe.schema import Recipe
from streetseg.training import callbacks

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"


def commands_page() -> str:
    """Return the page of all commands with their arguments and flags."""
    lines = ["# Commands", "", "`streetseg --help` and `streetseg COMMAND --help` print the same.", ""]
    for name in COMMANDS:
        command = load_command(name)
        parts = getattr(command, "commands", None)
        for path, part in [(f"{name} {sub}", part) for sub, part in parts.items()] if parts else [(name, command)]:
            lines += _command(path, part)
    return "\n".join(lines).rstrip() + "\n"


def recipe_page() -> str:
    """Return the page of all recipe fields with default and help, and of the shipped recipes."""
    lines = [
        "# Recipe",
        "",
        "Every field can stand in a YAML file (`--recipe FILE`), in the environment (`STREETSEG_OPTIM__LR=3e-4`) or at",
        "the end of a command (`optim.lr=3e-4`). Later ones win: defaults, shipped recipe, recipe file, environment,",
        "command line. `streetseg recipe show --sources` prints each value and where it came from.",
        "",
        "Fields in *italics* do not change the result of a run: `--resume` accepts another value for them, and runs",
        "that otherwise differ only in their seed are one experiment in a comparison.",
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
        "A shipped recipe is used by name (`--recipe demo`), or by default for data of its kind.",
        "",
    ]
    for name in shipped_names():
        lines += [f"- **{name}**: {' '.join(shipped_header(name).split())}"]
    return "\n".join(lines) + "\n"


FUNCTIONS = (
    *("load", "predict", "measure", "train", "study", "evaluate", "compare", "check", "audit", "export"),
    *("bench", "calibrate", "push", "convert", "init", "encoders"),
)
OBJECTS = {
    prediction: ("Model", "Prediction", "Predictions"),
    results: ("Run", "Study", "Scores", "ScoreTable", "Checked", "Measured", "Audit"),
    sharing: ("Pushed",),
    callbacks: ("Callback", "StopTraining"),
}


def python_page() -> str:
    """Return the page of all API functions and the objects that they return, from their docstrings."""
    lines = [
        "# Python",
        "",
        "`import streetseg` offers one function for each command. Arguments are strings and paths. Results are objects",
        "that a notebook displays, with pandas tables. Every error is a `streetseg.StreetsegError`.",
        "The examples below run as tests, in the order of the page: `data` is `camvid:DIR`, `folder` a new folder,",
        "`image` a uint8 array (H, W, 3), and `run` and `other` are finished runs.",
        "",
        "The shares of the classes in a folder of images, as a table:",
        "",
        "```python",
        "import streetseg",
        "",
        'model = streetseg.load("runs/mobile")',
        'print(model.predict("street").shares)',
        "```",
    ]
    for name in FUNCTIONS:
        function = getattr(api, name)
        lines += ["", f"## streetseg.{name}", "", "```python", _signature(name, function), "```", "", *_text(function)]
    for module, names in OBJECTS.items():
        for name in names:
            lines += ["", f"## {name}", "", *_text(getattr(module, name)), "", *_members(getattr(module, name))]
    return "\n".join(lines).rstrip() + "\n"


def _signature(name: str, function: Any) -> str:
    """Return the call with its defaults, without types, which the docstring names."""
    arguments, keyword_only = [], False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            if not any(argument.startswith("*") for argument in arguments):
                arguments.append("*")
        star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        default = parameter.default
        text = f'"{default}"' if isinstance(default, str) else repr(default)
        shown = "" if default is parameter.empty else "=..." if callable(default) else f"={text}"
        arguments.append(f"{star}{parameter.name}{shown}")
    call, inside = f"streetseg.{name}({', '.join(arguments)})", ", ".join(arguments)
    # As ruff breaks a call that is too long for one line.
    return f"streetseg.{name}(\n    {inside}\n)" if len(call) > 120 >= len(inside) + 4 else call


def _text(thing: Any) -> list[str]:
    """Return the docstring as lines of Markdown: arguments and errors as lists, examples as code."""
    lines, code = [], False
    for line in (inspect.getdoc(thing) or "").splitlines():
        if line.startswith((">>>", "...")) and not code:
            code = True
            lines.append("```python")
        if code and not line:
            code = False
            lines.append("```")
        if line in ("Args:", "Returns:", "Raises:"):
            lines += [f"**{line[:-1]}**", ""]
        elif line.startswith("    ") and not code:
            item = line[4:]
            lines.append(f"  {item.strip()}" if item.startswith("    ") else f"- {item}")
        else:
            lines.append(line)
    return [*lines, "```"] if code else lines


def _members(kind: type) -> Iterator[str]:
    """Yield a line for each public method and property of a class."""
    for name, member in vars(kind).items():
        if name.startswith("_") or not (inspect.isfunction(member) or hasattr(member, "__doc__")):
            continue
        about = (inspect.getdoc(member) or "").split("\n\n")[0].replace("\n", " ")
        if about and (inspect.isfunction(member) or isinstance(member, property) or hasattr(member, "attrname")):
            yield f"- `{name}{'()' if inspect.isfunction(member) else ''}`: {about}"


def _command(path: str, command: Any) -> Iterator[str]:
    """Yield the section of one command."""
    rows = [_row(param) for param in command.params if not param.hidden]
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    usage = [_metavar(param) for param in arguments if param.required]
    usage += ["[FLAGS]", *(f"[{_metavar(param)}...]" for param in arguments if not param.required)]
    yield from (f"## streetseg {path}", "", f"    streetseg {path} {' '.join(usage)}", "")
    yield from (str(command.help).splitlines()[0], "", "| | |", "|---|---|", *rows, "")
    if examples := EXAMPLES.get(path):
        yield from (*(f"    {line}" for line in examples), "")


def _row(param: Any) -> str:
    """Return the table row of one argument or flag."""
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


PAGES = {"commands.md": commands_page, "recipe.md": recipe_page, "python.md": python_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
