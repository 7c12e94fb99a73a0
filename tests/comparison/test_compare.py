"""Reading runs, grouping them by recipe, and refusing what cannot be compared."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from finished_runs import IMAGENET, RANDOM, matrices
from streetseg.comparison.compare import compare_runs
from streetseg.errors import RequestError
from streetseg.metrics.difference import compare
from streetseg.metrics.scores import scores

WriteRun = Callable[..., Path]


def test_ranked_by_mean_iou_whatever_the_order_given(write_run: WriteRun) -> None:
    worse = write_run("a", encoder="mobilenetv2_100", counts=matrices(0.70))
    better = write_run("b", encoder="resnet50", counts=matrices(0.85))
    comparison = compare_runs([worse, better])
    assert [group.first.encoder for group in comparison.groups] == ["resnet50", "mobilenetv2_100"]
    assert comparison.groups[0].mean_iou == scores(matrices(0.85).sum(axis=0)).mean["iou"]


def test_seeds_of_one_recipe_are_one_group_with_their_mean_score(write_run: WriteRun) -> None:
    seeds = [write_run(f"s{seed}", seed=seed, counts=matrices(0.8, seed=seed)) for seed in (2, 0, 1)]
    comparison = compare_runs(seeds)
    (group,) = comparison.groups
    assert group.seeds == (0, 1, 2)
    assert np.array_equal(group.counts.counts, sum(matrices(0.8, seed=seed) for seed in range(3)))
    single = [scores(matrices(0.8, seed=seed).sum(axis=0)).mean["iou"] for seed in range(3)]
    assert group.mean_iou == pytest.approx(np.mean(single))
    per_class = [scores(matrices(0.8, seed=seed).sum(axis=0)).f1 for seed in range(3)]
    assert group.scores.f1 == pytest.approx(np.mean(per_class, axis=0))
    low, high = group.intervals.overall["mean_iou"]
    assert low < group.mean_iou < high
    assert group.seed_deviation == pytest.approx(np.std(single, ddof=1))


def test_settings_that_change_no_result_make_no_other_experiment(write_run: WriteRun) -> None:
    """One run was saved after every step, its data had another path, and its device was named."""
    other = {"data": {"source": "camvid:/elsewhere"}, "train": {"save_steps": 1, "keep_last": 5, "device": "cpu"}}
    [group] = compare_runs([write_run("a", seed=0), write_run("b", seed=1, recipe=other)]).groups
    assert group.seeds == (0, 1)


def test_other_training_data_make_another_experiment(write_run: WriteRun) -> None:
    """Split lists and exclusions choose the training data. The fields change no result, so the fingerprint decides."""
    runs = [write_run(name, seed=seed) for name, seed in (("whole", 0), ("part", 1))]
    data = json.loads((runs[1] / "data.json").read_text())
    data["splits"]["train"]["fingerprint"] = "another"
    (runs[1] / "data.json").write_text(json.dumps(data))

    labels = [group.label for group in compare_runs(runs).groups]

    assert sorted(label.partition("training data=")[2] for label in labels) == ["another", "t"]


def test_a_setting_that_changes_the_result_makes_another_experiment(write_run: WriteRun) -> None:
    groups = compare_runs([write_run("a", seed=0), write_run("b", seed=1, recipe={"optim": {"lr": 0.1}})]).groups
    assert len(groups) == 2


def test_a_group_of_three_seeds_against_a_group_of_one(write_run: WriteRun) -> None:
    three = [write_run(f"a{seed}", seed=seed, counts=matrices(0.8)) for seed in range(3)]  # equal runs: as one
    one = write_run("b", encoder="resnet50", counts=matrices(0.7, seed=5))
    (pair,) = compare_runs([*three, one]).pairs
    single = compare([pair.a.first.counts], [pair.b.first.counts])
    assert pair.difference.value == pytest.approx(single.value)
    assert (pair.difference.low, pair.difference.high) == pytest.approx((single.low, single.high))


def test_one_encoder_from_two_starts_is_two_groups(write_run: WriteRun) -> None:
    runs = [write_run("a", start=IMAGENET), write_run("b", start=RANDOM)]
    labels = {group.label for group in compare_runs(runs).groups}
    assert labels == {"mobilenetv2_100 (ImageNet)", "mobilenetv2_100 (random weights)"}


def test_groups_that_would_share_a_label_say_in_what_they_differ(write_run: WriteRun) -> None:
    runs = [write_run("a"), write_run("b", recipe={"train": {"epochs": 3}})]
    comparison = compare_runs(runs)
    assert {group.label for group in comparison.groups} == {
        "mobilenetv2_100 (ImageNet), train.epochs=4",
        "mobilenetv2_100 (ImageNet), train.epochs=3",
    }
    assert any("recipes differ in more than the encoder: train.epochs" in note for note in comparison.notes)


def test_a_decoder_that_had_other_channels_once_is_another_experiment(write_run: WriteRun) -> None:
    """Both recipes only ask for the default channels of the decoder."""
    runs = [write_run("a"), write_run("b")]
    for run, channels in zip(runs, ([128, 96, 64, 32], [128, 96, 64]), strict=True):
        model = json.loads((run / "best" / "model.json").read_text())
        (run / "best" / "model.json").write_text(json.dumps(model | {"decoder": "fast", "channels": channels}))

    assert {group.label for group in compare_runs(runs).groups} == {
        "mobilenetv2_100 (ImageNet), model.channels=[128, 96, 64, 32]",
        "mobilenetv2_100 (ImageNet), model.channels=None",
    }


def test_the_same_seed_twice_is_refused(write_run: WriteRun) -> None:
    runs = [write_run("a"), write_run("b")]
    with pytest.raises(RequestError, match="same seed"):
        compare_runs(runs)


@pytest.mark.parametrize("lost", ["evaluation/counts.npz", "cost.json", "best/model.json"])
def test_an_unfinished_run_is_refused_with_what_it_lacks(write_run: WriteRun, lost: str) -> None:
    run = write_run("a")
    (run / lost).unlink()
    with pytest.raises(RequestError, match="not finished") as refused:
        compare_runs([run])
    assert lost in refused.value.problem
    assert refused.value.where == (str(run),)


def test_a_run_that_was_taken_up_again_and_not_ended_is_refused(write_run: WriteRun) -> None:
    run = write_run("a")
    with (run / "journal.jsonl").open("a") as journal:
        journal.write('{"event": "resume"}\n{"event": "step", "step": 7}\n')
    with pytest.raises(RequestError, match="journal has no end"):
        compare_runs([run])


def test_what_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no such run folder"):
        compare_runs([tmp_path / "nothing"])
    with pytest.raises(RequestError, match="not a run folder"):
        compare_runs([tmp_path])
    with pytest.raises(RequestError, match="nothing to compare"):
        compare_runs([])


@pytest.mark.parametrize(
    ("file", "content"),
    [("cost.json", "{"), ("data.json", "[]"), ("recipe.yaml", "train: {epochs: no}"), ("recipe.yaml", "a: [")],
)
def test_a_damaged_file_is_named(write_run: WriteRun, file: str, content: str) -> None:
    run = write_run("a")
    (run / file).write_text(content)
    with pytest.raises(RequestError) as refused:
        compare_runs([run])
    assert refused.value.where == (str(run / file),)


def test_other_classes_are_refused(write_run: WriteRun) -> None:
    runs = [write_run("a"), write_run("b", encoder="resnet50", classes=("road", "tree", "van"))]
    with pytest.raises(RequestError, match="classes: road, tree, car and road, tree, van"):
        compare_runs(runs)


def test_other_rules_are_refused(write_run: WriteRun) -> None:
    runs = [write_run("a"), write_run("b", encoder="resnet50", protocol={"rules": "2"})]
    with pytest.raises(RequestError, match="protocol rules: 1 and 2"):
        compare_runs(runs)


def test_other_images_are_refused(write_run: WriteRun) -> None:
    names = [f"val/other{i}" for i in range(24)]
    runs = [write_run("a"), write_run("b", encoder="resnet50", names=names)]
    with pytest.raises(RequestError, match="same images"):
        compare_runs(runs)


def test_another_truth_is_refused(write_run: WriteRun) -> None:
    runs = [write_run("a"), write_run("b", encoder="resnet50", counts=2 * matrices(0.8))]
    with pytest.raises(RequestError, match="different ground truth"):
        compare_runs(runs)


def test_study_json_holds_runs_verdict_and_differences(write_run: WriteRun, tmp_path: Path) -> None:
    runs = [write_run("a", counts=matrices(0.70)), write_run("b", encoder="resnet50", counts=matrices(0.85))]
    comparison = compare_runs(runs)
    content = json.loads(json.dumps(comparison.as_json(tmp_path)))
    assert content["verdict"] == comparison.verdict
    assert {run["folder"] for run in content["runs"]} == {"runs/a", "runs/b"}
    (difference,) = content["differences"]
    assert difference["a"] == "resnet50 (ImageNet)"
    assert difference["interval"][0] <= difference["value"] <= difference["interval"][1]
    assert difference["distinguishable"] is True
    assert difference["p_value"] == difference["adjusted_p_value"] < 0.05
    assert difference["comparisons"] == 1
    assert list(difference["per_class"]) == ["road", "tree", "car"]
    assert {one["comparisons"] for one in difference["per_class"].values()} == {3}
    assert content["ranking"][0]["seeds"] == [0]
