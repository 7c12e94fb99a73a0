import inspect
from pathlib import Path

import pytest

from streetseg.errors import RequestError
from streetseg.recipe.layers import shipped_header, shipped_names, shipped_text
from streetseg.recipe.load import help_of, leaves, load_recipe, require_meaning, resolve, without_effect
from streetseg.recipe.resolved import recipe_yaml
from streetseg.recipe.schema import Recipe


@pytest.fixture
def write(tmp_path: Path):
    def write_recipe(text: str) -> Path:
        path = tmp_path / "my.yaml"
        path.write_text(text)
        return path

    return write_recipe


def test_nothing_asked_is_the_defaults() -> None:
    resolved = resolve(environ={})

    assert resolved.recipe == Recipe()
    assert set(resolved.origins.values()) == {"default"}


def test_each_layer_wins_over_the_one_before(write) -> None:
    """Defaults < shipped recipe < file < environment < command line."""
    file = write("data:\n  space: cityscapes-8\ntrain:\n  epochs: 7\n  batch: 4\noptim: {lr: 1e-3}\n")
    resolved = resolve(
        file,
        ["optim.lr=3e-4"],
        flags={"data.source": "camvid:streets", "train.epochs": None},
        environ={"STREETSEG_TRAIN__BATCH": "6", "STREETSEG_OPTIM__LR": "1", "STREETSEG_CACHE": "/elsewhere"},
    )

    assert resolved.recipe.data.size == (360, 480)
    assert resolved.origins["data.size"].startswith("shipped recipe camvid:")
    assert resolved.recipe.data.space == "cityscapes-8"
    assert resolved.origins["data.space"] == f"{file}:2"
    assert resolved.recipe.train.epochs == 7
    assert resolved.origins["train.epochs"] == f"{file}:4"
    assert resolved.recipe.train.batch == 6
    assert resolved.origins["train.batch"] == "STREETSEG_TRAIN__BATCH"
    assert resolved.recipe.optim.lr == 3e-4
    assert resolved.origins["optim.lr"] == "command line"
    assert resolved.origins["train.seed"] == "default"


def test_who_speaks_last_of_the_length_of_a_run_is_heard(write) -> None:
    """`steps` replaces `epochs` of the same or an earlier layer; `epochs` replaces `steps` of an earlier layer."""
    file = write("train:\n  steps: 4000\n  epochs: 7\n")

    assert load_recipe(file, environ={}).train.steps == 4000
    assert load_recipe("camvid", ["train.steps=4000"], environ={}).train.steps == 4000
    by_flag = load_recipe(file, flags={"train.epochs": 5}, environ={}).train
    assert (by_flag.epochs, by_flag.steps) == (5, None)
    assert load_recipe(file, flags={"train.epochs": None}, environ={}).train.steps == 4000


def test_a_shipped_recipe_is_taken_by_name() -> None:
    resolved = resolve("demo", environ={})

    assert resolved.recipe.model.weights == "auto-or-random"
    assert resolved.origins["model.weights"].startswith("shipped recipe demo:")


def test_the_kind_of_the_data_brings_its_shipped_recipe_from_any_layer(write) -> None:
    by_file = resolve(write("data: {source: 'camvid:x'}"), environ={}).recipe
    by_environment = resolve(environ={"STREETSEG_DATA__SOURCE": "camvid:x"}).recipe

    assert by_file == by_environment
    assert by_file.data.size == (360, 480)


