"""The ablation table: what is finished, how it differs from the base, and how certain that is."""

import csv
from pathlib import Path
from typing import Any

import pytest
from ablate import BASE, Plan, main, markers, named_weights, recipe_of, rows, tables, weights_of
from between_markers import write_lines

import tiny
from conftest import ROOT
from finished_runs import matrices, write_finished_run
from streetseg.errors import RequestError
from streetseg.metrics.scores import scores
from streetseg.recipe.load import load_recipe
from streetseg.recipe.schema import Recipe
from streetseg.report.words import points, signed
from streetseg.training.train import train

PLAN = """\
folds: 2
base: {recipe: camvid, train.epochs: 4}
changes:
  better: {optim.lr: 0.002}
  the same: {optim.lr: 0.003}
  not finished: {optim.lr: 0.004}
  of an earlier plan: {optim.lr: 0.005}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "plan.yaml").write_text(PLAN)
    return Plan.read(tmp_path / "plan.yaml")


def study(
    out: Path, *, quality: float, noise: int, seconds: float, lr: float, folds: int = 2, validate_every: int = 4
) -> None:
    """Write the runs of a change, one for each fold. The images of a fold are of one video."""
    camvid = load_recipe("camvid").model_dump()
    for fold in range(1, folds + 1):
        folder = write_finished_run(
            out / "runs" / f"fold{fold}",
            counts=matrices(quality - 0.1 * fold, seed=noise + fold),
            names=[f"{fold}/{i:02d}" for i in range(24)],
            sequences=[f"video {fold}"] * 24,
            recipe=camvid
            | {
                "data": camvid["data"] | {"source": "camvid:/nowhere/camvid", "fold": [fold, 2]},
                "optim": camvid["optim"] | {"lr": lr},
                "train": camvid["train"] | {"epochs": 4, "validate_every": validate_every},
            },
        )
        journal = folder / "journal.jsonl"
        journal.write_text(f'{{"event": "epoch", "seconds": {seconds}}}\n' + journal.read_text())


@pytest.fixture
def studies(plan: Plan, tmp_path: Path) -> Path:
    study(tmp_path / "base", quality=0.7, noise=0, seconds=10, lr=0.001)
    study(tmp_path / "better", quality=0.8, noise=10, seconds=15, lr=0.002)
    study(tmp_path / "the-same", quality=0.7, noise=20, seconds=10, lr=0.003)
    study(tmp_path / "not-finished", quality=0.7, noise=30, seconds=10, lr=0.004, folds=1)
    study(tmp_path / "of-an-earlier-plan", quality=0.7, noise=40, seconds=10, lr=0.005, validate_every=1)
    return tmp_path


def test_changes_are_compared_with_the_base(plan: Plan, studies: Path) -> None:
    (base, better, same), left_out = rows(plan, studies)

    assert [base.name, better.name, same.name] == ["base", "better", "the same"]
    assert left_out == {
        "not finished": "1 of 2 runs are finished",
        "of an earlier plan": "its runs have another train.validate_every than the plan",
    }
    assert base.difference is None
    assert better.difference is not None and same.difference is not None
    assert better.difference.value == pytest.approx(better.group.mean_iou - base.group.mean_iou, abs=1e-12)
    assert better.difference.low < better.difference.value < better.difference.high
    assert [row.difference.family for row in (better, same) if row.difference] == [2, 2]


def test_the_tables(plan: Plan, studies: Path) -> None:
    found, left_out = rows(plan, studies)
    lines = tables(plan, found, left_out)

    assert "48 held-out images" in lines[0] and "2 folds of whole videos, 1 seed" in lines[0]
    assert "scored after its last epoch" in lines[0]
    assert lines[2].startswith("| change | mean IoU, last epoch | ")
    changes = [line.strip("| ").split(" | ") for line in lines[4:7]]
    assert [cells[-2:] for cells in changes] == [
        ["–", "1.00"],
        ["better", "1.50"],
        ["none that is distinguishable", "1.00"],
    ]
    assert changes[1][0] == "better: `optim.lr=0.002`"
    base, better, _ = (row.group for row in found)
    gain = scores(better.counts.total).per_class["iou"] - scores(base.counts.total).per_class["iou"]
    classes = lines.index("| change | road | tree | car |")
    assert lines[classes + 3] == f"| better | {' | '.join(map(signed, gain))} |"
    videos = lines.index("| change | video 1 | video 2 |")
    of_runs = [scores(run.counts.total).mean["iou"] for run in base.runs]
    assert lines[videos + 2] == f"| base | {' | '.join(map(points, of_runs))} |"
    assert lines[-1].startswith("Left out: not finished (1 of 2 runs are finished); ")


MARKERS = markers(Path("plan.yaml"))
BEGIN, END = f"<!-- {MARKERS}: begin -->", f"<!-- {MARKERS}: end -->"
TINY = """\
encoder: test_efficientnet
folds: 2
base: {recipe: camvid, train.epochs: 2, train.batch: 2, data.size: none, augment.early_crop: none,
       model.channels: [16, 12, 8, 8], train.precision: fp32, train.device: cpu}
