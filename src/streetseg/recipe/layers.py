"""The sources of a recipe's values. Each is read into one layer: dotted path -> value and origin."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from streetseg.errors import DataError, RequestError, did_you_mean
from streetseg.recipe.plain_yaml import NotPlain, parse, value_of
from streetseg.text import read_text

ENVIRONMENT_PREFIX = "STREETSEG_"

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class Setting:
    """One value and its origin: "my.yaml:12", "STREETSEG_OPTIM__LR", "command line"."""

    value: Any
    origin: str


Layer = dict[KeyPath, Setting]


def file_layer(path: Path) -> Layer:
    """Return the layer of a recipe file. Raise RequestError if it cannot be read or is no plain YAML mapping."""
    try:
        return yaml_layer(read_text(path), str(path))
    except DataError as error:
        raise RequestError(
            f"the recipe {error.problem}", where=error.where, hint=error.hint or "streetseg recipe list"
        ) from error


def shipped_names() -> list[str]:
    """Return the names of the recipes that come with streetseg."""
    return sorted(entry.name[: -len(".yaml")] for entry in files(__package__).joinpath("shipped").iterdir())


def shipped_text(name: str) -> str:
    """Return the YAML of a shipped recipe. Its first lines hold the score it promises."""
    return files(__package__).joinpath("shipped", f"{name}.yaml").read_text(encoding="utf-8")


def shipped_header(name: str) -> str:
    """Return the comment at the top of a shipped recipe: its purpose and the score it promises."""
    lines = takewhile(lambda line: line.startswith("#"), shipped_text(name).splitlines())
    return "\n".join(line.removeprefix("#").strip() for line in lines)


def shipped_layer(name: str) -> Layer:
    """Return the layer of a recipe that comes with streetseg."""
    return yaml_layer(shipped_text(name), f"shipped recipe {name}")


def is_field(name: str) -> bool:
    """Return whether an environment variable is a field of the recipe, such as STREETSEG_OPTIM__LR."""
    return name.startswith(ENVIRONMENT_PREFIX) and "__" in name.removeprefix(ENVIRONMENT_PREFIX)


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """Return the layer of variables such as STREETSEG_OPTIM__LR. Names without a double underscore are no fields."""
    layer: Layer = {}
    for name, text in sorted(environ.items()):
        if is_field(name):
            key = name.removeprefix(ENVIRONMENT_PREFIX)
            layer[tuple(key.lower().split("__"))] = Setting(_typed(text, name), name)
    return layer


def command_line_layer(overrides: Sequence[str], flags: Mapping[str, object]) -> Layer:
    """Return the layer of the command line.

    Args:
        overrides: texts such as `optim.lr=3e-4`.
        flags: dotted path -> value of a flag; None means not given.

    Raises:
        RequestError: an override has no key or no value, or a key is given twice.
    """
    origin = "command line"
    layer: Layer = {tuple(key.split(".")): Setting(value, origin) for key, value in flags.items() if value is not None}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise RequestError(
                f"{override} is neither a flag nor a value of the recipe",
                where=f"command line: {override}",
                hint=did_you_mean(override, shipped_names(), before="--recipe ")
                or "recipe values look like optim.lr=3e-4",
            )
        path = tuple(key.split("."))
        if path in layer:
            raise RequestError(f"{key} is given twice", where=f"command line: {override}")
        layer[path] = Setting(_typed(text, override), origin)
    return layer


def yaml_layer(text: str, name: str) -> Layer:
    """Return the layer of a YAML mapping of mappings. Raise RequestError, with the line, if it is not plain YAML."""
    try:
        root = parse(text)
        if root is None:
            return {}
        if not isinstance(root, yaml.MappingNode):
            raise NotPlain("a recipe is a mapping of names to values, this file is not")
        return dict(_leaves(root, name, ()))
    except NotPlain as error:
        raise RequestError(
            f"the recipe cannot be used: {error.problem}",
            where=error.where(name),
            hint=error.cure or "streetseg recipe show  lists every field",
        ) from error


def _leaves(mapping: yaml.MappingNode, name: str, parents: KeyPath) -> Iterator[tuple[KeyPath, Setting]]:
    for key_node, value_node in mapping.value:
        path = (*parents, key_node.value)
        if isinstance(value_node, yaml.MappingNode) and value_node.value:
            yield from _leaves(value_node, name, path)
        else:
            yield path, Setting(_as_typed(value_node), f"{name}:{key_node.start_mark.line + 1}")


def _as_typed(node: yaml.Node) -> Any:
    """Return the value of a node. Booleans stay text, because `on` and `off` are values of some fields."""
    is_bool = isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:bool"
    return node.value if is_bool else value_of(node)


def _typed(text: str, where: str) -> Any:
    """Return the text unchanged. Only lists in brackets are read as YAML, so that a path is never taken for YAML."""
    if not text.startswith("["):
        return text
    try:
        root = parse(text)
        return value_of(root) if root else None
    except NotPlain as error:
        raise RequestError(f"found {text:.60}, expected a list such as [1, 2]", where=where) from error
