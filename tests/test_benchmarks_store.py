"""The benchmarks of scoring, memory and store run and print their figures; no time is asserted."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
Figures = Callable[..., dict[str, Any]]


@pytest.fixture
def figures(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Figures:
    """Return a function that runs a script of the benchmarks in this process, which has imported torch."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def run(script: str, *options: str) -> dict[str, Any]:
        monkeypatch.setattr("sys.argv", [script, *options, "--json"])
        runpy.run_path(str(BENCHMARKS / script), run_name="__main__")
        printed: dict[str, Any] = json.loads(capsys.readouterr().out)
        return printed

    return run


def test_scoring_compares_every_way_of_counting(figures: Figures) -> None:
    printed = figures("scoring.py", "--size", "64x128", "--classes", "19", "--rounds", "1")
    ways = {"streetseg", "bincount alone", "bincount", "torch.bincount", "torchmetrics", "scikit-learn"}
    assert printed["milliseconds"].keys() == printed["ratio"].keys() == ways | {"cityscapesScripts"}
    assert printed["ratio"]["streetseg"] == 1
    assert printed["limit"] == 1.25


def test_feed_compares_store_on_the_fly_and_dataloader(figures: Figures) -> None:
    options = ("--images", "4", "--photo", "48x64", "--size", "32x64", "--batch", "2", "--rounds", "1")
    printed = figures("feed.py", *options, "--encoder", "test_efficientnet")
    assert printed["disk"] == {"photo size, MB": 4 * 48 * 64 / 1e6, "data.size, MB": 4 * 39 * 52 / 1e6}
    assert printed["feed"].keys() == {f"{way}, images/s" for way in ("store", "on the fly", "shards", "DataLoader")}
    assert printed["epoch"].keys() == {f"{way}, epoch / steps" for way in ("store", "on the fly", "shards")}
    assert all(figure > 0 for part in ("feed", "epoch") for figure in printed[part].values())


def test_memory_measures_a_process_of_its_own(figures: Figures) -> None:
    printed = figures("memory.py", "--images", "2", "--size", "32x64")
    assert printed["peak_mib"]["2"] > 50
    assert printed["ratio"] == 1


def test_store_is_built_opened_and_read(figures: Figures) -> None:
    options = ("--images", "5", "--size", "64x128", "--crop", "16x32", "--files", "6", "--rounds", "1")
    printed = figures("store.py", *options)
    assert printed["build"].keys() == {"streetseg images/s", "Pillow alone images/s", "ours/theirs"}
    assert printed["open"].keys() == {"streetseg ms", "os.stat of the files alone ms"}
    warm, cold = ("crop", "whole", "decode"), ("crop", "whole")
    assert printed["read"].keys() == {f"{way}, warm ms" for way in warm} | {f"{way}, cold ms" for way in cold}
    assert all(figure > 0 for part in ("build", "open", "read") for figure in printed[part].values())
