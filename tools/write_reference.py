"""Write the generated pages and the JSON schemas of docs/reference. A test fails if one is outdated.

Run it after changing a command, a recipe field or a public docstring:  make reference
"""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from json_schemas import schemas

from streetseg import api, results, sharing
from streetseg.cli.commands import COMMANDS, load_command
from streetseg.cli.environment import HIDDEN, VARIABLES
from streetseg.cli.exit_codes import EXIT_CODES, FAILED, FAILURES
from streetseg.cli.help import EXAMPLES
from streetseg.cli.outputs import COMMAND_OUTPUTS, FILES
from streetseg.inference import prediction
from streetseg.recipe.layers import shipped_header, shipped_names
from streetseg.recipe.load import help_of, leaves, without_effect
from streetseg.recipe.schema import Recipe
from streetseg.training import callbacks

NOT_RUN = "<!-- not run: the examples of --help, which tests/cli/test_main.py parses -->"
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
    *("bench", "calibrate", "push", "convert", "fetch", "init", "networks", "get_network", "encoders"),
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
        "The examples below run as tests, in the order of the page: `data` is `camvid:DIR`, `folder` holds DIR,",
        "`image` is a uint8 array (H, W, 3), and `run` and `other` are finished runs.",
        "",
        "The shares of the classes in a folder of images, as a table:",
        "",
        "```python",
        "import streetseg",
        "",
        'model = streetseg.load("runs/mobile")',
        'print(model.predict("photos/images").shares)',
        "```",
    ]
    for name in FUNCTIONS:
        function = getattr(api, name)
        lines += ["", f"## streetseg.{name}", "", "```python", _signature(name, function), "```", "", *_text(function)]
    for module, names in OBJECTS.items():
        for name in names:
            lines += ["", f"## {name}", "", *_text(getattr(module, name)), "", *_members(getattr(module, name))]
    return "\n".join(lines).rstrip() + "\n"


def exit_codes_page() -> str:
    """Return the page of the exit codes, and of what a command fails of."""
    lines = [
        "# Exit codes",
        "",
        "Written by `make reference`. `streetseg --help` names the codes, too.",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()),
        "",
        "With 2 nothing was written, and the same command fails again; with 1 it may succeed later. Any other code",
        "above 128 is 128 and the number of the signal that ended the program: 137 is SIGKILL, which Linux sends when",
        "the memory is full. A failure is three lines on stderr, or with `--json` [one object](json.md) on stdout.",
        "",
        f"## {FAILED}, command by command",
        "",
        "Every command can fail of the system, such as a full disk or too little memory, and of the network where its",
        "MODEL is `hub:OWNER/NAME`. Besides:",
        "",
        "| command | fails of |",
        "|---|---|",
        *(f"| `{name}` | {FAILURES.get(name, 'the system alone')} |" for name in COMMANDS),
        "",
        "`serve` ends with 0 after Ctrl-C or SIGTERM, when the requests in flight are answered.",
        "",
        "## Several processes",
        "",
        "With `--devices N` the command ends with the code of the process that failed first, and prints its error",
        "alone; where that process was killed, with 1. Ctrl-C and SIGTERM end all processes, and the command with 130",
        "or 143. Under `torchrun` each process ends with these codes, and torchrun itself with 1 whenever one of them",
        "failed; its own report holds the three lines of the first error.",
    ]
    return "\n".join(lines) + "\n"


def environment_page() -> str:
    """Return the page of the environment variables."""
    lines = [
        "# Environment variables",
        "",
        "Written by `make reference`. `streetseg doctor` prints those that are set; the value of a secret is",
        f'"{HIDDEN}".',
    ]
    for title, variables in VARIABLES.items():
        lines += ["", f"## {title}", "", "| variable | meaning | read by |", "|---|---|---|"]
        lines += [f"| `{one.name}` | {one.meaning}{' (secret)' * one.secret} | {one.reader} |" for one in variables]
    return "\n".join(lines) + "\n"


def json_page() -> str:
    """Return the page of the JSON schemas."""
    lines = [
        "# JSON schemas",
        "",
        "Written by `make reference`. With `--json` a command prints one object on stdout and nothing else there.",
        "Its [JSON schema](https://json-schema.org/draft/2020-12) names every key, with its unit and range. Numbers",
        "are not rounded; shares and scores are 0 to 1; what does not exist is null, never NaN.",
        "",
        "A failure is an object with `error`, `where` and `hint`, and the [exit code](exit-codes.md) is not 0.",
        "`check`, `predict`, `measure` and `audit` print these keys beside their result where a part of the work",
        "succeeded.",
        "",
        "| command | schema |",
        "|---|---|",
        *(f"| `streetseg {name} --json` | {_schema_link(name.replace(' ', '-'))} |" for name in COMMAND_OUTPUTS),
        f"| any command that fails | {_schema_link('error')} |",
        "",
        "## Files",
        "",
        "[What they are for](files.md). The schema of `journal.jsonl` is that of a line.",
        "",
        "| file | schema |",
        "|---|---|",
        *(f"| `{name}` | {_schema_link(f'files/{Path(name).stem}')} |" for name in FILES),
    ]
    return "\n".join(lines) + "\n"


def _schema_link(name: str) -> str:
    return f"[{name}.schema.json](json/{name}.schema.json)"


def _signature(name: str, function: Any) -> str:
    """Return the first line of the function with its defaults, without types, which the docstring names."""
    arguments, keyword_only = [], False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            if not any(argument.startswith("*") for argument in arguments):
                arguments.append("*")
        star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        default = parameter.default
        text = repr(default).replace("'", '"')
        shown = "" if default is parameter.empty else "=..." if callable(default) else f"={text}"
        arguments.append(f"{star}{parameter.name}{shown}")
    line, inside = f"def {name}({', '.join(arguments)}): ...", ", ".join(arguments)
    if len(line) <= 120:
        return line
    # As ruff breaks a line that is too long.
    lines = [inside] if len(inside) + 4 <= 120 else [f"{argument}," for argument in arguments]
    return "\n".join((f"def {name}(", *(f"    {line}" for line in lines), "): ..."))


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
    yield from (f"## streetseg {path}", "", "```text", f"streetseg {path} {' '.join(usage)}", "```", "")
    yield from (str(command.help).splitlines()[0], "", "| | |", "|---|---|", *rows, "")
    if examples := EXAMPLES.get(path):
        yield from (NOT_RUN, "```sh", *examples, "```", "")


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


PAGES = {
    "commands.md": commands_page,
    "environment.md": environment_page,
    "exit-codes.md": exit_codes_page,
    "json.md": json_page,
    "recipe.md": recipe_page,
    "python.md": python_page,
}


def schema_files() -> dict[str, str]:
    """Return path below docs/reference/json -> the text of a schema."""
    return {path: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for path, schema in schemas().items()}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
    for name, text in schema_files().items():
        (REFERENCE / "json" / name).parent.mkdir(parents=True, exist_ok=True)
        (REFERENCE / "json" / name).write_text(text, encoding="utf-8")
