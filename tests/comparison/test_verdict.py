"""The verdict in words: it follows from the interval, and says so when more than the encoders differs."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finished_runs import IMAGENET, RANDOM, matrices
from streetseg.comparison.compare import compare_runs
from streetseg.comparison.verdict import bracket, dataset_name, decimals, difference_words, latency_words, p_value_text
from streetseg.metrics.difference import Difference

WriteRun = Callable[..., Path]


def difference(
    value: float, low: float, high: float, adjusted: float, *, family: int = 1, videos: int | None = None
) -> Difference:
    return Difference(value, low, high, adjusted / family, adjusted, family, 2000, "image", videos, None)


def test_better_with_interval_and_latency(write_run: WriteRun) -> None:
    comparison = compare_runs(
        [
            write_run("a", counts=matrices(0.70), latency=40),
            write_run("b", encoder="resnet50", counts=matrices(0.85), latency=96),
        ]
    )
    assert re.fullmatch(
        r"resnet50 \(ImageNet\) is better than mobilenetv2_100 \(ImageNet\) by \d+\.\d points of mean IoU "
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
    warning = "Their initial weights are of different kinds, so this is not a difference between encoders alone."
    assert comparison.verdict.endswith(warning)
    assert "different kinds of weights" in comparison.notes[0]


def test_published_weights_are_one_kind_of_start_however_they_came(write_run: WriteRun) -> None:
    file = {"kind": "file", "source": "/w/r.safetensors", "text": "encoder from r.safetensors"}
    comparison = compare_runs([write_run("a", start=IMAGENET), write_run("b", encoder="resnet50", start=file)])
    assert "different kinds, so" not in comparison.verdict


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
        ("middle", "worst"),
    ]
    assert comparison.against_best == comparison.pairs[:2]
    assert re.match(
        r"best \(ImageNet\) is better than middle \(ImageNet\) by \d+\.\d points of mean IoU \[\d+\.\d, \d+\.\d\] "
        r"\(p = 0\.\d{3}, adjusted for 3 comparisons\)",
        comparison.verdict,
    )


def test_one_run_says_what_it_reaches(write_run: WriteRun) -> None:
    comparison = compare_runs([write_run("a")])
    assert re.fullmatch(
        r"mobilenetv2_100 \(ImageNet\) reaches \d+\.\d % mean IoU \[\d+\.\d, \d+\.\d\] "
        r"on the 24 images of camvid val\.",
        comparison.verdict,
    )
    assert comparison.pairs == ()


def test_latency_is_not_compared_between_machines(write_run: WriteRun) -> None:
    comparison = compare_runs([write_run("a", cpu="One"), write_run("b", encoder="resnet50", cpu="Another")])
    assert "latency" not in comparison.verdict
    assert any("not measured in the same way" in note for note in comparison.notes)


def test_frames_of_videos_seen_in_training_are_said_to_flatter(write_run: WriteRun) -> None:
    videos = ["0016E5"] * 20 + ["0001TP"] * 4
    run = write_run("a", sequences=videos, train_sequences=["0016E5", "0006R0"])
    notes = " ".join(compare_runs([run]).notes)
    assert "20 of 24 validation images come from videos that training images come from, too (0016E5)" in notes
    assert "score is too high" in notes


def test_unknown_or_separate_videos_are_not_said_to_flatter(write_run: WriteRun) -> None:
    apart = write_run("a", sequences=["0001TP"] * 24, train_sequences=["0016E5"])
    unknown = write_run("b", train_sequences=["0016E5"])
    for run in (apart, unknown):
        assert "score is too high" not in " ".join(compare_runs([run]).notes)


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
    ("ratio", "text"),
    [(2.44, "2.4 times the latency"), (1.01, "the same latency"), (0.4, "60 % less latency")],
)
def test_latency_in_words(ratio: float, text: str) -> None:
    assert latency_words(ratio) == text


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("scenes", "scenes"),
        ("camvid:/data/CamVid", "camvid"),
        ("folder:/my data/berlin.yaml", "berlin"),
        ("shards:streets", "streets"),
        ("/data/mine", "mine"),
    ],
)
def test_a_dataset_has_a_short_name(spec: str, name: str) -> None:
    assert dataset_name(spec) == name


@given(st.floats(1e-5, 0.5), st.floats(1e-5, 0.5))
def test_an_end_of_an_interval_is_never_printed_as_zero_when_it_is_not(low: float, width: float) -> None:
    printed = bracket(low, low + width, decimals(difference(low + width / 2, low, low + width, 0.01)))
    assert float(printed.strip("[]").split(", ")[0]) > 0


shares = st.floats(-0.9, 0.9).map(lambda share: round(share, 6))
families = st.integers(1, 10)


@given(shares, shares, shares, st.floats(1e-4, 1), families)
def test_the_words_follow_from_interval_and_p_value(a: float, b: float, c: float, adjusted: float, family: int) -> None:
    """The better run and every figure are read back from the sentence alone."""
    low, value, high = sorted([a, b, c])
    sentence = difference_words("A", "B", difference(value, low, high, adjusted, family=family))
    ends = re.search(r"\[(.+), (.+)\]", sentence)
    assert ends
    printed = [float(end.replace("−", "-")) for end in ends.groups()]
    if (low > 0 or high < 0) and adjusted < 0.05:
        better, worse = ("A", "B") if low > 0 else ("B", "A")
        assert sentence.startswith(f"{better} is better than {worse} by ")
        assert "not distinguishable" not in sentence
        assert "−" not in sentence
        assert 0 < printed[0] <= printed[1]
    else:
        assert sentence.startswith("A and B are not distinguishable (difference ")
        assert "better" not in sentence
        assert (printed[0] <= 0 <= printed[1]) == (low <= 0 <= high)
    tested = re.search(r"p (?:=|<) (0\.\d+), adjusted for (\d+) comparisons", sentence)
    assert (tested is not None) == (family > 1 and not low <= 0 <= high)
    if tested:
        assert int(tested[2]) == family
        assert (float(tested[1]) < 0.05) == ("better" in sentence)


def test_an_interval_that_leaves_out_zero_is_not_enough_after_adjustment() -> None:
    sentence = difference_words("A", "B", difference(0.011, 0.001, 0.021, 0.0912, family=6))
    tested = "p = 0.091, adjusted for 6 comparisons"
    assert sentence == f"A and B are not distinguishable (difference 1.1 points of mean IoU [0.1, 2.1]; but {tested})"


@pytest.mark.parametrize(("videos", "text"), [(1, "the one video"), (3, "the 3 videos")])
def test_what_holds_for_few_videos_only_is_said_of_those(videos: int, text: str) -> None:
    better = difference_words("A", "B", difference(0.02, 0.01, 0.03, 0.01, videos=videos))
    assert better == f"A is better than B by 2.0 points of mean IoU [1.0, 3.0] on {text} they were scored on"
    alike = difference_words("A", "B", difference(0.02, -0.01, 0.05, 0.2, videos=videos))
    assert alike.startswith(f"A and B are not distinguishable on {text} they were scored on (difference ")


def test_too_few_images_have_no_interval_in_words_either(write_run: WriteRun) -> None:
    runs = [write_run(name, encoder=name, counts=matrices(q, images=3)) for name, q in (("a", 0.9), ("b", 0.5))]
    comparison = compare_runs(runs)
    assert re.match(
        r"a .* and b .* are not distinguishable \(difference \d+\.\d points of mean IoU \[no interval\]\)",
        comparison.verdict,
    )
    assert "3 images say too little about others, so there is no interval." in comparison.notes[0]


def test_classes_that_hardly_any_image_holds_are_named(write_run: WriteRun) -> None:
    counts = matrices(0.8)
    counts[4:, 2] = 0
    (note,) = [note for note in compare_runs([write_run("a", counts=counts)]).notes if "Too few images" in note]
    assert note.startswith("Too few images contain car for an interval.")
    assert not any("Too few images" in note for note in compare_runs([write_run("b")]).notes)


def test_seeds_and_images_are_kept_apart_in_words(write_run: WriteRun) -> None:
    runs = [
        write_run(f"{name}{k}", encoder=name, seed=k, counts=matrices(q, seed=k))
        for name, q in (("a", 0.8), ("b", 0.7))
        for k in range(3)
    ]
    comparison = compare_runs(runs)
    (note,) = [note for note in comparison.notes if "seeds" in note]
    assert "Its interval covers the choice of images, not the choice of the seed." in note
    for group in comparison.groups:
        assert f"{group.label} {100 * group.mean_iou:.1f} ± {100 * (group.seed_deviation or 0):.1f} (3 seeds)" in note
    alone = compare_runs(runs[:3])
    assert ", the mean of 3 seeds, on the 24 images" in alone.verdict


@pytest.mark.parametrize(
    ("p_value", "text"),
    [
        (0.0004, "p < 0.001"),
        (0.0123, "p = 0.012"),
        (0.04996, "p = 0.04996"),
        (0.0502, "p = 0.0502"),
        (1.0, "p = 1.000"),
    ],
)
def test_a_p_value_is_printed_on_its_side_of_five_percent(p_value: float, text: str) -> None:
    assert p_value_text(p_value) == text


@pytest.mark.bad_input(60, 'runs of different precision are named in the report\'s "Read with care" and in study.json')
def test_runs_of_different_precision_are_named(write_run: WriteRun) -> None:
    comparison = compare_runs([write_run("a", seed=0), write_run("b", seed=1, precision="bf16")])
    assert [note for note in comparison.notes if "precision" in note] == [
        "The runs were not all trained in the same precision (bf16: mobilenetv2_100 (ImageNet) seed 1; "
        "fp32: mobilenetv2_100 (ImageNet) seed 0), which can change a score a little: "
        "train.precision=fp32 or bf16 gives all of them the same."
    ]
    alike = compare_runs([write_run("c", seed=0, precision="bf16"), write_run("d", seed=1, precision="bf16")])
    assert not any("precision" in note for note in alike.notes)


def test_runs_that_were_still_improving_are_named(write_run: WriteRun) -> None:
    done = write_run("a", counts=matrices(0.7))
    rising = write_run("b", encoder="resnet50", counts=matrices(0.8), progress=(0.5, 0.8, 1.0))
    (note,) = [note for note in compare_runs([done, rising]).notes if "improving" in note]
    assert note.startswith("resnet50 (ImageNet) seed 0 was still improving at its last epoch")
    assert not any("improving" in note for note in compare_runs([done]).notes)
    assert any(note.startswith("The network was still improving") for note in compare_runs([rising]).notes)


def test_different_numbers_of_counted_classes_are_said(write_run: WriteRun) -> None:
    """No image contains the last class; only the second network predicts it."""
    one, two = matrices(0.8), matrices(0.7)
    for counts in (one, two):
        counts[:, 2] = 0
    one[:, 1, 1] += one[:, 1, 2]
    one[:, 1, 2] = 0
    runs = [write_run("a", counts=one), write_run("b", encoder="resnet50", counts=two)]
    (note,) = [note for note in compare_runs(runs).notes if "different numbers of classes" in note]
    assert "2 for mobilenetv2_100 (ImageNet) and 3 for resnet50 (ImageNet) of 3" in note
    assert not any("different numbers" in note for note in compare_runs(runs[:1]).notes)
