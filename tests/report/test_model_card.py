"""The model card: scores with their protocol, initial weights, and names that stay text."""

from collections.abc import Callable
from pathlib import Path

from finished_runs import RANDOM, matrices
from streetseg.comparison.compare import compare_runs
from streetseg.report.model_card import model_card, plain

WriteRun = Callable[..., Path]


def test_figures_protocol_and_start(write_run: WriteRun) -> None:
    (group,) = compare_runs([write_run("a", counts=matrices(0.8))]).groups
    card = model_card(group)
    assert f"- **Mean IoU:** {100 * group.mean_iou:.1f} [" in card
    assert "- **Initial weights:** encoder from timm's pretrained m" in card
    assert "camvid, val split, 24 images" in card
    assert "| road | " in card
    assert "trained once" in card


def test_no_folder_of_the_machine_is_in_it(write_run: WriteRun) -> None:
    home = "/home/someone"
    start = {**RANDOM, "text": f"random weights, because the file {home}/cache/one.safetensors cannot be read"}
    data = f"folder:{home}/my data/own.yaml"
    run = write_run("a", start=start, protocol={"dataset": data}, recipe={"data": {"source": data}})
    (group,) = compare_runs([run]).groups
    card = model_card(group)
    assert "someone" not in card
    assert "because the file one.safetensors cannot be read" in card


def test_names_are_plain_text(write_run: WriteRun) -> None:
    name = "a|b <img src=x onerror=alert(1)> [c](javascript:d) `e`\n# f"
    (group,) = compare_runs([write_run("a", classes=(name, "tree", "car"))]).groups
    card = model_card(group)
    assert "<img" not in card
    assert "\n# f" not in card
    row = next(line for line in card.splitlines() if line.startswith("| a"))
    assert row.replace("\\|", "").count("|") == 8
    assert plain("[c](d)") == r"\[c\](d)"
