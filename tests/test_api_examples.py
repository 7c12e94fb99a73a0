"""The examples in the docstrings of the API run, one after another, on a tiny data set."""

import doctest
from pathlib import Path

import pytest

import streetseg
from streetseg import api
from tiny import camvid_segnet, street

FUNCTIONS = (
    "check",
    "train",
    "load",
    "predict",
    "evaluate",
    "calibrate",
    "measure",
    "audit",
    "compare",
    "export",
    "bench",
    "push",
    "study",
    "convert",
    "fetch",
    "init",
    "encoders",
)
TINY = {"train.batch": 2, "model.channels": [16, 12, 8, 8], "train.device": "cpu", "train.precision": "fp32"}


def test_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "cache"))
    data = f"camvid:{camvid_segnet(tmp_path / 'camvid', 4, 2, size=(64, 96))}"
    other = streetseg.train(
        data, encoder="test_resnet", weights="none", epochs=1, out=tmp_path / "other", quiet=True, recipe=TINY
    )
    names: dict[str, object] = {"data": data, "folder": tmp_path, "image": street(9, (64, 96))[0], "other": other}
    for name in FUNCTIONS:
        (test,) = doctest.DocTestFinder(recurse=False).find(getattr(api, name), name, globs=names)
        assert test.examples, f"{name} has no example"
        test.globs = names  # an example goes on with what those before it made
        failed, _ = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS).run(test, clear_globs=False)
        assert not failed, f"the example of {name} fails, see above"


def test_every_function_of_the_api_is_exported_and_has_an_example() -> None:
    functions = {
        name for name, value in vars(api).items() if getattr(value, "__module__", "").startswith("streetseg.api.")
    }
    assert functions == set(FUNCTIONS)
    assert functions <= set(streetseg.__all__)