@pytest.mark.parametrize(("name", "space"), [("cityscapes", "cityscapes-19"), ("cityscapes-street-11", "street-11")])
def test_the_recipes_of_cityscapes_are_taken_by_name_only(name: str, space: str) -> None:
    named = load_recipe(name, flags={"data.source": "cityscapes:x"}, environ={}).data

    assert (named.space, named.size) == (space, (512, 1024))
    assert load_recipe(flags={"data.source": "cityscapes:x"}, environ={}).data.size is None
    assert "not measured" in shipped_header(name)


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_recipe_loads_and_says_what_it_promises(name: str) -> None:
    assert load_recipe(name, environ={})
    assert "Promised score: " in shipped_header(name)
    assert shipped_text(name).startswith("# ")


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("data.size=360x480", (360, 480)),
        ("data.size=[360, 480]", (360, 480)),
        ("data.size=none", None),
        ("loss.region=none", "none"),
        ("loss.ohem=none", None),
        ("loss.ohem=0.25", 0.25),
        ("optim.lr=1e-3", 1e-3),
        ("model.weights=none", "none"),
        ("model.weights=run: a #2", "run: a #2"),
        ("model.channels=[32, 16, 8, 8, 8]", (32, 16, 8, 8, 8)),
        ("augment.scale=[0.5, 1]", (0.5, 1.0)),
        ("data.splits.val=lists/val.txt", {"val": "lists/val.txt"}),
        ("loss.class_weights=[1, 2.5]", (1.0, 2.5)),
        ("loss.class_weights.sign symbol=3", {"sign symbol": 3.0}),
        ("loss.class_weights=mild", "mild"),
        ("loss.tversky=[0.2, 0.8]", (0.2, 0.8)),
        ("loss.focal=2", 2.0),
    ],
)
def test_words_on_the_command_line(word: str, value: object) -> None:
    path = ".".join(word.partition("=")[0].split(".")[:2])

    assert dict(leaves(load_recipe(overrides=[word], environ={})))[path] == value


@pytest.mark.parametrize(
    ("word", "found_and_expected"),
    [
        ("optim.lr=fast", "optim.lr: found fast, expected a number"),
        ("optim.lr=0", "optim.lr: found 0, expected more than 0"),
        ("optim.lr=inf", "optim.lr: found inf, expected a finite number"),
        ("train.epochs=1.5", "train.epochs: found 1.5, expected a whole number"),
        ("train.batch=1", "train.batch: found 1, expected at least 2"),
        ("loss.ohem=2", "loss.ohem: found 2, expected at most 1"),
        ("loss.region=focal", "loss.region: found focal, expected none, dice, tversky or lovasz"),
        ("data.size=5", "data.size: found 5, expected height and width, such as 360x480"),
        ("data.size=[1, 2, 3]", "data.size: found [1, 2, 3], expected height and width, such as 360x480"),
        ("augment.scale=[1]", "augment.scale: found [1], expected one more value"),
        ("augment.scale=[2,1]", "augment.scale: found [2, 1], expected the lowest, then the highest: 2.0 is above 1.0"),
        ("augment.scale=[0, 1]", "augment.scale: found 0, expected more than 0"),
        ("augment.flip=1.5", "augment.flip: found 1.5, expected at most 1"),
        ("optim=5", "optim: found 5, expected a mapping of names to values"),
        ("model.channels=[1, x]", "model.channels: found x, expected a whole number"),
    ],
)
def test_wrong_values_are_told_without_jargon(word: str, found_and_expected: str) -> None:
    with pytest.raises(RequestError) as caught:
        load_recipe(overrides=[word], environ={})

    assert caught.value.problem == found_and_expected
    assert caught.value.where == ("command line",)


def test_the_hint_of_a_wrong_value_is_the_field_s_help() -> None:
    with pytest.raises(RequestError) as caught:
        load_recipe(overrides=["optim.lr=fast"], environ={})

    assert caught.value.hint == help_of("optim.lr")


def test_all_wrong_values_are_told_at_once(write) -> None:
    file = write("optim:\n  lr: fast\ntrain:\n  epochs: 0\n")

    with pytest.raises(RequestError) as caught:
        load_recipe(file, ["data.size=5"], environ={})

    assert caught.value.where == (
        "command line: data.size: found 5, expected height and width, such as 360x480",
        f"{file}:2: optim.lr: found fast, expected a number",
        f"{file}:4: train.epochs: found 0, expected at least 1",
    )


@pytest.mark.parametrize(
    ("key", "meant"),
    [("optim.lrr", "optim.lr"), ("lr", "optim.lr"), ("optimizer.lr", "optim.lr"), ("Train.Epochs", "train.epochs")],
)
def test_an_unknown_key_gets_a_did_you_mean(key: str, meant: str) -> None:
    with pytest.raises(RequestError) as caught:
        load_recipe(overrides=[f"{key}=1"], environ={})

    assert caught.value.problem == f"a recipe has no {key}"
    assert caught.value.hint == f"did you mean {meant}?"


def test_an_unknown_key_of_a_file_is_told_with_its_line(write) -> None:
    file = write("# mine\ntrain:\n  epochs: 3\n\n  btach: 4\n")

    with pytest.raises(RequestError) as caught:
        load_recipe(file, environ={})

    assert caught.value.where == (f"{file}:5",)
    assert caught.value.hint == "did you mean train.batch?"


