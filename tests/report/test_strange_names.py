"""A whole study on data with malicious names of folder, files and classes, and everything that it writes."""

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser

import tiny
from browsing import opened
from forked import command
from streetseg.text import one_line
from terminal import in_terminal

EVIL = '"><img src=x onerror=alert(1)>'
SCRIPT = "<script>alert(2)<&>"  # no slash, which a file's name cannot hold
ESCAPES = "\x1b]8;;http:evil.example\x07here\x1b[31m"
FAKED = "road\nerror: faked\nwhere: nowhere"
TURNED = "\u202egnp.exe"
FORMULA = "=HYPERLINK(1)"
SUM = "@SUM(1+1);-2+3"
NO_TEXT = os.fsdecode(b"stra\xdfe")  # Latin-1, which is no UTF-8: possible in names of files, not in those of classes
CLASSES = (EVIL, SCRIPT, ESCAPES, FAKED, TURNED, FORMULA, SUM)
FILES = (*CLASSES, NO_TEXT)


@dataclass(frozen=True)
class Done:
    """A finished study: its output and its folder."""

    output: str
    out: Path
    data: Path


def strange_data(folder: Path) -> Path:
    """Write a data set with malicious names of folder, classes and files. Return its YAML file."""
    for split, first in (("train", 0), ("val", 100)):
        for i, name in enumerate(FILES):
            image, label = tiny.street(first + i, (32, 32))
            tiny.save(folder / "images" / split / f"{name}.png", image)
            tiny.save(folder / "masks" / split / f"{name}.png", np.where(label == 255, 255, label % len(CLASSES)))
    lines = [f"  {split}: {{images: images/{split}/*.png, masks: masks/{split}/*.png}}" for split in ("train", "val")]
    classes = [f"  - {json.dumps(name)}" for name in CLASSES]
    path = folder / "data.yaml"
    path.write_text("\n".join(["splits:", *lines, "classes:", *classes, f"name: {json.dumps(EVIL)}", ""]))
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Run the real command in a process of its own, on a pseudo-terminal."""
    folder = tmp_path_factory.mktemp("strange")
    data = strange_data(folder / f"{EVIL}{NO_TEXT}")
    argv = (
        *("study", f"folder:{data}", "--encoders", "test_efficientnet,test_resnet", "--weights", "none"),
        *("--epochs", "1", "train.batch=4", "train.precision=fp32", "--out", str(folder / "out")),
    )
    return Done(on_a_terminal(*argv), folder / "out", data)


def on_a_terminal(*argv: str) -> str:
    """Return what `streetseg ARGV...` writes on a terminal. It must end with exit code 0."""
    code, output = in_terminal(command(*argv), columns=200, TERM="dumb")  # no bars, but all else as on any terminal
    assert code == 0, output
    return output.replace("\r\n", "\n")


@pytest.mark.bad_input(38, "the report shows names as text: no script, no request, and its policy forbids both")
def test_the_report_shows_names_as_text(study: Done, browser: Browser) -> None:
    for report in (study.out / "report.html", *study.out.glob("runs/*/report.html")):
        with opened(browser, report) as (page, troubles):
            assert page.locator("img[src=x]").count() == 0
            policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content") or ""
            assert "default-src 'none'" in policy
            classes = page.locator("#classes").inner_text()
            for name in (EVIL, SCRIPT, FORMULA):
                assert name in classes
            assert EVIL in page.locator("#images").inner_text()
            assert troubles == []
        text = report.read_text()
        assert EVIL not in text
        assert not [line for line in text.split("\n") if one_line(line) != line]


@pytest.mark.bad_input(38, "the policy stops a script and a request that a test plants")
def test_the_policy_of_the_report_stops_what_is_planted(
    study: Done, browser: Browser, tmp_path: Path, requested_names: tuple[str, list[str]]
) -> None:
    address, requested = requested_names
    harm = f'<img src="{address}/x.png" onerror="document.title = 1"><script>document.title = 1</script>'
    page_text = (study.out / "report.html").read_text()
    planted, unguarded = tmp_path / "planted.html", tmp_path / "unguarded.html"
    planted.write_text(page_text.replace("</body>", f"{harm}</body>"))
    unguarded.write_text(planted.read_text().replace("Content-Security-Policy", "nothing"))

    with opened(browser, planted) as (page, troubles):
        assert page.title() != "1"
        assert len([trouble for trouble in troubles if "Content Security Policy" in trouble]) >= 2
    assert requested == []

    with opened(browser, unguarded) as (page, _):  # without the policy the harm is done, so the test can fail
        assert page.title() == "1"
    assert requested == ["/x.png"]


@pytest.fixture
def requested_names() -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a server and the list of paths requested from it."""
    requested: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name http.server calls
            requested.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", requested
        server.shutdown()
        thread.join()


