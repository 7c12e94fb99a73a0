"""Layers of a recipe: defaults < shipped recipe < file < environment < command line, for any values."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from streetseg.recipe.layers import Layer, Setting, shipped_layer
from streetseg.recipe.load import leaves, load_recipe, merge, resolve
from streetseg.recipe.plain_yaml import NotPlain, parse, value_of
from streetseg.recipe.resolved import read_resolved, recipe_yaml
from streetseg.recipe.schema import Recipe

SIZE = st.tuples(st.integers(1, 2000), st.integers(1, 2000))
SHARE = st.floats(0, 1)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=12).filter(
    lambda text: text == text.strip() and text != "none" and not text.startswith("[")
)

# Fields of every kind, and values they may have.
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "data.space": st.none() | TEXT,
    "data.size": st.none() | SIZE,
    "data.val_split": TEXT,
    "data.max_megapixels": st.floats(0.1, 1e6),
    "model.weights": st.sampled_from(["auto", "none", "run: a #2", "weights.safetensors"]),
    "model.channels": st.lists(st.integers(1, 512), min_size=5, max_size=5).map(tuple),
    "augment.crop": st.none() | SIZE,
    "augment.flip": SHARE,
    "augment.hue": st.floats(0, 0.5),
    "loss.region": st.sampled_from(["none", "dice", "lovasz"]),
    "loss.ohem": st.none() | st.floats(0.01, 1),
    "optim.lr": st.floats(1e-9, 1e9),
    "optim.ema": st.none() | st.floats(0.01, 0.99),
    "train.epochs": st.integers(1, 10**6),
    "train.seed": st.integers(0, 2**63),
    "train.device": TEXT,
}

SAID = st.fixed_dictionaries({}, optional=FIELDS)


@given(file=SAID, environment=SAID, words=SAID, flags=SAID, shipped=st.sampled_from([None, "camvid", "demo"]))
@settings(max_examples=60)
def test_the_last_to_speak_wins(
    tmp_path_factory,
    file: dict[str, Any],
    environment: dict[str, Any],
    words: dict[str, Any],
    flags: dict[str, Any],
    shipped: str | None,
) -> None:
    flags = {path: value for path, value in flags.items() if value is not None}  # none is a flag that was not given
    words = {path: value for path, value in words.items() if path not in flags}  # both at once is an error
    recipe: Path = tmp_path_factory.mktemp("recipe") / "my.yaml"
    source = {"data.source": "camvid:streets"} if shipped == "camvid" else {}
    recipe.write_text(yaml.safe_dump(nested(file | source), allow_unicode=True))

    resolved = resolve(
        shipped if shipped == "demo" else recipe,
        [f"{path}={typed(value)}" for path, value in words.items()],
        flags=flags,
        environ={f"STREETSEG_{path.upper().replace('.', '__')}": typed(value) for path, value in environment.items()},
    )

    by_shipped = {".".join(path): setting for path, setting in shipped_layer(shipped).items()} if shipped else {}
    given_by_file = {} if shipped == "demo" else file | source
    for path, value in leaves(resolved.recipe):
        origin = resolved.origins[path]
        if path in flags or path in words:
            assert (value, origin) == ((flags | words)[path], "command line")
        elif path in environment:
            assert (value, origin) == (environment[path], f"STREETSEG_{path.upper().replace('.', '__')}")
        elif path in given_by_file:
            assert value == given_by_file[path]
            assert origin.startswith(f"{recipe}:")
        elif path in by_shipped:
            assert origin == by_shipped[path].origin
            assert origin.startswith(f"shipped recipe {shipped}:")
        else:
            assert (value, origin) == (dict(leaves(Recipe()))[path], "default")


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """Nest dotted paths as a YAML file does; None is written as `none` or `null`."""
    root: dict[str, Any] = {}
    for path, value in values.items():
        section, _, name = path.partition(".")
        root.setdefault(section, {})[name] = list(value) if isinstance(value, tuple) else value
    return root


def typed(value: object) -> str:
    """Write a value as people type it."""
    match value:
        case None:
            return "none"
        case tuple():
            return str(list(value))
        case _:
            return str(value)


@given(SAID)
@settings(max_examples=60)
def test_a_recipe_written_and_read_is_the_same(tmp_path_factory, said: dict[str, Any]) -> None:
    recipe = load_recipe(flags=said, environ={})
    path: Path = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    path.write_text(recipe_yaml(recipe), encoding="utf-8")

    assert load_recipe(path, environ={}) == recipe
    assert read_resolved(path) == recipe


KEYS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple)
LAYERS = st.lists(st.dictionaries(KEYS, st.integers(0, 9), max_size=5), max_size=5)


@given(LAYERS)
@settings(max_examples=300)
def test_merged_settings_are_the_last_said_of_their_branch(drawn: list[dict[tuple[str, ...], int]]) -> None:
    layers: list[Layer] = [
        {path: Setting(value, f"layer {i}") for path, value in said.items() if not inside_another(path, said)}
        for i, said in enumerate(drawn)
    ]
    merged = merge(layers)

    for path, setting in merged.items():
        assert not inside_another(path, merged)
        last = max(i for i, layer in enumerate(layers) for other in layer if related(path, other))
        assert setting.origin == f"layer {last}"
        assert layers[last][path] == setting
    if layers:
        assert merged.items() >= layers[-1].items()


def related(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Return whether the paths are equal or one is a branch that contains the other."""
    return one[: len(other)] == other or other[: len(one)] == one


def inside_another(path: tuple[str, ...], paths: Any) -> bool:
    return any(path != other and related(path, other) for other in paths)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0\x85")),  # the dumper writes U+0085 as a line break
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.sampled_from("abc 1.:#-é"), min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(st.sampled_from("abc"), min_size=1), PLAIN, max_size=4), st.booleans())
@settings(max_examples=200)
def test_plain_yaml_says_what_was_written(value: dict[str, Any], flow: bool) -> None:
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=flow)
    root = parse(text)

    assert root is not None
    assert value_of(root) == value


@given(st.text(st.sampled_from("ab:-[]{},'\"#&*!|>%@`? \n\t0\\u~<=\ud800"), max_size=60))
@settings(max_examples=400)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        root = parse(text)
        if root is not None:
            value_of(root)
    except NotPlain as refused:
        assert refused.problem
        assert "\n" not in refused.problem
