"""The report: its HTML, and the files beside it."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from unittest.mock import Mock
from xml.etree import ElementTree

import pytest

from finished_runs import RANDOM, matrices
from streetseg.comparison.compare import compare_runs
from streetseg.errors import RequestError
from streetseg.metrics.counts import Counts
from streetseg.metrics.scores import scores
from streetseg.report.charts.confusion import confusion_chart
from streetseg.report.report import write_report, write_run_report

WriteRun = Callable[..., Path]
EVIL = '"><img src=x onerror=alert(1)>'


class Page(HTMLParser):
    """A parsed page: tags with their attributes, and all visible text in one line."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(content)
        self.text = " ".join(" ".join(self.words).replace("\N{NO-BREAK SPACE}", " ").split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def two(write_run: WriteRun) -> list[Path]:
    """Write runs of two clearly different encoders; the better one has two seeds."""
    return [
        write_run("a", counts=matrices(0.70), start=RANDOM, latency=40),
        write_run("b0", encoder="resnet50", counts=matrices(0.84), latency=96),
        write_run("b1", encoder="resnet50", counts=matrices(0.86, seed=1), seed=1, latency=96),
    ]


def report(runs: list[Path], out: Path) -> Page:
    return Page(write_report(compare_runs(runs), out).read_text(encoding="utf-8"))


def test_the_verdict_is_the_first_heading(two: list[Path], tmp_path: Path) -> None:
    content = write_report(compare_runs(two), tmp_path / "out").read_text(encoding="utf-8")
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", content)
    assert heading
    assert heading[1].replace("\N{NO-BREAK SPACE}", " ") == compare_runs(two).verdict


def test_all_scores_with_intervals_protocol_and_initial_weights(two: list[Path], tmp_path: Path) -> None:
    text = report(two, tmp_path / "out").text
    comparison = compare_runs(two)
    for group in comparison.groups:
        for metric, value in group.scores.mean.items():
            low, high = group.intervals.overall[f"mean_{metric}"]
            assert f"{100 * value:.1f} {100 * low:.1f}–{100 * high:.1f}" in text
        for c in range(3):
            assert f"{100 * group.scores.iou[c]:.1f}" in text
        assert group.first.initial_weights["text"] in text
    for term in ("camvid", "val split", "24 images", "label space toy", "48x64", "counted nowhere", "rules version 1"):
        assert term in text
    for name in ("IoU", "F1 = Dice", "accuracy", "sensitivity", "specificity", "precision", "3 of 3"):
        assert name in text
    best = comparison.groups[0]
    assert f"{100 * best.mean_iou:.1f} ± {100 * (best.seed_deviation or 0):.1f} seeds 0, 1" in text


def test_which_classes_differ_is_said_and_tabled(write_run: WriteRun, tmp_path: Path) -> None:
    """The second network predicts tree for a fifth of the cars: it is worse on both classes and equal on road."""
    one, two = matrices(0.8, seed=1), matrices(0.8, seed=2)
    lost = two[:, 2, 2] // 5
    two[:, 2, 2] -= lost
    two[:, 2, 1] += lost
    runs = [write_run("a", counts=one), write_run("b", encoder="resnet50", counts=two)]
    text = report(runs, tmp_path / "out").text
    said = (
        "A against B: A is better on tree and car; not distinguishable on the other 1 (p-values adjusted for 3 classes)"
    )
    assert said in text
    (pair,) = compare_runs(runs).pairs
    for name, difference in zip(("road", "tree", "car"), pair.classes, strict=True):
        row = re.search(
            rf"{name} (\S+) (\S+) to (\S+) (< 0.001|0\.\d+|1\.000) (A is better|B is better|not distin)", text
        )
        assert row
        figures = [float(figure.replace("−", "-")) for figure in row.groups()[:3]]
        assert figures == pytest.approx(
            [100 * v for v in (difference.value, difference.low, difference.high)], abs=0.051
        )
        assert difference.verdict.startswith(row[5])
    assert (tmp_path / "out" / "plots" / "resnet50_ImageNet_class_differences.svg").is_file()


def test_every_pair_of_three_encoders_is_tabled_with_its_adjusted_p_value(write_run: WriteRun, tmp_path: Path) -> None:
    runs = [
        write_run(name, encoder=name, counts=matrices(quality))
        for name, quality in (("one", 0.9), ("two", 0.8), ("three", 0.7))
    ]
    text = report(runs, tmp_path / "out").text
    for pair in ("A − B", "A − C", "B − C"):
        assert re.search(rf"{pair} \+\d+\.\d \+\d+\.\d to \+\d+\.\d 0\.\d{{3}} {pair[0]} is better", text)
    assert "Their p-values are adjusted for all 3 pairs (Holm)" in text
    assert "Every encoder against every other" not in report(runs[:2], tmp_path / "two").text


def test_how_it_was_done_is_there(two: list[Path], tmp_path: Path) -> None:
    text = report(two, tmp_path / "out").text
    for fact in (
        "streetseg train 'camvid:my data'",
        "Some CPU, 2 cores",
        "python 3.11",
        "train t",
        "2000 resamples",
        "24 images of its val split",
    ):
        assert fact in text


def test_only_the_one_script_may_run_and_nothing_be_fetched(two: list[Path], tmp_path: Path) -> None:
    path = write_report(compare_runs(two), tmp_path / "out")
    content = path.read_text(encoding="utf-8")
    page = Page(content)
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    scripts = re.findall(r"<script>(.*?)</script>", content, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert policy
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    links = {value for _, attributes in page.tags for value in attributes.values() if re.match("https?:", value or "")}
    assert links == {"http://www.w3.org/2000/svg"}


def test_each_chart_is_drawn_once(two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Mock(wraps=confusion_chart)
    monkeypatch.setattr("streetseg.report.charts.comparison.confusion_chart", drawn)

    write_report(compare_runs(two), tmp_path / "out")

    assert drawn.call_count == 2  # encoders


def test_names_of_classes_images_and_weights_stay_text(write_run: WriteRun, tmp_path: Path) -> None:
    run = write_run(
        "a",
        classes=(EVIL, "tree", "car"),
        names=[f"{EVIL}{i}" for i in range(24)],
        start={"kind": EVIL, "source": EVIL, "text": EVIL},
        protocol={"dataset": EVIL},
        recipe={"data": {"source": f"camvid:/{EVIL}"}},
        cpu=EVIL,
    )
    path = write_report(compare_runs([run]), tmp_path / "out")
    page = Page(path.read_text(encoding="utf-8"))
    assert [image for image in page.all("img") if image.get("src") == "x"] == []
    assert [name for _, attributes in page.tags for name in attributes if name.startswith("on")] == []
    assert EVIL in page.text
    for plot in (tmp_path / "out" / "plots").glob("*.svg"):
        assert not list(ElementTree.parse(plot).getroot().iter("{http://www.w3.org/2000/svg}img"))


def test_every_chart_is_a_file_too(two: list[Path], tmp_path: Path) -> None:
    write_report(compare_runs(two), tmp_path / "out")
    names = {plot.stem for plot in (tmp_path / "out" / "plots").glob("*.svg")}
    assert {"mean_iou", "differences", "classes", "cost_latency", "cost_parameters"} <= names
    assert {f"resnet50_ImageNet_{chart}" for chart in ("loss", "accuracy", "iou", "confusion", "reliability")} <= names
    assert "kept" in names
    assert "mobilenetv2_100_random_weights_iou" in names
    for plot in (tmp_path / "out" / "plots").glob("*.svg"):
        assert ElementTree.parse(plot).getroot().attrib["aria-label"]


def test_a_run_of_an_earlier_version_has_no_section_on_the_confidence(two: list[Path], tmp_path: Path) -> None:
    assert "Expected calibration error" in report(two, tmp_path / "new").text
    for run in two:
        file = run / "evaluation/scores.json"
        scores = json.loads(file.read_text())
        del scores["calibration"], scores["selective"]
        file.write_text(json.dumps(scores))
    assert "Expected calibration error" not in report(two, tmp_path / "old").text


def test_every_image_has_words_for_who_cannot_see_it(two: list[Path], tmp_path: Path) -> None:
    page = report(two, tmp_path / "out")
    assert all("alt" in image for image in page.all("img"))
    assert all(svg.get("aria-label") or svg.get("aria-hidden") for svg in page.all("svg"))


def test_gone_images_are_said_to_be_gone(two: list[Path], tmp_path: Path) -> None:
    assert "No images: they could not be read or predicted again (folder not found" in report(two, tmp_path).text


def test_the_report_of_one_run_goes_into_its_folder(write_run: WriteRun) -> None:
    run = write_run("a")
    assert write_run_report(run) == run / "report.html"
    text = Page((run / "report.html").read_text(encoding="utf-8")).text
    assert "mobilenetv2_100 (ImageNet) reaches" in text
    assert (run / "model_card.md").is_file()
    assert (run / "plots" / "mobilenetv2_100_ImageNet_loss.svg").is_file()


def test_the_same_runs_give_the_same_report(two: list[Path], tmp_path: Path) -> None:
    one = write_report(compare_runs(two), tmp_path / "one").read_bytes()
    assert one == write_report(compare_runs(two), tmp_path / "two").read_bytes()


def test_missing_values_are_dashes(write_run: WriteRun, tmp_path: Path) -> None:
    counts = matrices(0.8)
    counts[:, 2] = 0
    counts[:, :, 2] = 0
    run = write_run("a", counts=counts)
    (run / "results.csv").write_text((run / "results.csv").read_text().replace("2.2", ""))
    text = report([run], tmp_path / "out").text
    assert "2 of 3" in text
    assert "nan" not in text.lower()
    assert "–" in text


def test_a_folder_that_cannot_be_written_is_named(two: list[Path], tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RequestError, match="cannot be written") as refused:
        write_report(compare_runs(two), blocked)
    assert refused.value.where == (str(blocked),)


def test_comparing_and_reporting_need_no_torch() -> None:
    code = "import sys, streetseg.report.report; print([m for m in ('torch', 'timm') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_joined_data_sets_have_their_own_scores(write_run: WriteRun, tmp_path: Path) -> None:
    names = [f"{'camvid' if i < 16 else 'a&b'}/val/{i:03d}" for i in range(24)]
    runs = []
    for encoder, quality in (("mobilenetv2_100", 0.7), ("resnet50", 0.85)):
        run = write_run(encoder, encoder=encoder, counts=matrices(quality), names=names)
        scored = run / "evaluation" / "scores.json"
        scored.write_text(json.dumps(json.loads(scored.read_text()) | {"sources": {"camvid": {}, "a&b": {}, "no": {}}}))
        runs.append(run)

    page = report(runs, tmp_path / "report")

    better, worse = (Counts.load(run / "evaluation" / "counts.npz") for run in reversed(runs))
    cells = [f"{100 * scores(counts.of('a&b/').total).mean['iou']:.1f}" for counts in (better, worse)]
    _, _, table = page.text.partition("Mean IoU by data set Data set images A resnet50 B mobilenetv2_100 camvid 16")
    assert re.search(rf"a&b 8 {cells[0]} \S+ {cells[1]} \S+ ", table)
    assert "Mean IoU by data set" not in report([write_run("alone")], tmp_path / "other").text
