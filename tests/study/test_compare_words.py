"""The verdict in words: it follows from the interval, and says when it is not about encoders alone."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finished_runs import IMAGENET, RANDOM, matrices
from streetseg.metrics.bootstrap import Difference
from streetseg.study.compare import compare_runs
from streetseg.study.compare_words import bracket, dataset_name, decimals, latency_words

WriteRun = Callable[..., Path]


def test_better_with_interval_and_latency(write_run: WriteRun) -> None:
    comparison = compare_runs(
        [
            write_run("a", counts=matrices(0.70), latency=40),
            write_run("b", encoder="resnet50", counts=matrices(0.85), latency=96),
        ]
    )
    assert re.fullmatch(
        r"resnet50 \(ImageNet\) is better than mobilenetv2_100 \(ImageNet\) by \d+\.\d mIoU points "
        r"\[\d+\.\d, \d+\.\d\], at 2\.4 times the latency\.",
        comparison.verdict,
    )


def test_equally_good_is_not_distinguishable(write_run: WriteRun) -> None:
    comparison = compare_runs(
        [
            write_run("a", counts=matrices(0.8, seed=1)),
            write_run("b", encoder="resnet50", counts=matrices(0.8, seed=2)),
        ]
    )
    assert "not distinguishable (difference" in comparison.verdict
    assert "better" not in comparison.verdict


@pytest.mark.parametrize("seed", range(6))
def test_better_is_said_exactly_where_the_interval_excludes_zero(write_run: WriteRun, seed: int) -> None:
    comparison = compare_runs(
        [
            write_run("a", counts=matrices(0.8, seed=seed)),
            write_run("b", encoder="resnet50", counts=matrices(0.801 + seed / 1000, seed=100 + seed)),
        ]
    )
    difference = comparison.pairs[0].difference
    assert ("is better than" in comparison.verdict) == (difference.low > 0)
    assert ("not distinguishable" in comparison.verdict) == (difference.low <= 0 <= difference.high)


def test_a_difference_of_starts_is_not_sold_as_a_difference_of_encoders(write_run: WriteRun) -> None:
    comparison = compare_runs(
        [
            write_run("a", counts=matrices(0.85), start=IMAGENET),
            write_run("b", encoder="resnext50_32x4d", counts=matrices(0.70), start=RANDOM),
        ]
    )
    assert "mobilenetv2_100 (ImageNet) is better than resnext50_32x4d (random weights)" in comparison.verdict
    assert comparison.verdict.endswith("They did not start alike, so this is not a difference between encoders alone.")
    assert "different kinds of weights" in comparison.notes[0]


def test_published_weights_are_one_kind_of_start_however_they_came(write_run: WriteRun) -> None:
    file = {"kind": "file", "source": "/w/r.safetensors", "text": "encoder from r.safetensors"}
    comparison = compare_runs([write_run("a", start=IMAGENET), write_run("b", encoder="resnet50", start=file)])
    assert "start alike" not in comparison.verdict


def test_more_than_two_are_all_set_against_the_best(write_run: WriteRun) -> None:
    comparison = compare_runs(
        [
            write_run(name, encoder=name, counts=matrices(quality))
            for name, quality in (("worst", 0.6), ("best", 0.9), ("middle", 0.75))
        ]
    )
    assert [(pair.a.first.encoder, pair.b.first.encoder) for pair in comparison.pairs] == [
        ("best", "middle"),
        ("best", "worst"),
    ]
    assert comparison.verdict.startswith("best (ImageNet) is better than middle (ImageNet)")


def test_one_run_says_what_it_reaches(write_run: WriteRun) -> None:
    comparison = compare_runs([write_run("a")])
    assert re.fullmatch(
        r"mobilenetv2_100 \(ImageNet\) reaches \d+\.\d mIoU \[\d+\.\d, \d+\.\d\] on the 24 pictures of camvid val\.",
        comparison.verdict,
    )
    assert comparison.pairs == ()


def test_latency_is_not_compared_between_machines(write_run: WriteRun) -> None:
    comparison = compare_runs([write_run("a", cpu="One"), write_run("b", encoder="resnet50", cpu="Another")])
    assert "latency" not in comparison.verdict
    assert any("not measured alike" in note for note in comparison.notes)


def test_frames_of_videos_seen_in_training_are_said_to_flatter(write_run: WriteRun) -> None:
    videos = ["0016E5"] * 20 + ["0001TP"] * 4
    run = write_run("a", sequences=videos, train_sequences=["0016E5", "0006R0"])
    notes = " ".join(compare_runs([run]).notes)
    assert "20 of 24 validation pictures come from videos that training pictures were cut from, too (0016E5)" in notes
    assert "flatters" in notes


def test_unknown_or_separate_videos_are_not_said_to_flatter(write_run: WriteRun) -> None:
    apart = write_run("a", sequences=["0001TP"] * 24, train_sequences=["0016E5"])
    unknown = write_run("b", train_sequences=["0016E5"])
    for run in (apart, unknown):
        assert "flatters" not in " ".join(compare_runs([run]).notes)


def test_single_seeds_that_contradict_the_verdict_are_mentioned(write_run: WriteRun) -> None:
    runs = [write_run(f"a{k}", seed=k, counts=matrices(q)) for k, q in enumerate((0.90, 0.72))]
    runs += [write_run(f"b{k}", encoder="resnet50", seed=k, counts=matrices(0.75, seed=k)) for k in range(2)]
    comparison = compare_runs(runs)
    assert "is better than" in comparison.verdict
    assert any("overlap" in note for note in comparison.notes)


def test_one_training_each_is_mentioned(write_run: WriteRun) -> None:
    once = compare_runs([write_run("a")])
    assert any("trained once" in note for note in once.notes)
    thrice = compare_runs([write_run(f"s{seed}", encoder="resnet50", seed=seed) for seed in range(3)])
    assert not any("trained once" in note for note in thrice.notes)


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(2.44, "2.4 times the latency"), (1.01, "the same latency"), (0.4, "60 % less latency")],
)
def test_latency_in_words(ratio: float, words: str) -> None:
    assert latency_words(ratio) == words


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("scenes", "scenes"),
        ("camvid:/data/CamVid", "camvid"),
        ("folder:/my data/berlin.yaml", "berlin"),
        ("/data/mine", "mine"),
    ],
)
def test_a_dataset_has_a_short_name(spec: str, name: str) -> None:
    assert dataset_name(spec) == name


@given(st.floats(1e-5, 0.5), st.floats(1e-5, 0.5))
def test_an_end_of_an_interval_is_never_printed_as_zero_when_it_is_not(low: float, width: float) -> None:
    difference = Difference("mean_iou", low + width / 2, low, low + width, 10, "image", None)
    printed = bracket(difference.low, difference.high, decimals(difference))
    assert float(printed.strip("[]").split(", ")[0]) > 0
