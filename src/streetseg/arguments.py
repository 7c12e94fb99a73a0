"""The types of the arguments that the functions of `streetseg.api` take. Reading it imports nothing heavy."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from numbers import Integral, Real
from pathlib import Path
from typing import ParamSpec, TypeVar

from streetseg.errors import RequestError, needed_package, with_article

P = ParamSpec("P")
R = TypeVar("R")

PathLike = str | Path
OnImage = Callable[[int, int], None]  # called after each image with the number done and the number of all


@dataclass(frozen=True)
class Expected:
    """Type and limits of an argument.

    Args:
        fits: whether a value is of that type.
        words: the type, for a message.
        example: a value as it is written in a call.
        least: the smallest number; None for no limit.
    """

    fits: Callable[[object], bool]
    words: str
    example: str
    least: int | None = None


def _is_path(value: object) -> bool:
    return isinstance(value, (str, Path))


def _is_list(value: object) -> bool:
    """Return whether a value is a list or yields its items; a torch module that holds others is one item."""
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)) and not callable(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _text(example: str) -> Expected:
    return Expected(lambda value: isinstance(value, str), "a text", json.dumps(example))


def _path(example: str) -> Expected:
    return Expected(_is_path, "a path", json.dumps(example))


SWITCH = Expected(lambda value: isinstance(value, bool), "True or False", "True")
COUNT = Expected(_is_whole, "a whole number", "1", least=1)

# Argument -> what it must be, in every function that has it. An argument whose default is None may be None. Arguments
# that become fields of the recipe are checked with the recipe.
ARGUMENTS = {
    **dict.fromkeys(("tta", "resume", "force", "profile", "quiet", "int8", "sample", "accept"), SWITCH),
    **dict.fromkeys(("seeds", "devices", "batch"), COUNT),
    "tile": Expected(_is_whole, "a whole number", "512"),
    "max_megapixels": Expected(_is_number, "a number", "100"),
    "budget": Expected(_is_number, "a number", "0.5", least=0),
    "engine": _text("torch"),
    "precision": _text("fp32"),
    "device": _text("cpu"),
    "format": _text("onnx"),
    "to": _text("folder"),
    "split": _text("val"),
    "space": _text("street-11"),
    **dict.fromkeys(("out", "folder"), _path("runs/first")),
    "report": _path("check.html"),
    "validation": _path("camvid:camvid"),
    "unlabeled": _path("photos"),
    "repository": _text("me/street"),
    "private": SWITCH,
    "message": _text("better poles"),
    "revision": _text("main"),
    "license": _text("apache-2.0"),
    "folds": Expected(_is_whole, "a whole number", "5", least=2),
    "weights": Expected(lambda value: _is_path(value) or isinstance(value, Mapping), "a path", '"none"'),
    "encoders": Expected(_is_list, "a list", '["mobilenetv2_100", "resnext50_32x4d"]'),
    "runs": Expected(_is_list, "a list", '["runs/first", "runs/second"]'),
    "track": Expected(_is_list, "a list", '["tensorboard"]'),
    "callbacks": Expected(_is_list, "a list", "[callback]"),
    "progress": Expected(callable, "a function", "print"),
}


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function with its arguments checked as ARGUMENTS says, and a missing package named with its cure."""
    parameters = signature(function).parameters

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, value in {**dict(zip(parameters, args, strict=False)), **kwargs}.items():
            if name in parameters and not (value is None and parameters[name].default is None):
                require_argument(name, value)
        try:
            return function(*args, **kwargs)
        except ModuleNotFoundError as failure:
            if error := needed_package(failure):
                raise error from None
            raise

    return call


def require_argument(name: str, value: object) -> None:
    """Raise RequestError unless a value is what ARGUMENTS says, and no empty text."""
    require_filled(name, value)
    expected = ARGUMENTS.get(name)
    if expected is None:
        return
    if not expected.fits(value):
        example = expected.example
        if name == "encoders":  # as on the command line, or one encoder
            names = [part.strip() for part in value.split(",")] if isinstance(value, str) else None
            example = json.dumps(names) if names else "[encoder]"
        raise type_error(name, value, expected.words, f"{name}={example}")
    if expected.least is not None and value < expected.least:  # type: ignore[operator]
        raise RequestError(
            f"{name} is {value}, expected at least {expected.least}",
            where=f"{name}=",
            hint=f"{name}={expected.example}",
        )


def require_filled(name: str, value: object) -> None:
    """Raise RequestError for an empty text."""
    if isinstance(value, str) and not value:
        raise RequestError(f"{name} is an empty text", where=f"{name}=", hint=f"name what {name}= stands for")


def type_error(name: str, value: object, expected: str, hint: str) -> RequestError:
    """Return the error of an argument of another type than expected."""
    return RequestError(
        f"{name} is {with_article(type(value).__qualname__)}, expected {expected}", where=f"{name}=", hint=hint
    )


def as_size(size: object) -> tuple[int, int]:
    """Return height and width of a text such as "360x480", or of two numbers. Raises RequestError."""
    sides = size.split("x") if isinstance(size, str) else size
    if isinstance(sides, (tuple, list)) and len(sides) == 2:
        height, width = (int(side) if _is_side(str(side)) else 0 for side in sides)
        if height and width:
            return height, width
    problem = f"{size!r} is not a size (expected height x width in pixels)"
    raise RequestError(problem, where="--size", hint="--size 360x480")


def _is_side(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6 and text[0] != "0"
