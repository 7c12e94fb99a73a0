"""Load a recipe: merge all sources of values into one frozen recipe.

Precedence: defaults < shipped recipe < recipe file < environment < command line.
"""

import os
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from streetseg.errors import RequestError
from streetseg.recipe.datasets import parts_of
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

# Data of these kinds take the shipped recipe of that name, unless another is named. Cityscapes does not: data of one's
# own and the scenes are often kept in its layout, at other sizes.
BY_KIND = ("camvid",)


# The fields that commands use which do not train; `data.` means all fields of a section. How large the network sees an
# image is the model's own, so data.size means nothing to evaluate.
EVALUATE_FIELDS = (
    *("data.source", "data.space", "data.splits", "data.val_split", "data.split", "data.val_share", "data.limit"),
    *("data.max_megapixels", "data.unlabeled", "data.exclude", "data.cache_gb", "data.exif", "data.range"),
    *("train.device", "train.precision"),
)
CHECK_FIELDS = ("data.",)
COMMAND_FIELDS = {"evaluate": EVALUATE_FIELDS, "check": CHECK_FIELDS, "convert": CHECK_FIELDS}

MAPPINGS = ("data.splits.", "loss.class_weights.")  # fields that hold names of a person's own


@dataclass(frozen=True)
class Resolved:
    """A recipe and the origin of each of its values.

    Args:
        recipe: the values.
        origins: dotted path -> "default", "shipped recipe camvid:4", "my.yaml:12", a variable's name, "command line".
    """

    recipe: Recipe
    origins: dict[str, str]


def load_recipe(
    recipe: str | Path | None = None,
    overrides: Sequence[str] = (),
    *,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    by_kind: bool = True,
) -> Recipe:
    """Return the recipe of a run; `resolve` describes the arguments."""
    return resolve(recipe, overrides, flags=flags, environ=environ, by_kind=by_kind).recipe


def resolve(
    recipe: str | Path | None = None,
    overrides: Sequence[str] = (),
    *,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    by_kind: bool = True,
) -> Resolved:
    """Return the recipe of a run and the origin of each value.

    Args:
        recipe: a YAML file, or the name of a shipped recipe. Without such a name, data of a kind in `BY_KIND` takes
            the shipped recipe of that kind (camvid for `camvid:DIR`).
        overrides: texts `path.to.field=value`.
        flags: dotted path -> value of a command's flag; None means not given.
        environ: environment variables; None: those of this process.
        by_kind: whether the kind of the data brings its shipped recipe.

    Raises:
        RequestError: a key is unknown, a value is not valid, or a file cannot be read.
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
    if shipped is None and by_kind:
        shipped = _shipped_for(merge(requested))
    settings = merge([shipped_layer(shipped), *requested] if shipped else requested)
    for path, setting in settings.items():
        _require_field(path, setting)
    try:
        values = Recipe.model_validate(_nested(settings))
    except ValidationError as error:
        raise _invalid_values(error, settings) from error
    return Resolved(values, {path: _origin(tuple(path.split(".")), settings) for path, _ in leaves(values)})


def merge(layers: Sequence[Layer]) -> Layer:
    """Merge layers. Later ones override earlier ones, also whole branches, and later epochs override earlier steps."""
    merged: Layer = {}
    for layer in layers:
        if ("train", "epochs") in layer:
            merged.pop(("train", "steps"), None)  # otherwise steps from an earlier layer would override epochs
        for path, setting in layer.items():
            for old in [old for old in merged if old[: len(path)] == path or path[: len(old)] == old]:
                del merged[old]
            merged[path] = setting
    return merged


def leaves(section: BaseModel, parents: KeyPath = ()) -> Iterator[tuple[str, Any]]:
    """Yield (dotted path, value) of every field, including those of subsections."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, (*parents, name))
        else:
            yield ".".join((*parents, name)), value


def help_of(path: str) -> str:
    """Return the help text of a field as one line."""
    return " ".join((_field(path).description or "").split())


