"""Mistakes that people make in the arguments, and the hint that each gets."""

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Finished
from short_run import train
from tiny import camvid_segnet

Run = Callable[..., Finished]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return camvid_segnet(tmp_path_factory.mktemp("data") / "camvid", n_train=2, n_val=1)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a folder that looks like a run."""
    (tmp_path / "run" / "best").mkdir(parents=True)
    (tmp_path / "run" / "best" / "model.json").write_text("{}")
    return tmp_path / "run"


def lines(done: Finished) -> list[str]:
    assert done.code == 2
    return [line for line in done.err.splitlines() if line.startswith(("error:", "where:", "hint:"))]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("resnext", "did you mean resnext50_32x4d, resnext101_32x8d, resnext26ts?"),
        ("mobilenet", "did you mean mobilenetv2_100, mobilenetv3_large_100, mobilenetv3_small_100?"),
        ("resnet5O", "did you mean resnet50"),
        ("a,b", "streetseg study DATA --encoders a,b"),
        ("xyzzy", "streetseg encoders lists the names"),
    ],
)
def test_an_encoder_that_is_almost_right(streetseg: Run, data: Path, tmp_path: Path, name: str, hint: str) -> None:
    done = streetseg(*train(data, tmp_path / "run", model__encoder=name))

    assert hint in lines(done)[-1]
    assert not (tmp_path / "run").exists()


def test_encoders_with_a_space_between_them(streetseg: Run, data: Path) -> None:
    error, _, hint = lines(streetseg("study", f"camvid:{data}", "--encoders", "resnet18", "resnet34", "optim.lr=1"))

    assert "resnet34 is neither a flag nor a value" in error
    assert hint.endswith("--encoders resnet18,resnet34")


def test_predict_with_the_image_first(streetseg: Run, data: Path, model: Path, tmp_path: Path) -> None:
    image = next((data / "val").iterdir())

    error, _, hint = lines(streetseg("predict", image, model, "--out", tmp_path / "out"))

    assert error == "error: the model comes first, then the images"
    assert hint == f"hint:  streetseg predict {model} {image} --out DIR"


def test_evaluate_with_the_data_first(streetseg: Run, data: Path, model: Path) -> None:
    error, _, hint = lines(streetseg("evaluate", f"camvid:{data}", model))

    assert error == "error: the model comes first, then the data"
    assert hint == f"hint:  streetseg evaluate {model} camvid:{data}"


def test_predict_of_an_address_of_another_kind(streetseg: Run, model: Path, tmp_path: Path) -> None:
    """Videos and web addresses are labeled: tests/inference/test_video.py, test_inputs.py."""
    error, where, hint = lines(streetseg("predict", model, "s3://photos/street.jpg", "--out", tmp_path / "out"))

    assert error == "error: this is an address, expected files"
    assert where == "where: s3://photos/street.jpg"
    assert "download them" in hint


def test_data_at_an_address(streetseg: Run) -> None:
    error, _, hint = lines(streetseg("check", "https://example.org/camvid.zip"))

    assert error == "error: this is an address, expected data on this machine"
    assert "streetseg fetch" in hint


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("data.val_split=valid", "data.val_split=val takes the split val"),
        ("data.train_split=trian", "did you mean the split train?"),
    ],
)
def test_a_split_of_another_name(streetseg: Run, data: Path, tmp_path: Path, field: str, hint: str) -> None:
    assert lines(streetseg(*train(data, tmp_path / "run"), field))[-1] == f"hint:  {hint}"


def test_one_of_a_thing_is_singular(streetseg: Run, data: Path) -> None:
    done = streetseg("check", f"camvid:{data}")

    assert "val: 1 image\n" in done.out
    assert "1 images" not in done.out


def test_a_limit_on_the_data(streetseg: Run, data: Path) -> None:
    done = streetseg("check", f"camvid:{data}", "--limit", 1)

    assert "train: 1 image\n" in done.out
    assert "only the first samples are used, 1 of 2 of train" in done.err


def test_evaluate_with_the_data_and_a_value_first(streetseg: Run, data: Path, model: Path) -> None:
    error, _, hint = lines(streetseg("evaluate", f"camvid:{data}", "data.size=none", model))

    assert error == "error: the model comes first, then the data"
    assert hint == f"hint:  streetseg evaluate {model} camvid:{data} data.size=none"


@pytest.mark.parametrize(
    ("command", "flag", "value", "error"),
    [
        ("train", "--epochs", "ten", "expected a whole number"),
        ("train", "--minutes", "three", "expected a number"),
        ("train", "--minutes", "0", "expected at least 0.1"),
        ("study", "--folds", "1", "expected at least 2"),
        ("serve", "--port", "99999", "expected at most 65535"),
        ("study", "--seeds", "0,1", "expected a whole number"),
    ],
)
def test_a_flag_with_a_wrong_number(streetseg: Run, command: str, flag: str, value: str, error: str) -> None:
    assert lines(streetseg(command, "scenes", flag, value))[0] == f"error: invalid value for '{flag}': {error}"


@pytest.mark.parametrize(
    ("flag", "hint"),
    [("--lr", "optim.lr=VALUE"), ("--batch-size", "train.batch=VALUE"), ("--device", "train.device=VALUE")],
)
def test_a_flag_that_is_a_field_of_the_recipe(streetseg: Run, flag: str, hint: str) -> None:
    assert lines(streetseg("train", "scenes", flag, "4"))[-1] == f"hint:  {hint}"


@pytest.mark.parametrize("weights", ["imagenet", "missing.pth"])
def test_initial_weights_that_are_not_there(streetseg: Run, data: Path, tmp_path: Path, weights: str) -> None:
    error, where, hint = lines(streetseg("train", f"camvid:{data}", "--weights", weights, "--out", tmp_path / "run"))

    assert error == "error: there are no such initial weights"
    assert where == f"where: {weights}"
    assert hint.startswith("hint:  auto (timm's pretrained), none (random)")


def test_a_tile_that_no_image_has(streetseg: Run, data: Path, model: Path, tmp_path: Path) -> None:
    argv = ("predict", model, data / "val", "--out", tmp_path / "out", "--tile", "-32")

    assert "a tile is -32 pixels wide" in lines(streetseg(*argv))[0]


def test_a_flag_that_is_needed_is_shown_with_its_value(streetseg: Run) -> None:
    error, _, hint = lines(streetseg("predict", "run", "photo.png"))

    assert error == "error: missing option '--out'"
    assert hint == "hint:  streetseg predict … --out DIR"


def test_a_recipe_without_its_flag(streetseg: Run) -> None:
    assert lines(streetseg("recipe", "show", "demoo"))[-1] == "hint:  did you mean --recipe demo?"
