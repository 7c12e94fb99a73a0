"""Wrong arguments of the Python API: each is one error with problem, place and cure, before any work is done."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import streetseg
from exported import saved
from networks import tiny_network
from streetseg.errors import ModelError, RequestError
from streetseg.inference.prediction import Model
from streetseg.results import Run, Scores
from test_base_install import BARRIER
from tiny import save, street

Call = Callable[[Path, Model], object]
IMAGE = np.zeros((32, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("models") / "model", tiny_network().eval())


@pytest.fixture(scope="module")
def model(bundle: Path) -> Model:
    return streetseg.load(bundle)


def error_of(call: Call, bundle: Path, model: Model) -> str:
    """Return the text of the error of a call, which must have a place or a cure."""
    with pytest.raises(streetseg.StreetsegError) as error:
        call(bundle, model)
    assert error.value.where or error.value.hint
    return str(error.value)


LOADED = {
    "tta=": lambda b, m: streetseg.load(m, tta=True),
    "engine=": lambda b, m: streetseg.load(m, engine="zzz"),
    "tile=": lambda b, m: streetseg.predict(m, IMAGE, tile=-5),
    "encoder=": lambda b, m: streetseg.load(m, encoder=nn.Identity()),
    "where: tta=": lambda b, m: streetseg.evaluate(m, "scenes", tta=True),
}


@pytest.mark.parametrize("place", LOADED)
def test_options_of_a_loaded_model_are_not_dropped(place: str, bundle: Path, model: Model) -> None:
    said = error_of(LOADED[place], bundle, model)
    assert "the model is loaded already" in said
    assert place in said
    assert "give the option to the first load" in said


def test_a_loaded_model_is_returned_as_it_is(model: Model) -> None:
    assert streetseg.load(model) is model
    assert streetseg.load(model, engine="auto", tta=False) is model


def test_a_run_or_a_loaded_model_stands_for_its_path(real_runs: list[Path], tmp_path: Path) -> None:
    run, other = (Run(folder) for folder in real_runs)

    assert streetseg.load(run).path == run.folder
    assert streetseg.predict(run, IMAGE).labels.shape == (32, 64)
    measured = streetseg.bench(run, streetseg.load(other), size="32x64", engine="torch")
    assert measured["model"].tolist() == [run.folder, other.folder]
    assert len(streetseg.compare([run, streetseg.load(other)]).runs) == 2
    assert streetseg.evaluate(run, f"camvid:{run.folder.parents[1] / 'camvid'}").protocol["images"] == 8
    with pytest.raises(RequestError, match="ends in"):
        streetseg.export(run, "onnx", out=tmp_path / "model.txt")


INCORRECT = {
    "model is a NoneType, expected a path": lambda b, m: streetseg.load(None),
    "model is an int": lambda b, m: streetseg.evaluate(5, "scenes"),
    "model is a list": lambda b, m: streetseg.export([], "onnx"),
    "models is a list": lambda b, m: streetseg.bench([b]),
    "no model is given": lambda b, m: streetseg.bench(),
    "model is an empty text": lambda b, m: streetseg.load(""),
    "data is an empty text": lambda b, m: streetseg.check(""),
    "out is an empty text": lambda b, m: streetseg.train("scenes", out=""),
    "out is an int, expected a path": lambda b, m: streetseg.evaluate(b, "scenes", out=5),
    "report is an int": lambda b, m: streetseg.check("scenes", report=5),
    "progress is a NoneType, expected a function": lambda b, m: streetseg.check("scenes", progress=None),
    "recipe is an int": lambda b, m: streetseg.check("scenes", recipe=5),
    "a field of the recipe is 5": lambda b, m: streetseg.check("scenes", recipe={5: 3}),
    "engine is a NoneType, expected a text": lambda b, m: streetseg.load(b, engine=None),
    "engine is an int": lambda b, m: streetseg.evaluate(b, "scenes", engine=5),
    "device is a NoneType": lambda b, m: streetseg.load(b, device=None),
    "max_megapixels is a str, expected a number": lambda b, m: streetseg.load(b, max_megapixels="a"),
    "tile is a str, expected a whole number": lambda b, m: streetseg.load(b, tile="a"),
    "tile is a float": lambda b, m: streetseg.load(b, tile=7.5),
    "tta is a str, expected True or False": lambda b, m: streetseg.load(b, tta="yes"),
    "seeds is a str": lambda b, m: streetseg.study("scenes", seeds="2"),
    "seeds is 0, expected at least 1": lambda b, m: streetseg.study("scenes", seeds=0),
    "devices is 0, expected at least 1": lambda b, m: streetseg.study("scenes", devices=0),
    "no encoder is named": lambda b, m: streetseg.study("scenes", encoders=[]),
    "encoders=[encoder]": lambda b, m: streetseg.study("scenes", encoders=nn.Sequential(nn.Identity())),
    'encoders=["a", "b"]': lambda b, m: streetseg.study("scenes", encoders="a,b"),
    "callbacks is a NoneType": lambda b, m: streetseg.train("scenes", callbacks=None),
    "weights is a list": lambda b, m: streetseg.study("scenes", weights=[]),
    "batch is 0, expected at least 1": lambda b, m: streetseg.bench(b, batch=0),
    "(0, 0) is not a size": lambda b, m: streetseg.bench(b, size=(0, 0)),
    "(64,) is not a size": lambda b, m: streetseg.bench(b, size=(64,)),
    "(64, 96.5) is not a size": lambda b, m: streetseg.bench(b, size=(64, 96.5)),
    "hint:  size=(512, 1024)": lambda b, m: streetseg.bench(b, engine="torch"),
    "runs is a NoneType, expected a list": lambda b, m: streetseg.compare(None),
    'runs=["runs/first", "runs/second"]': lambda b, m: streetseg.compare("a", "b"),
    "runs is a NoneType, expected a path": lambda b, m: streetseg.compare([b, None]),
    "image is a NoneType": lambda b, m: m.predict(None),
    "image is an int": lambda b, m: m.predict(5),
    "image is a bytes": lambda b, m: m.predict(b"a.png"),
    "list(images.values())": lambda b, m: m.predict({"a": IMAGE}),
    "one list of images, with no list in it": lambda b, m: m.predict([["a.png"]]),
    "folder is a NoneType, expected a path": lambda b, m: m.predict(street(0, (32, 64))[0]).save(None),
    "no image is named": lambda b, m: m.predict([]),
    "the name of an image is an empty text": lambda b, m: m.predict(""),
}


@pytest.mark.parametrize("problem", INCORRECT)
def test_an_incorrect_argument_is_named(problem: str, bundle: Path, model: Model) -> None:
    assert problem in error_of(INCORRECT[problem], bundle, model)


def test_numbers_of_numpy_are_numbers(bundle: Path) -> None:
    assert streetseg.load(bundle, tile=np.int64(512), max_megapixels=np.float32(9)).predictor.tile == 512


def test_other_files_are_not_said_to_be_pickles(bundle: Path, tmp_path: Path) -> None:
    for name, hint in {"a.jpg": "or a .onnx, .xml or .tflite", "a.pt": "pickle files"}.items():
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(ModelError, match=hint):
            streetseg.load(tmp_path / name)
    with pytest.raises(RequestError, match="an exported model holds its whole network"):
        streetseg.load("model.onnx", encoder=nn.Identity())


def test_a_data_set_in_place_of_images_is_told_where_they_are(model: Model, tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        save(tmp_path / folder / "a.png", street(0, (32, 64))[0])
    with pytest.raises(RequestError) as error:
        model.predict(tmp_path)
    assert error.value.hint == f"name the images without their masks: {tmp_path / 'images'}"


def test_initial_weights_may_be_a_path(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there are no such initial weights"):
        streetseg.train(
            "scenes", encoder="test_efficientnet", weights=tmp_path / "none", out=tmp_path / "run", quiet=True
        )


def test_a_missing_interval_is_said(write_run: Callable[..., Path]) -> None:
    run = Run(write_run("a"))
    as_dict = {"mean": {"iou": 0.3194}, "interval": {"mean_iou": [None, None]}, "protocol": run.finished.protocol}
    run.scores = Scores(as_dict, "", "", np.zeros((3, 3), np.int64))
    assert "mean IoU 31.9 % [no interval], epoch" in repr(run)
    assert "mean IoU 31.9 % [no interval], " in repr(run.scores)


def test_calls_without_torch_say_what_to_install(bundle: Path, tmp_path: Path) -> None:
    calls = {
        "load('nope')": "no such model folder",
        "evaluate('nope', 'scenes')": "no such model folder",
        "export('nope', 'onnx')": "no such model folder",
        "bench('nope', engine='torch')": "no such model folder",
        "load(M)": "engine torch needs torch, which is not installed",
        "load(M, encoder=object())": "this call needs torch",
        "evaluate(M, 'scenes')": "this call needs torch, which is not installed",
        "export(M, 'onnx')": "this call needs torch",
        "bench(M, size=(32, 64), engine='torch')": "this call needs torch",
        "train('scenes')": "this call needs torch",
        "study('scenes')": "this call needs torch",
    }
    code = f"""{BARRIER}
import streetseg
M = {str(bundle)!r}
for call in {list(calls)!r}:
    try:
        eval("streetseg." + call)
    except streetseg.StreetsegError as error:
        print(error.problem if "command" not in error.problem else str(error).splitlines()[0])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert len(said) == len(calls)
    for line, problem in zip(said, calls.values(), strict=True):
        assert problem in line