"""


def test_a_plan_is_interrupted_and_extended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Finished runs are not trained again, and nothing is validated before the last epoch."""
    plan, out, page = tmp_path / "plan.yaml", tmp_path / "out", tmp_path / "page.md"
    plan.write_text(TINY + "changes: {}\n")
    page.write_text(f"{BEGIN}\n{END}\n")
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid', 4, 2)}"
    command = [str(plan), "--out", str(out), "--data", data, "--weights", "none", "--page", str(page)]
    trained: list[Path] = []

    def interrupted(recipe: Recipe, folder: Path, **options: Any) -> None:
        if trained:
            raise KeyboardInterrupt
        trained.append(folder)
        train(recipe, folder, **options)

    for report in ("write_run_report", "write_report"):  # pages that nobody opens here
        monkeypatch.setattr(f"streetseg.grid.{report}", lambda *_, **__: None)
    monkeypatch.setattr("streetseg.grid.train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        main(command)
    (first,) = trained
    kept = (first / "journal.jsonl").read_bytes()
    monkeypatch.setattr("streetseg.grid.train", train)
    plan.write_text(TINY + "changes: {high rate: {optim.lr: 0.01}, not yet: {optim.lr: 0.02}}\n")
    main([*command, "--only", "high rate"])

    assert (first / "journal.jsonl").read_bytes() == kept
    assert "| high rate: `optim.lr=0.01` | " in page.read_text()
    assert "Left out: not yet (0 of 2 runs are finished)." in page.read_text()
    results = sorted(out.glob("*/runs/*/results.csv"))
    assert len(results) == 4
    for file in results:
        assert [row["val_iou"] != "" for row in csv.DictReader(file.open())] == [False, True]


def test_only_what_stands_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nbehind\n")
    write_lines(page, MARKERS, ["new"])
    write_lines(page, MARKERS, ["newer"])
    assert page.read_text() == f"before\n{BEGIN}\n\nnewer\n\n{END}\nbehind\n"

    page.write_text("no markers")
    with pytest.raises(RequestError, match="the page needs one"):
        write_lines(page, MARKERS, ["new"])


def test_a_change_may_begin_from_other_weights(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("base: {recipe: camvid}\nchanges: {pretrained: {weights: scenes}}")
    plan = Plan.read(tmp_path / "plan.yaml")
    weights = named_weights(["a.safetensors", "scenes=runs/scenes"])

    assert [weights_of(plan, name, weights) for name in ("base", "pretrained")] == ["a.safetensors", "runs/scenes"]
    assert weights_of(plan, "base", named_weights([])) == "auto"
    assert recipe_of(plan, "pretrained", "camvid:x") == recipe_of(plan, "base", "camvid:x")
    with pytest.raises(RequestError, match="no weights are called scenes"):
        weights_of(plan, "pretrained", named_weights(["a.safetensors"]))


def test_a_plan_with_a_mistake_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    for text, problem in (
        (PLAN.replace("folds", "fold"), "unexpected keyword argument 'fold'"),
        (PLAN.replace("better", "base"), "no change can be called base"),
    ):
        file.write_text(text)
        with pytest.raises(RequestError, match=problem):
            Plan.read(file)


def test_without_the_base_there_is_no_table(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="there is no base: 0 of 2 runs are finished"):
        rows(plan, tmp_path)


@pytest.mark.parametrize("file", sorted((ROOT / "benchmarks" / "plans").glob("*.yaml")), ids=lambda file: file.name)
def test_a_plan_of_the_project_is_one(file: Path) -> None:
    plan = Plan.read(file)
    recipes = [recipe_of(plan, name, "camvid:/nowhere/camvid") for name in (BASE, *plan.changes)]
    starts = [plan.fields(name).get("weights") for name in (BASE, *plan.changes)]
    assert len({(one.model_dump_json(), start) for one, start in zip(recipes, starts, strict=True)}) == len(recipes)
    assert all(recipe.train.validate_every == recipe.train.epochs for recipe in recipes)
