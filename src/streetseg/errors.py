"""Errors of the program, each with problem, where and hint, and helpers for their texts."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path


def did_you_mean(word: str, known: Iterable[str], *, before: str = "", most: int = 1) -> str | None:
    """Return a hint with the known words most similar to `word`; None if none is similar.

    Args:
        word: the word that a person gave.
        known: the words that are valid.
        before: text to put before each word in the hint, e.g. the folder of a file.
        most: the largest number of words in the hint.
    """
    similar = get_close_matches(word, list(known), n=most)
    return f"did you mean {', '.join(before + name for name in similar)}?" if similar else None


def first(items: Sequence[object], limit: int | None, what: str = "") -> list[str]:
    """Return the first items as text; if there are more, also a last line with the number of the others.

    Args:
        items: objects that `str` turns into text.
        limit: the largest number of items to name; None names all.
        what: what the items are, in the plural, e.g. "files".
    """
    if limit is None or len(items) <= limit:
        return [str(item) for item in items]
    return [*(str(item) for item in items[:limit]), f"and {len(items) - limit} more {what}".rstrip()]


def with_article(word: str) -> str:
    """Return "an int" or "a list"."""
    return f"{'an' if word[:1].lower() in 'aeiou' else 'a'} {word}"


class StreetsegError(Exception):
    """Base of the errors that streetseg raises on purpose.

    Args:
        problem: what is wrong, in one line (found …, expected …).
        where: the files, keys or values that are wrong; printed one per line.
        hint: what to do about it, a command where there is one.

    They are written with the flags of the command line, as commands print them; as text, an error has the arguments of
    Python in their place. `exit_code` is what a command ends with: 1 when the work failed, 2 when the request or the
    data is wrong.
    """

    exit_code = 1

    def __init__(
        self, problem: str, *, where: str | Path | Sequence[str | Path] | None = None, hint: str | None = None
    ) -> None:
        places = () if where is None else (where,) if isinstance(where, (str, Path)) else tuple(where)
        self.problem = problem
        self.where = tuple(str(place) for place in places)
        self.hint = hint
        super().__init__(problem)

    def lines(self) -> list[str]:
        """Return problem, places and hint, one a line, in the words of the command line."""
        lines = [self.problem]
        lines += [f"{'where:' if i == 0 else '      '} {place}" for i, place in enumerate(self.where)]
        if self.hint:
            lines.append(f"hint:  {self.hint}")
        return lines

    def __str__(self) -> str:
        """Return the lines in the words of Python, which is where an exception is shown as text."""
        return as_arguments("\n".join(self.lines()))

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in place of a traceback."""
        return f"{type(self).__name__}: {self}".splitlines()


# Flags without a value.
SWITCHES = ("accept", "debug", "force", "int8", "json", "overlay", "profile", "quiet", "resume", "tta")

_CALL = re.compile(r"\bstreetseg ([a-z]+)((?: (?:[A-Z][A-Z_]+|--[a-z0-9-]+(?: [\w.|]+)?))+)")
_FLAG = re.compile(r"(?<![\w/-])--([a-z][a-z0-9-]*)(?: (?!and\b|or\b)([\w./|]*[\w/]))?")


def as_arguments(text: str) -> str:
    """Return a text about flags of the command line as one about arguments of Python.

    `--out DIR` becomes `out=DIR`, `--device cpu` becomes `device="cpu"`, `--resume` becomes `resume=True`, and
    `streetseg export MODEL --format onnx` becomes `streetseg.export(MODEL, format="onnx")`, `--size 360x480` becomes
    `size=(360, 480)`, and a command is a call.
    """
    text = _CALL.sub(_call, text.replace("this command", "this call"))
    return _FLAG.sub(_argument, text)


def _call(command: re.Match[str]) -> str:
    parts = re.findall(r"--[a-z0-9-]+(?: [\w.|]+)?|[A-Z][A-Z_]+", command[2])
    return f"streetseg.{command[1]}({', '.join(_FLAG.sub(_argument, part) for part in parts)})"


def _argument(flag: re.Match[str]) -> str:
    name, value = flag[1].replace("-", "_"), flag[2]
    if name in SWITCHES:
        return f"{name}=True" + (f" {value}" if value else "")
    if value is None:
        return f"{name}="
    if size := re.fullmatch(r"(\d+)x(\d+)", value):
        return f"{name}=({size[1]}, {size[2]})"
    plain = value[0].isupper() or value.isdigit()  # a placeholder such as DIR, or a number
    return f"{name}={value}" if plain else f'{name}="{value}"'


class RequestError(StreetsegError):
    """The request is wrong: a flag, a recipe field, a name, or a folder that cannot be written."""

    exit_code = 2


class DataError(StreetsegError):
    """The data is wrong or missing: an image, a mask, a split."""

    exit_code = 2


class ModelError(StreetsegError):
    """A model, encoder or weight file cannot be used."""

    exit_code = 2


class TrainingError(StreetsegError):
    """The training failed."""


class LostPeerError(TrainingError):
    """Another process of a distributed run has ended. This is a consequence of a failure, never its cause."""


# Package that is not in the base install -> the extra that installs it.
EXTRAS = {
    "torch": "train",
    "torchvision": "train",
    "timm": "train",
    "onnx": "export",
    "openvino": "openvino",
    "av": "video",
    "huggingface_hub": "hub",
    "pyarrow": "measure",
    "pyogrio": "measure",
    "fastapi": "serve",
    "prometheus_client": "serve",
    "python_multipart": "serve",
    "starlette": "serve",
    "uvicorn": "serve",
}


def needed_package(failure: ModuleNotFoundError) -> RequestError | None:
    """Return the error of a package that an extra installs; None for any other package."""
    if failure.name not in EXTRAS:
        return None
    return RequestError(
        f"this command needs {failure.name}, which is not installed",
        hint=f"pip install 'streetseg[{EXTRAS[failure.name]}]'",
    )
