"""Run the code blocks of a page from its top to its bottom, as a reader would: one folder, one shell, one Python."""

import configparser
import doctest
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import takewhile
from pathlib import Path
from string import Template
from typing import Any

import yaml

from pages import ROOT, Block, make_targets

# What a reader types -> what stands for it here, so that a page runs in seconds and without network.
SMALLER = {
    "mobilenetv2_100": "test_efficientnet",
    "resnext50_32x4d": "test_resnet",
    '"resnet50"': '"test_resnet"',
    "pretrained=True": "pretrained=False",
    "epochs=20": "epochs=1",
    "--minutes 2": "--minutes 0.1",  # the shortest time
    "--minutes 5": "--epochs 1",
    "--folds 3": "--folds 2",
    "--count 200": "--count 12",
    "--count 100": "--count 4",
    "--inputs 10000": "--inputs 20",
    "python tools/": f"python {shlex.quote(str(ROOT / 'tools'))}/",
}
SETTINGS = {
    "STREETSEG_MODEL__ENCODER": "test_efficientnet",
    "STREETSEG_MODEL__WEIGHTS": "none",  # offline
    "STREETSEG_TRAIN__EPOCHS": "1",
    "STREETSEG_TRAIN__BATCH": "2",
    "STREETSEG_TRAIN__DEVICE": "cpu",
    "STREETSEG_TRAIN__PRECISION": "fp32",
    "STREETSEG_DATA__SIZE": "64x96",
    "STREETSEG_AUGMENT__CROP": "none",
    "STREETSEG_AUGMENT__EARLY_CROP": "none",
}
QUOTED = re.compile(r"'[^']*'|\"[^\"$`]*\"")
SHELL = re.compile(r"[|;&<>$`*?]")  # what makes a line more than a command and its arguments
ENDLESS = ("streetseg serve", "python -m http.server")
ADDRESS = re.compile(r"http://[\d.]+:8000")
BIN = Path(sys.executable).parent


