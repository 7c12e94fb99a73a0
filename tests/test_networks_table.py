"""The table of all networks and the scores that shipped recipes promise are what docs/results/networks.json says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from write_networks_table import (
    PAGE,
    Network,
    fingerprint,
    network_of,
    page,
    promise,
    read_networks,
    table,
    with_network,
    with_promise,
)  # fmt: skip

from finished_runs import matrices, write_finished_run
from streetseg.errors import RequestError
from streetseg.recipe.layers import shipped_header, shipped_names, shipped_text
from streetseg.recipe.load import load_recipe

BENCH = {
    "models": [
        {
            "model": f"/somewhere/{name}", "engine": engine, "precision": "int8", "batch": 1,
            "network_size": [48, 64], "device": "cpu", "threads": 2, "latency_ms": {"p50": ms},
        }
        for name, engine, ms in (("street.onnx", "onnxruntime", 21.04), ("street.xml", "openvino", 33.0))
    ]
}  # fmt: skip


@pytest.mark.parametrize("name", shipped_names())
def test_a_header_promises_what_was_measured(name: str) -> None:
    header = " ".join(shipped_header(name).split())
    assert header.endswith(promise(name, read_networks())), "python tools/write_networks_table.py"


def test_the_page_shows_the_networks() -> None:
    text = PAGE.read_text("utf-8")
    assert page(text, read_networks()) == text, "python tools/write_networks_table.py"


def run(folder: Path, *, fold: list[int] | None = None, **optim: float) -> Path:
    """Write a finished run of the recipe camvid."""
    camvid = load_recipe("camvid").model_dump()
    changed: dict[str, Any] = {
        "data": camvid["data"] | {"source": "camvid:/nowhere/camvid", "fold": fold},
        "optim": camvid["optim"] | optim,
        "train": camvid["train"] | {"validate_every": 20 if fold else 1},
    }
    names = [f"{fold}/{i:02d}" for i in range(24)]
    progress = [1.0] * 20
    return write_finished_run(folder, counts=matrices(0.8), names=names, recipe=camvid | changed, progress=progress)


def test_runs_become_a_line(tmp_path: Path) -> None:
    """The folds of a study and a run on the given split are one network, if recipe and initial weights are the same."""
    folds = [run(tmp_path / f"fold{k}", fold=[k, 3]) for k in (1, 2, 3)]
    by_video = network_of(folds, "camvid", None, BENCH)
    on_split = network_of([run(tmp_path / "given")], "camvid", None, None)
    (network,) = with_network([by_video], on_split)

    assert network.by_video is not None and network.validation is not None and network.latency is not None
    assert network.by_video["folds"] == 3 and network.by_video["mean"] == network.by_video["pooled"]
    assert network.validation["mean_iou"] == network.by_video["mean"]
    assert network.validation["epoch"] == "best of 20 epochs"
    assert network.latency == {
        "ms": 21.0, "file": "street.onnx, onnxruntime int8", "size": "48x64", "machine": "cpu, 2 threads"
    }  # fmt: skip
    line = table([network])[-1]
    assert "| camvid | ImageNet | " in line and "| 6.6 | 8.3 at 48x64 | 21.0 at 48x64 (street.onnx" in line
    promised = promise("camvid", [network])
    assert promised.startswith("Promised score: mobilenetv2_100 from ImageNet, CamVid, 360x480: mean IoU by video ")
    assert f"by video {network.by_video['mean']} % ± 0.0 (3 folds, last epoch), 1 seed; on" in promised


def test_what_was_changed_is_no_promise(tmp_path: Path) -> None:
    changed = network_of([run(tmp_path / "run", lr=0.002)], "camvid", "ImageNet", None)
    of_earlier = replace(changed, changes={}, recipe_sha256="0" * 12)

    assert changed.changes == {"optim.lr": 0.002}
    assert "not measured" in promise("camvid", [changed, of_earlier])
    assert "| camvid, `optim.lr=0.002` | " in table([changed])[-1]
    assert "| camvid (an earlier version) | " in table([of_earlier])[-1]
    assert len(with_network([changed], of_earlier)) == 2


def test_runs_of_two_networks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="of several networks"):
        network_of([run(tmp_path / "a"), run(tmp_path / "b", lr=0.002)], "camvid", None, None)


def test_a_promise_is_written_into_a_header() -> None:
    network = Network("camvid", fingerprint("camvid"), "CamVid", "an_encoder", "fast", "random")
    promised = promise("camvid", [network])
    text = with_promise(shipped_text("camvid"), promised)

    assert promised in " ".join(line.removeprefix("#").strip() for line in text.splitlines())
    assert max(map(len, text.splitlines())) <= 120
    assert with_promise(text, promise("camvid", read_networks())) == shipped_text("camvid")