@pytest.mark.bad_input(38, "charts opened as single files show names as text")
def test_the_charts_are_whole_and_quiet(study: Done, browser: Browser) -> None:
    charts = sorted(study.out.rglob("*.svg"))
    assert len(charts) > 5
    for chart in charts:
        with opened(browser, chart) as (page, troubles):
            assert page.locator("parsererror").count() == 0
            assert page.locator("svg text").count() > 0
            assert troubles == []


@pytest.mark.bad_input(38, "the rendered model card shows names as text")
def test_the_model_card_shows_names_as_text(study: Done, browser: Browser, tmp_path: Path) -> None:
    for card in study.out.glob("runs/*/model_card.md"):
        rendered = tmp_path / f"{card.parent.name}.html"
        rendered.write_text(MarkdownIt("commonmark", {"html": True}).enable("table").render(card.read_text()))
        with opened(browser, rendered) as (page, troubles):
            assert page.locator("img, script, a").count() == 0
            cells = page.locator("table").last.locator("td:first-child").all_inner_texts()
            assert cells == [one_line(" ".join(name.split())) for name in CLASSES]
            assert troubles == []


@pytest.mark.bad_input(40, "names in CSV files: formulas get an apostrophe, controls are escaped, numbers stay numbers")
def test_the_tables_hold_text_and_numbers(study: Done) -> None:
    run = study.out / "runs" / "test_resnet_seed0"
    scores = json.loads((run / "evaluation" / "scores.json").read_text())
    classes = list(csv.DictReader((run / "evaluation" / "per_class.csv").open(newline="")))
    images = list(csv.DictReader((run / "evaluation" / "per_image.csv").open(newline="")))

    shown = [EVIL, SCRIPT, one_line(ESCAPES), one_line(FAKED), one_line(TURNED), FORMULA, "@SUM(1+1);'-2+3"]
    assert [row["class"] for row in classes] == [f"'{name}" if name[0] in "=@" else name for name in shown]
    assert sorted(row["image"] for row in images) == sorted(f"val/{name}" for name in (*shown, one_line(NO_TEXT)))
    for row, expected in zip(classes, scores["per_class"].values(), strict=True):
        assert {name: row[name] for name in expected} == {
            name: "" if value is None else str(value) for name, value in expected.items()
        }
    for path in study.out.rglob("*.csv"):
        assert not [
            cell for row in csv.reader(path.open(newline="")) for cell in row if cell.startswith(("=", "@", "+"))
        ]
        assert not [line for line in path.read_text().splitlines() if one_line(line) != line]


@pytest.mark.bad_input(
    40, "names on the terminal: escape sequences, line breaks and bidi controls are shown as escapes"
)
def test_the_terminal_gets_visible_characters_only(study: Done, tmp_path: Path) -> None:
    run = str(study.out / "runs" / "test_resnet_seed0")
    image = str(study.data.parent / "images" / "val" / f"{ESCAPES}.png")
    for output in (
        study.output,
        on_a_terminal("check", f"folder:{study.data}"),
        on_a_terminal("evaluate", run, f"folder:{study.data}", "--out", str(tmp_path / ESCAPES)),
        on_a_terminal("predict", run, image, "--out", str(tmp_path / FAKED)),
        on_a_terminal("predict", run, image, "--out", str(tmp_path / FAKED), "--json"),
    ):
        assert output
        assert [one_line(line) for line in output.split("\n")] == output.split("\n")
        assert "\nerror: faked" not in output


@pytest.mark.bad_input(40, "names in errors: escape sequences, line breaks and bidi controls are shown as escapes")
@pytest.mark.parametrize("name", [ESCAPES, FAKED, TURNED])
def test_errors_hold_visible_characters_only(name: str, tmp_path: Path, streetseg) -> None:
    tiny.save(tmp_path / "images" / f"{name}.png", tiny.street(0, (32, 32))[0])
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / f"{name}.png").write_bytes(b"no image")
    (tmp_path / "data.yaml").write_text(f"images: images\nmasks: masks\nclasses: [{json.dumps(name)}, b]\n")

    for argv in (
        ("check", f"folder:{tmp_path / 'data.yaml'}"),
        ("predict", tmp_path / name, tmp_path / f"{name}.png", "--out", tmp_path / "out"),
        ("evaluate", tmp_path / name, f"folder:{tmp_path / name}.yaml"),
        ("train", f"folder:{tmp_path / 'data.yaml'}", f"data.space={name}", "--out", tmp_path / "out"),
        ("recipe", "show", f"{name}=1"),
        ("recipe", "show", f"--{name}"),
        ("recipe", "check", tmp_path / name, "--debug"),
    ):
        done = streetseg(*argv)
        assert done.code == 2, done.err
        assert [one_line(line) for line in done.err.split("\n")] == done.err.split("\n")
        assert one_line(name) in done.err
        assert not [line for line in done.err.splitlines() if line.startswith("error: faked")]
