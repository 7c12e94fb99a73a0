"""The notebooks run from top to bottom, at a tiny size, and come to what the commands come to."""

import json
from pathlib import Path

import jupytext
import nbformat
import pandas as pd
import pytest
from nbclient.exceptions import DeadKernelError
from run_notebooks import NOTEBOOKS, executed

from streetseg import api
from tiny import camvid_segnet

TINY = {"train.batch": 2, "train.device": "cpu", "train.precision": "fp32", "augment.early_crop": None}
SMALLER = {"mobilenetv2_100": "test_efficientnet", "resnext50_32x4d": "test_resnet"}
# A folder has the name that the notebook gives it, its network a smaller encoder.
WITH_SMALLER = f"""
def train_smaller(data, *, encoder, train=streetseg.train, **rest):
    return train(data, encoder={SMALLER}[encoder], **rest)

streetseg.train = train_smaller
"""
KILLED = """
import os, signal

def killed(curves, step, values):
    if values.get("epoch") == 1:
        os.kill(os.getpid(), signal.SIGKILL)

streetseg.LiveCurves.scalars = killed
"""


def shown(notebook: nbformat.NotebookNode, source: str) -> str:
    """Return what the cell whose source begins so has shown, as text."""
    (shows,) = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.startswith(source)]
    outputs = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in shows.outputs]
    return "\n".join(outputs)


def cell(notebook: nbformat.NotebookNode, source: str) -> nbformat.NotebookNode:
    """Return the cell with this source."""
    (found,) = [cell for cell in notebook.cells if cell.source == source]
    return found


@pytest.mark.parametrize("name", [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))])
def test_each_notebook_is_its_script(name: str) -> None:
    script, notebook = jupytext.read(NOTEBOOKS / f"{name}.py"), jupytext.read(NOTEBOOKS / f"{name}.ipynb")
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in script.cells
    ]
    ran = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert ran == list(range(1, len(ran) + 1)), "the notebook was not run from top to bottom; tools/run_notebooks.py"
    assert not [
        output for cell in notebook.cells for output in cell.get("outputs", ()) if output.output_type == "error"
    ]


def test_the_study_as_a_notebook(tmp_path: Path, streetseg, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its kernel is killed while it trains; its cells are run again, to the end; then once more, and only read."""
    data = f"camvid:{camvid_segnet(tmp_path / 'camvid', 4, 3, size=(64, 96))}"
    script = NOTEBOOKS / "study.py"
    settings = f"DATA, EPOCHS, WEIGHTS = {data!r}, 2, 'none'\nSETTINGS = {TINY!r}\n{WITH_SMALLER}"
    home = tmp_path / "study-notebook"
    run = home / "mobilenetv2_100"
    with pytest.raises(DeadKernelError):
        executed(script, tmp_path, settings + KILLED, until="mobilenet")
    assert not (run / "report.html").exists()

    notebook = executed(script, tmp_path, settings)
    begun = [event["epochs_done"] for event in journal(run) if event["event"] in ("start", "resume")]
    assert begun == [0, 1], "the run did not go on where the kernel was killed"
    assert "CPU: no GPU was found" in shown(notebook, "import sys")
    assert (run / "best" / "weights.safetensors").exists()
    assert (home / "best.onnx").exists()

    command = ["study", data, "--encoders", ",".join(SMALLER.values()), "--weights", "none", "--epochs", 2]
    fields = [f"{field}={'none' if value is None else value}" for field, value in TINY.items()]
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "cache"))
    done = streetseg(*command, "--out", tmp_path / "study", *fields)
    assert done.code == 0, done.err
    by_notebook = api.compare([home / name for name in SMALLER])
    by_command = api.compare(sorted((tmp_path / "study" / "runs").iterdir()))
    assert by_notebook.table.equals(by_command.table)
    assert by_notebook.differences.equals(by_command.differences)
    # what follows is of the latency, which differs from measurement to measurement
    verdict = json.loads((tmp_path / "study" / "study.json").read_text("utf-8"))["verdict"].partition(", at ")[0]
    assert verdict in shown(notebook, "comparison = ")

    written = {path: path.read_bytes() for path in run.rglob("*.csv")}
    again = executed(script, tmp_path, settings, until="mobilenet")
    assert again.cells[-1].outputs == cell(notebook, "mobilenet").outputs
    assert {path: path.read_bytes() for path in run.rglob("*.csv")} == written


def journal(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "journal.jsonl").read_text("utf-8").splitlines()]


def test_a_trained_network_on_photos_as_a_notebook(tmp_path: Path) -> None:
    tiny = TINY | {"data.size": [64, 96], "data.limit": 4, "model.encoder": "test_efficientnet"}
    notebook = executed(NOTEBOOKS / "use.py", tmp_path, f"TRAINING = {{'epochs': 1}}\nSETTINGS = {tiny!r}")
    home = tmp_path / "use-notebook"
    shares = pd.read_csv(home / "shares.csv", index_col="image")
    assert shares.index.tolist() == [f"street_{number}" for number in range(6)]
    assert shares.sum(axis=1).tolist() == pytest.approx([1] * 6)
    by_network = api.predict(home / "run", home / "photos" / "street_0.jpg")
    assert shares.loc["street_0"].tolist() == pytest.approx(by_network.shares.tolist())
    without_torch = shown(notebook, "import subprocess")
    assert f"{by_network}" in without_torch and "torch was imported: False" in without_torch
    assert "onnxruntime" in shown(notebook, "speed = ")
    assert "19 files" in shown(notebook, "shares.to_csv")


def test_own_data_as_a_notebook(tmp_path: Path) -> None:
    tiny = {"data.size": [64, 96], "train.device": "cpu", "train.precision": "fp32"}
    notebook = executed(NOTEBOOKS / "own-data.py", tmp_path, f"EPOCHS = 1\nSETTINGS = {tiny!r}\n{WITH_SMALLER}")
    shares = shown(notebook, "predictions = ")
    assert "street_00" in shares and "road" in shares and "tree" in shares
