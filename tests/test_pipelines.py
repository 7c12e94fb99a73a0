"""The examples with DVC and Snakemake: they run, do nothing a second time, and repeat only what a change concerns."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from served_commands import Ended, run

ROOT = Path(__file__).parents[1]
SHORTER = {"mobilenetv2_100": "test_efficientnet", "resnet18": "test_resnet", "count: 200": "count: 5"}
SMALL = {
    "size: 128x256": "size: 32x64",
    "size: [128, 256]": "size: [32, 64]",
    "weights: auto-or-random": "weights: none\n  channels: [16, 12, 8, 8]",
    "epochs: 10": "epochs: 1\n  precision: fp32\n  device: cpu",
    "batch: 4": "batch: 2",
}
ENVIRONMENT = {"DVC_NO_ANALYTICS": "1", "HF_HUB_OFFLINE": "1", "DVC_IGNORE_ISATTY": "1"}


def copied(name: str, folder: Path) -> Path:
    """Copy an example, with encoders and images that are small."""
    pytest.importorskip(name)
    copy = shutil.copytree(ROOT / "examples" / name, folder / name)
    for file in copy.iterdir():
        text = file.read_text(encoding="utf-8")
        for long, short in (SHORTER | SMALL).items():
            text = text.replace(long, short)
        file.write_text(text, encoding="utf-8")
    return copy


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def require_done(ended: Ended, folder: Path, scores: str) -> None:
    """Assert that each command ran once, and that everything is there."""
    assert ended.code == 0, ended.out + ended.err
    ran = sorted(command[0] for command in ended.commands)
    assert ran == sorted(["scenes", "check", "train", "train", "evaluate", "evaluate", "compare", "export"])
    assert (folder / "street.onnx").is_file()
    assert (folder / "comparison" / "report.html").is_file()
    for encoder in ("test_efficientnet", "test_resnet"):
        assert 0 <= json.loads((folder / scores.format(encoder)).read_text())["mean"]["iou"] <= 1
        with (folder / "runs" / encoder / "results.csv").open() as rows:
            assert len(list(csv.DictReader(rows))) == 1


def test_dvc(tmp_path: Path) -> None:
    folder = copied("dvc", tmp_path)

    def dvc(*argv: str) -> Ended:
        return run(["dvc", *argv], folder, ENVIRONMENT)

    assert dvc("init", "--no-scm", "--quiet").code == 0
    require_done(dvc("repro"), folder, "scores-{}.json")
    again = dvc("repro")
    assert (again.code, again.commands) == (0, [])
    metrics = json.loads(dvc("metrics", "show", "--json").out)[""]["data"]
    assert metrics["scores-test_resnet.json"]["data"]["mean"]["iou"] >= 0
    plots = dvc("plots", "show", "--json").out
    assert plots.count('"rev": "workspace"') == 2

    def stages_that_would_run() -> list[str]:
        return re.findall(r"Running stage '([a-z]+)(?:@\w+)?'", dvc("repro", "--dry", "--force-downstream").out)

    change(folder / "recipe.yaml", "lr: 0.003", "lr: 0.004")
    assert sorted(stages_that_would_run()) == ["compare", "evaluate", "evaluate", "export", "train", "train"]
    change(folder / "recipe.yaml", "lr: 0.004", "lr: 0.003")
    change(folder / "params.yaml", "export: test_efficientnet", "export: test_resnet")
    assert stages_that_would_run() == ["export"]


def test_snakemake(tmp_path: Path) -> None:
    folder = copied("snakemake", tmp_path)

    def snakemake(*argv: str) -> Ended:
        return run(["snakemake", "--cores", "1", *argv], folder, ENVIRONMENT | {"XDG_CACHE_HOME": str(tmp_path)})

    require_done(snakemake(), folder, "scores/{}.json")
    nothing = snakemake("--dry-run")
    assert "Nothing to be done" in nothing.out + nothing.err

    def rules_that_would_run() -> list[str]:
        return re.findall(r"^rule (\w+):", snakemake("--dry-run").out, flags=re.MULTILINE)

    change(folder / "recipe.yaml", "lr: 0.003", "lr: 0.004")
    assert sorted(set(rules_that_would_run())) == ["all", "compare", "evaluate", "export", "train"]
    change(folder / "recipe.yaml", "lr: 0.004", "lr: 0.003")
    change(folder / "config.yaml", "export: test_efficientnet", "export: test_resnet")
    assert sorted(rules_that_would_run()) == ["all", "export"]