def test_an_unknown_key_of_the_environment_is_told_with_its_variable() -> None:
    with pytest.raises(RequestError) as caught:
        load_recipe(environ={"STREETSEG_OPTIM__LRR": "1"})

    assert caught.value.where == ("STREETSEG_OPTIM__LRR",)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("train:\n  epochs: !!python/object/apply:os.system ['echo']\n", 2, "found a YAML tag"),
        ("train: &t\n  epochs: 1\noptim: *t\n", 1, "found a YAML anchor"),
        ("train:\n  epochs: 1\n  epochs: 2\n", 3, "train.epochs is given twice"),
        ("train:\n  epochs: [1\n", 3, "no valid YAML"),
        ("train:\n\tepochs: 1\n", 2, "no valid YAML"),
        ("train:\n  ? [a]\n  : 1\n", 2, "no plain name"),
        ("train:\n  epochs: 2001-02-31\n", 2, "cannot be read"),
    ],
)
def test_yaml_that_is_no_plain_recipe_is_refused_with_its_line(write, text: str, line: int, problem: str) -> None:
    file = write(text)

    with pytest.raises(RequestError) as caught:
        load_recipe(file, environ={})

    assert problem in caught.value.problem
    assert caught.value.where == (f"{file}:{line}",)


@pytest.mark.parametrize("text", ["- a\n- b\n", "hello", "[" * 1200, "a: \x00"])
def test_files_that_are_no_recipe_at_all(write, text: str) -> None:
    with pytest.raises(RequestError):
        load_recipe(write(text), environ={})


def test_an_empty_file_changes_nothing(write) -> None:
    assert load_recipe(write("# nothing yet\n"), environ={}) == Recipe()


def test_a_missing_file_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "photo.yaml").write_bytes(b"\xff\xd8\xff\xe0")

    for name in ("nowhere.yaml", "photo.yaml", "."):
        with pytest.raises(RequestError, match="cannot be read"):
            load_recipe(tmp_path / name, environ={})


def test_a_value_given_twice_on_the_command_line_is_an_error() -> None:
    with pytest.raises(RequestError, match=r"train\.epochs is given twice"):
        load_recipe(overrides=["train.epochs=3"], flags={"train.epochs": 5}, environ={})


def test_a_word_without_equals_is_an_error() -> None:
    with pytest.raises(RequestError, match="neither a flag nor a value"):
        load_recipe(overrides=["resume"], environ={})


def test_a_recipe_written_and_read_again_is_the_same(write) -> None:
    recipe = load_recipe("camvid", ["data.splits.val=a b.txt", "optim.ema=none", "optim.lr=1e-5"], environ={})

    assert load_recipe(write(recipe_yaml(recipe)), environ={}) == recipe


def test_every_field_has_a_help_text() -> None:
    assert all(help_of(path) for path, _ in leaves(Recipe()))


def test_fields_that_change_no_result_are_marked_where_they_are_defined() -> None:
    assert set(without_effect()) == {
        "data.source",
        "data.splits",
        "data.split",
        "data.val_share",
        "data.exclude",
        "data.extra",
        "data.limit",
        "data.unlabeled",
        "data.max_megapixels",
        "data.cache_gb",
        "data.tolerance",
        "train.compile",
        "train.device",
        "train.keep_last",
        "train.save_steps",
        "train.track",
        "train.track_to",
    }
    assert all(without_effect().values())


def test_what_means_nothing_to_a_command_is_refused() -> None:
    require_meaning(["data.size=32x64", "data.splits.val=list.txt"], "check", ["data."])
    require_meaning(["data.splits.val=list.txt", "train.device=cpu"], "score", ["data.splits", "train.device"])
    with pytest.raises(RequestError, match=r"optim\.lr, train\.seed mean nothing to check") as refused:
        require_meaning(["data.size=32x64", "optim.lr=1", "train.seed=3"], "check", ["data."])
    assert refused.value.hint == "check takes data.…"
    with pytest.raises(RequestError, match=r"data\.size means nothing to score"):
        require_meaning(["data.size=32x64"], "score", ["data.splits", "train.device"])


def test_help_shows_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREETSEG_TRAIN__SEED", "7")

    assert all(inspect.signature(call).parameters["environ"].default is None for call in (load_recipe, resolve))
    assert load_recipe().train.seed == 7