def without_effect() -> dict[str, str]:
    """Return the fields that do not change the result of a run: dotted path -> reason."""
    return {
        path: mark.why for path, _ in leaves(Recipe()) for mark in _field(path).metadata if isinstance(mark, NoEffect)
    }


def require_meaning(overrides: Sequence[str], command: str, fields: Sequence[str]) -> None:
    """Raise RequestError for overrides `path.to.field=value` that a command does not use.

    Args:
        overrides: texts that `load_recipe` has accepted.
        command: name of the command.
        fields: dotted paths that it uses; `data.` means all fields of a section.
    """
    ignored = [path for path in (override.partition("=")[0] for override in overrides) if not is_used(path, fields)]
    if ignored:
        raise RequestError(
            f"{', '.join(ignored)} {'means' if len(ignored) == 1 else 'mean'} nothing to {command}",
            where=f"streetseg {command}",
            hint=f"{command} takes {', '.join(f'{field}…' if field.endswith('.') else field for field in fields)}",
        )


def is_used(path: str, fields: Sequence[str] | None) -> bool:
    """Return whether a field is one of `fields`, or below one; None means all."""
    return fields is None or any(path == field or path.startswith(f"{field.rstrip('.')}.") for field in fields)


def words_of(path: str) -> list[str]:
    """Return the words that a field takes: "poly" and "one-cycle", "true" and "false", "none"."""
    return list(_words(_field(path).annotation))


def _words(annotation: Any) -> Iterator[str]:
    if annotation is bool:
        yield from ("true", "false")
    elif annotation is types.NoneType:
        yield "none"
    else:
        for part in get_args(annotation):
            yield from [part] if isinstance(part, str) else _words(part)


def _field(path: str) -> FieldInfo:
    section, name = path.split(".")[:2]
    annotation: Any = Recipe.model_fields[section].annotation
    fields: dict[str, FieldInfo] = annotation.model_fields
    return fields[name]


def _shipped_for(requested: Layer) -> str | None:
    source = requested.get(("data", "source"))
    data = str(source.value) if source else Recipe().data.source
    kinds = {part.partition(":")[0] for part in parts_of(data)}  # of data sets that are joined
    return next(iter(kinds)) if len(kinds) == 1 and kinds <= set(BY_KIND) else None


def _require_field(path: KeyPath, setting: Setting) -> None:
    """Raise RequestError, with the closest field as hint, if the recipe has no such field."""
    fields = [field for field, _ in leaves(Recipe())]
    dotted = ".".join(path)
    if dotted in fields or dotted in Recipe.model_fields or dotted.startswith(MAPPINGS):
        return
    same_name = [field for field in fields if field.rpartition(".")[2] == path[-1]]
    close = same_name or get_close_matches(dotted, fields, n=1)
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
    """Return the origin of the value at `path`, of the branch that holds it, or of the first value below it."""
    for key, setting in settings.items():
        if path[: len(key)] == key or key[: len(path)] == path:
            return setting.origin
    return "default"


def _invalid_values(error: ValidationError, settings: Layer) -> RequestError:
    """Return one error that names every invalid value, with its origin."""
    problems = []
    for details in error.errors():
        path = tuple(str(part) for part in details["loc"] if isinstance(part, str))
        problem = f"{'.'.join(path)}: found {details['input']}, expected {_expected(details)}"
        problems.append((problem, _origin(path, settings), path))
    if len(problems) == 1:
        [(problem, where, path)] = problems
        return RequestError(problem, where=where, hint=help_of(".".join(path)) if len(path) > 1 else None)
    return RequestError(
        f"{len(problems)} values of the recipe are wrong",
        where=[f"{where}: {problem}" for problem, where, _ in problems],
        hint="streetseg recipe show  lists every field",
    )


def _expected(details: ErrorDetails) -> str:
    """Return a text on the values that would be valid."""
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
            return "one more value"
        case "too_long":
            return f"a list of {limits['max_length']}"
        case "model_type" | "dict_type":
            return "a mapping of names to values"
        case _:
            return details["msg"].lower()
