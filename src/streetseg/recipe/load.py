"""From everything a person said to one frozen recipe.

Precedence: defaults < shipped recipe < recipe file < environment < command line.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from streetseg.errors import RequestError
from streetseg.recipe.layers import (
    KeyPath,
    Layer,
    Setting,
    command_line_layer,
    environment_layer,
    file_layer,
    shipped_layer,
    shipped_names,
)
from streetseg.recipe.schema import NoEffect, Recipe


@dataclass(frozen=True)
class Resolved:
    """A recipe and where each of its values came from.

    Args:
        recipe: the values.
        origins: dotted path -> "default", "shipped recipe camvid:4", "my.yaml:12", a variable's name or "command line".
    """

    recipe: Recipe
    origins: dict[str, str]


def load_recipe(
    recipe: str | Path | None = None,
    overrides: Sequence[str] = (),
    *,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Recipe:
    """The recipe of a run; see `resolve`."""
    return resolve(recipe, overrides, flags=flags, environ=environ).recipe


def resolve(
    recipe: str | Path | None = None,
    overrides: Sequence[str] = (),
    *,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Resolved:
    """The recipe of a run and the origin of each value.

    Args:
        recipe: a YAML file, or the name of a shipped recipe. Without a shipped name, the shipped recipe of the data's
            kind is taken (camvid for `camvid:DIR`), where there is one.
        overrides: `path.to.field=value` words.
        flags: dotted path -> value as a command's flags gave them; None means not given.
        environ: environment variables; none: this process's own.

    Raises:
        RequestError: unknown key, value of a wrong kind, unreadable file.
    """
    requested: list[Layer] = []
    shipped = None
    if recipe is not None and str(recipe) in shipped_names() and not Path(recipe).exists():
        shipped = str(recipe)
    elif recipe is not None:
        requested.append(file_layer(Path(recipe)))
    requested += [
        environment_layer(os.environ if environ is None else environ),
        command_line_layer(overrides, flags or {}),
    ]
    shipped = shipped or _shipped_for(merge(requested))
    settings = merge([shipped_layer(shipped), *requested] if shipped else requested)
    for path, setting in settings.items():
        _must_exist(path, setting)
    try:
        values = Recipe.model_validate(_nested(settings))
    except ValidationError as error:
        raise _incorrect_values(error, settings) from error
    return Resolved(values, {path: _origin(tuple(path.split(".")), settings) for path, _ in leaves(values)})


def merge(layers: Sequence[Layer]) -> Layer:
    """All layers in one; later ones win, also over a whole branch given before, and epochs over steps."""
    merged: Layer = {}
    for layer in layers:
        if ("train", "epochs") in layer:
            merged.pop(("train", "steps"), None)  # as those are taken in place of epochs, whoever asked for them
        for path, setting in layer.items():
            for old in [old for old in merged if old[: len(path)] == path or path[: len(old)] == old]:
                del merged[old]
            merged[path] = setting
    return merged


def leaves(section: BaseModel, parents: KeyPath = ()) -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of every field, sections opened."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, (*parents, name))
        else:
            yield ".".join((*parents, name)), value


def help_of(path: str) -> str:
    """The help text of a field, one line."""
    return " ".join((_field(path).description or "").split())


def without_effect() -> dict[str, str]:
    """The fields that do not change what comes out of a run: dotted path -> why."""
    return {
        path: mark.why for path, _ in leaves(Recipe()) for mark in _field(path).metadata if isinstance(mark, NoEffect)
    }


def require_meaning(overrides: Sequence[str], command: str, fields: Sequence[str]) -> None:
    """Raise RequestError for `path.to.field=value` words that a command would have to ignore.

    Args:
        overrides: words that `load_recipe` has accepted.
        command: its name.
        fields: the dotted paths that mean something to it; `data.` stands for all fields of a section.
    """
    ignored = [
        path
        for path in (word.partition("=")[0] for word in overrides)
        if not any(path == field or path.startswith(f"{field.rstrip('.')}.") for field in fields)
    ]
    if ignored:
        raise RequestError(
            f"{', '.join(ignored)} {'means' if len(ignored) == 1 else 'mean'} nothing to {command}",
            where=f"streetseg {command}",
            hint=f"{command} takes {', '.join(f'{field}…' if field.endswith('.') else field for field in fields)}",
        )


def _field(path: str) -> FieldInfo:
    section, name = path.split(".")[:2]
    annotation: Any = Recipe.model_fields[section].annotation
    fields: dict[str, FieldInfo] = annotation.model_fields
    return fields[name]


def _shipped_for(requested: Layer) -> str | None:
    source = requested.get(("data", "source"))
    kind = str(source.value).partition(":")[0] if source else Recipe().data.source
    return kind if kind in shipped_names() else None


def _must_exist(path: KeyPath, setting: Setting) -> None:
    known = [known for known, _ in leaves(Recipe())]
    dotted = ".".join(path)
    if dotted in known or dotted in Recipe.model_fields or dotted.startswith("data.splits."):
        return
    close = [full for full in known if full.rpartition(".")[2] == path[-1]] or get_close_matches(dotted, known, n=1)
    raise RequestError(
        f"a recipe has no {dotted}",
        where=setting.origin,
        hint=f"did you mean {close[0]}?" if close else "streetseg recipe show  lists every field",
    )


def _nested(settings: Layer) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for path, setting in settings.items():
        branch = root
        for key in path[:-1]:
            branch = branch.setdefault(key, {})
        branch[path[-1]] = setting.value
    return root


def _origin(path: KeyPath, settings: Layer) -> str:
    """Of the value at `path`, of the branch it lies in, or of the first value inside it."""
    for given, setting in settings.items():
        if path[: len(given)] == given or given[: len(path)] == path:
            return setting.origin
    return "default"


def _incorrect_values(error: ValidationError, settings: Layer) -> RequestError:
    problems = []
    for details in error.errors():
        path = tuple(str(part) for part in details["loc"] if isinstance(part, str))
        found = f"{'.'.join(path)}: found {details['input']}, expected {_expected(details)}"
        problems.append((found, _origin(path, settings), path))
    if len(problems) == 1:
        [(problem, where, path)] = problems
        return RequestError(problem, where=where, hint=help_of(".".join(path)) if len(path) > 1 else None)
    return RequestError(
        f"{len(problems)} values of the recipe are wrong",
        where=[f"{where}: {problem}" for problem, where, _ in problems],
        hint="streetseg recipe show  lists every field",
    )


def _expected(details: ErrorDetails) -> str:
    """What would have been right, in words."""
    limits = details.get("ctx", {})
    match details["type"]:
        case "greater_than":
            return f"more than {limits['gt']:g}"
        case "greater_than_equal":
            return f"at least {limits['ge']:g}"
        case "less_than":
            return f"less than {limits['lt']:g}"
        case "less_than_equal":
            return f"at most {limits['le']:g}"
        case "literal_error":
            return str(limits["expected"]).replace("'", "")
        case "value_error":
            return str(limits["error"])
        case "float_parsing" | "float_type":
            return "a number"
        case "finite_number":
            return "a finite number"
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return "a whole number"
        case "string_type":
            return "a text"
        case "bool_parsing" | "bool_type":
            return "true or false"
        case "tuple_type":
            return "a list such as [1, 2]"
        case "missing":
            return "one value more"
        case "too_long":
            return f"a list of {limits['max_length']}"
        case "model_type" | "dict_type":
            return "names and values below it"
        case _:
            return details["msg"].lower()
