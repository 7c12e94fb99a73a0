"""The ablation table: what is finished, how it differs from the base, and how certain that is."""

from pathlib import Path

import pytest
from ablate import BEGIN, END, Plan, rows, table, write_between_markers

from finished_runs import matrices, write_finished_run
from streetseg.errors import RequestError

PLAN = """\
data: camvid:/nowhere/camvid
folds: 2
base: {recipe: camvid, train.epochs: 4}
changes:
  better: {optim.lr: 0.002}
  the same: {optim.lr: 0.003}
  not finished: {optim.lr: 0.004}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "plan.yaml").write_text(PLAN)
    return Plan.read(tmp_path / "plan.yaml")


def study(out: Path, *, quality: float, noise: int, seconds: float, lr: float, folds: int = 2) -> None:
    """Write the runs of a change, one for each fold, each held-out image with a video of its own."""
    for fold in range(1, folds + 1):
        folder = write_finished_run(
            out / "runs" / f"fold{fold}",
            counts=matrices(quality - 0.1 * fold, seed=noise + fold),
            names=[f"{fold}/{i}" for i in range(24)],
            recipe={"data": {"source": "camvid:/nowhere/camvid", "fold": [fold, 2]}, "optim": {"lr": lr}},
        )
        journal = folder / "journal.jsonl"
        journal.write_text(f'{{"event": "epoch", "seconds": {seconds}}}\n' + journal.read_text())


@pytest.fixture
def studies(plan: Plan, tmp_path: Path) -> Path:
    study(tmp_path / "base", quality=0.7, noise=0, seconds=10, lr=0.001)
    study(tmp_path / "better", quality=0.8, noise=10, seconds=15, lr=0.002)
    study(tmp_path / "the-same", quality=0.7, noise=20, seconds=10, lr=0.003)
    study(tmp_path / "not-finished", quality=0.7, noise=30, seconds=10, lr=0.004, folds=1)
    return tmp_path


def test_changes_are_compared_with_the_base(plan: Plan, studies: Path) -> None:
    base, better, same = rows(plan, studies)

    assert [base.name, better.name, same.name] == ["base", "better", "the same"]
    assert base.difference is None
    assert better.difference is not None and same.difference is not None
    assert better.difference.value == pytest.approx(better.group.mean_iou - base.group.mean_iou, abs=1e-12)
    assert better.difference.low < better.difference.value < better.difference.high
    assert [row.difference.family for row in (better, same) if row.difference] == [2, 2]

    lines = table(plan, [base, better, same])
    assert "48 held-out images" in lines[0] and "2 folds of whole videos, 1 seed" in lines[0]
    assert [line.split(" | ")[-2:] for line in lines[-3:]] == [
        ["–", "1.00 |"],
        ["better", "1.50 |"],
        ["none that is distinguishable", "1.00 |"],
    ]
    assert lines[-2].startswith("| better: `optim.lr=0.002` | ")


def test_only_what_stands_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nbehind\n")
    write_between_markers(page, ["new"])
    write_between_markers(page, ["newer"])
    assert page.read_text() == f"before\n{BEGIN}\n\nnewer\n\n{END}\nbehind\n"

    page.write_text("no markers")
    with pytest.raises(RequestError, match="the page needs one"):
        write_between_markers(page, ["new"])


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
    with pytest.raises(RequestError, match="the runs of the base are not finished"):
        rows(plan, tmp_path)