class PageRun:
    """The state of a page whose blocks run: its folder, the names of its Python code, what its commands printed.

    Args:
        folder: the working folder, with what the page takes for granted.
        streetseg: runs `streetseg ARGV...` in this process.
        names: what Python code finds.
    """

    def __init__(self, folder: Path, streetseg: Callable[..., Any], names: dict[str, Any]) -> None:
        self.folder = folder
        self.streetseg = streetseg
        self.names = names
        self.printed: list[str] = []
        self.url: str | None = None
        self.environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        self._servers: list[subprocess.Popen[str]] = []

    def run(self, block: Block) -> None:
        """Run a block by the rule of its language. Raises AssertionError, or what its code raises."""
        code = block.code
        for word, smaller in SMALLER.items():
            code = code.replace(word, smaller)
        try:
            RULES[block.language](self, code, block)
        except Exception as error:
            error.add_note(f"in the block at {block.where}")
            raise

    def here(self, code: str) -> str:
        """Return code whose requests go to the server that the page began last."""
        return ADDRESS.sub(self.url, code) if self.url else code

    def command(self, line: str) -> str:
        """Run a command of one line. Return what it printed; it must end with exit code 0."""
        line = self.here(line)
        if line.startswith(ENDLESS):
            return self._begin(shlex.split(line))
        if export := re.match(r"export (\w+)=", line):
            self.environment[export[1]] = self.script(f'{line}; printf %s "${export[1]}"')
            return ""
        if not line.startswith("streetseg ") or SHELL.search(QUOTED.sub("", line)):
            return self.script(line)
        done = self.streetseg(*shlex.split(line)[1:])
        return self._ended(line, done.code, done.out + done.err)

    def script(self, code: str) -> str:
        """Run a script of bash, as `command` does."""
        words = ["bash", "-e", "-c", code]
        done = subprocess.run(words, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        return self._ended(code, done.returncode, done.stdout + done.stderr)

    def close(self) -> None:
        """End the servers of the page."""
        for server in self._servers:
            server.terminate()
            server.communicate()

    def _ended(self, line: str, code: int, printed: str) -> str:
        assert code == 0, f"{line}\nended with {code}\n{printed}"
        self.printed.append(printed)
        return printed

    def _begin(self, words: list[str]) -> str:
        """Start a server on a free port. Return the line by which it says that it is ready."""
        program, *rest = words
        port = ["--port", "0"] if program == "streetseg" else ["0"]
        argv = [sys.executable, "-u", *(["-m", "streetseg"] if program == "streetseg" else []), *rest, *port]
        with (self.folder / "server.log").open("a") as log:
            server = subprocess.Popen(
                argv, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self._servers.append(server)
        assert server.stdout is not None
        ready = server.stdout.readline()
        address = re.search(r"http://[\w.]+:(\d+)", ready)
        assert address, f"{shlex.join(words)} is not ready: {ready}"
        self.url = f"http://127.0.0.1:{address[1]}"
        return ready


@contextmanager
def page_run(folder: Path, streetseg: Callable[..., Any], names: dict[str, Any]) -> Iterator[PageRun]:
    """Yield a page that runs in a folder. End its servers afterwards."""
    running = PageRun(folder, streetseg, names)
    try:
        yield running
    finally:
        running.close()


def joined(script: str) -> str:
    """Return a script without breaks inside its commands."""
    return re.sub(r"\\\n\s*", "", script)


def commands(script: str) -> list[str]:
    """Return the commands of a shell script, each in one line; no comments."""
    return [line for line in joined(script).splitlines() if line.strip() and not line.startswith("#")]


def same(shown: str, printed: str) -> bool:
    """Return whether a page shows what was printed: by its words, whatever the numbers, spaces and ends of lines are.
    `...` or `…` stands for any text."""
    words = " ".join(shown.split())
    pattern = re.escape(words).replace(r"\ ", r"\s+").replace(r"\.\.\.", ".*?").replace("…", ".*?")
    pattern = re.sub(r"\d+(\\\.\d+)?", r"\\d[\\d.,]*", pattern)
    return re.search(pattern, printed, re.DOTALL) is not None


def _sh(page: PageRun, code: str, block: Block) -> None:
    """Run the commands one after the other; as one script where one of them sets variables or has a loop."""
    lines = commands(code)
    if any(re.match(r"\w+=|for |if |while |cd ", line) for line in lines):
        page.script(page.here(code))
    else:
        for line in lines:
            page.command(line)


def _console(page: PageRun, code: str, block: Block) -> None:
    """Run what stands behind `$ `, and compare what it prints with the lines below it."""
    for part in re.split(r"^\$ ", joined(code), flags=re.MULTILINE)[1:]:
        line, _, shown = part.partition("\n")
        printed = page.command(line)
        assert same(shown, printed), f"the page shows\n{shown}\nbut it is\n{printed}"


def _python(page: PageRun, code: str, block: Block) -> None:
    """Execute the code; a session with >>> as a doctest."""
    if code.startswith(">>>"):
        test = doctest.DocTestParser().get_doctest(code, page.names, block.where, str(block.page), block.line - 1)
        test.globs, report = page.names, io.StringIO()
        runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
        failed, _ = runner.run(test, out=report.write, clear_globs=False)
        assert not failed, report.getvalue()
        return
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile("\n" * (block.line - 1) + page.here(code), str(block.page), "exec"), page.names)
    page.printed.append(printed.getvalue())


def _text(page: PageRun, code: str, block: Block) -> None:
    """Look for it in what the commands of the page printed."""
    printed = "\n".join(page.printed)
    assert same(code, printed), f"no command of the page prints\n{code}\nThey printed\n{printed}"


def _json(page: PageRun, code: str, block: Block) -> None:
    """Parse it; its keys must be those of an object that a command above it printed, if one did."""
    shown, printed = json.loads(code), [found for found in map(_object, page.printed) if found is not None]
    assert not printed or any(_keys(shown) <= _keys(found) for found in printed), "no command above prints such keys"


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _keys(value: Any) -> set[str]:
    """Return the names in a JSON value, at any depth."""
    if isinstance(value, list):
        return {key for item in value for key in _keys(item)}
    return {key for name, item in value.items() for key in {name} | _keys(item)} if isinstance(value, dict) else set()


def _yaml(page: PageRun, code: str, block: Block) -> None:
    """Let the program that reads it read it."""
    from streetseg.data.open import open_source
    from streetseg.recipe.layers import file_layer
    from streetseg.recipe.load import load_recipe
    from streetseg.recipe.schema import Data, Recipe

    value = yaml.safe_load(code)
    file = page.folder / f"block-{block.line}.yaml"
    file.write_text(code, encoding="utf-8")
    if "classes" in value:
        assert open_source(Data(source=f"folder:{file}")).splits
    elif set(value) <= set(Recipe.model_fields):
        assert file_layer(file) and load_recipe(str(file))
    else:
        _check_shell("\n".join(_shell_in_yaml(value)), page.environment)


def _shell_in_yaml(value: Any) -> list[str]:
    """Return the commands in a workflow or a pipeline: the texts of `run` and `cmd`."""
    if isinstance(value, list):
        return [line for item in value for line in _shell_in_yaml(item)]
    if not isinstance(value, dict):
        return []
    own = [str(value[key]) for key in ("run", "cmd") if isinstance(value.get(key), str)]
    return own + [line for item in value.values() for line in _shell_in_yaml(item)]


def _js(page: PageRun, code: str, block: Block) -> None:
    """Run it in Node; a module that exports functions is only parsed."""
    file = page.folder / f"block-{block.line}.mjs"
    file.write_text(page.here(code), encoding="utf-8")
    page.command(f"node {'--check ' if 'export ' in code else ''}{file.name}")


def _cpp(page: PageRun, code: str, block: Block) -> None:
    """Write it as segment.cpp, which the commands below it compile."""
    (page.folder / "segment.cpp").write_text(code, encoding="utf-8")


def _ini(page: PageRun, code: str, block: Block) -> None:
    """Parse it, and the commands of a service."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(code)
    for section in parser.values():
        if command := section.get("ExecStart"):
            check_command(shlex.split(re.sub(r"^\S*/", "", command)))


def _dockerfile(page: PageRun, code: str, block: Block) -> None:
    """Let hadolint read it, where it is there."""
    if linter := shutil.which("hadolint", path=page.environment["PATH"]):
        done = subprocess.run([linter, "--failure-threshold", "error", "-"], input=code, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def _make(page: PageRun, code: str, block: Block) -> None:
    """Let make say what it would run."""
    (page.folder / "Makefile").write_text(code, encoding="utf-8")
    (page.folder / "recipe.yaml").touch()
    page.command("make --dry-run")


RULES: dict[str, Callable[[PageRun, str, Block], None]] = {
    "sh": _sh,
    "console": _console,
    "python": _python,
    "text": _text,
    "json": _json,
    "yaml": _yaml,
    "js": _js,
    "cpp": _cpp,
    "ini": _ini,
    "make": _make,
    "dockerfile": _dockerfile,
}


def check(block: Block) -> None:
    """Check a block that is not run as far as reading goes: commands, flags and extras exist, Python compiles."""
    try:
        if block.language == "python":
            compile(block.code, str(block.page), "exec")
        elif block.language == "sh":
            _check_shell(block.code, {})
        elif block.language == "console":
            _check_shell("\n".join(re.findall(r"^\$ (.*)", joined(block.code), re.MULTILINE)), {})
    except Exception as error:
        error.add_note(f"in the block at {block.where}")
        raise


def _check_shell(script: str, variables: dict[str, str]) -> None:
    """Check the commands of a script that are of this project, in the words that its variables stand for."""
    values = dict(variables)
    for line in commands(script):
        for name, value in re.findall(r"^(?:export )?([A-Z_]+)=\"?([^\"]*)\"?$", line):
            values[name] = Template(value).safe_substitute(values)
        words = shlex.split(Template(line).safe_substitute(values), comments=True)
        for place, word in enumerate(words):
            if word in PROGRAMS and (place == 0 or words[place - 1] in ("&&", "||", "-m", "srun", "run")):
                check_command(words[place:])


def check_command(words: list[str]) -> None:
    """Check that a command could be typed: its program knows the subcommand, flags, targets and extras.

    Args:
        words: the program and its arguments. What stands behind `&&`, `||`, `|` or `>` is another command's.
    """
    program, *rest = takewhile(lambda word: word not in ("&&", "||", "|", ">"), words)
    PROGRAMS[program](rest)


def _check_streetseg(words: list[str]) -> None:
    from streetseg.cli.commands import load_command

    name, *rest = words
    command = load_command(name)
    command.make_context(name, rest, resilient_parsing=False)  # raises for an unknown flag or a missing argument


def _check_python(words: list[str]) -> None:
    """Check that a script of the project is there, and names each flag."""
    if words[0].endswith(".py"):
        text = (ROOT / words[0]).read_text(encoding="utf-8")
        assert not [word for word in words[1:] if word.startswith("--") and f'"{word}"' not in text], words


def _check_pip(words: list[str]) -> None:
    """Check that the extras of streetseg that are installed exist."""
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for listed in re.findall(r"(?:\.|streetseg)\[([\w,-]+)\]", " ".join(words)):
        assert set(listed.split(",")) <= set(extras), listed


def _check_make(words: list[str]) -> None:
    """Check that the Makefile has the targets."""
    assert {word for word in words if "=" not in word} <= make_targets(), words


PROGRAMS = {"streetseg": _check_streetseg, "python": _check_python, "pip": _check_pip, "make": _check_make}
