"""The report in a real browser at other sizes: many encoders, few and many classes, one epoch, a phone, paper."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
import yaml
from PIL import Image
from playwright.sync_api import Browser, Locator, Page

from browsing import PHONE, SCREEN, opened
from drawn_reports import DrawnReport
from finished_runs import RANDOM, matrices
from streetseg.comparison.compare import compare_runs
from streetseg.labels.tables import STREET_11
from streetseg.recipe.schema import Recipe
from streetseg.report.report import write_report

WriteRun = Callable[..., Path]
A4_WITHOUT_MARGINS = 688  # CSS pixels
ROUNDING = 1e-4  # a browser places boxes at whole 64ths of a pixel
OPEN = "all => all.forEach((details) => { details.open = true; })"
LOOK = """mark => {
  const style = getComputedStyle(mark);
  return [mark.getAttribute("d"), style.fill, style.stroke, style.color, style.backgroundColor].join();
}"""
# The border of a slider, and the boxes of the visible class names of either side, as shares of the image.
TAGS = """slider => {
  const frame = slider.parentElement, whole = frame.getBoundingClientRect();
  const share = (box) => [(box.left - whole.left) / whole.width, (box.top - whole.top) / whole.height,
    (box.right - whole.left) / whole.width, (box.bottom - whole.top) / whole.height];
  const visible = (tag) => getComputedStyle(tag).visibility === "visible";
  const shown = (side) => [...side.querySelectorAll(".tag")].filter(visible);
  return [slider.value / 100,
    [...frame.querySelectorAll(".view")].map((side) => shown(side).map((tag) => share(tag.getBoundingClientRect())))];
}"""
MEAN_COLOR = """image => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data.join();
}"""
TEXT_SIZE = (
    "text => parseFloat(getComputedStyle(text).fontSize) * Math.hypot(text.getScreenCTM().a, text.getScreenCTM().b)"
)


@pytest.fixture
def report_of_street_11(write_run: WriteRun, tmp_path: Path) -> Path:
    """Write a report of one run on the 11 classes of street-11."""
    counts = matrices(0.8, classes=STREET_11.num_classes)
    run = write_run("a", counts=counts, classes=STREET_11.names, colors=STREET_11.colors)
    return write_report(compare_runs([run]), tmp_path / "out")


def test_the_resolved_recipe_has_one_line_for_each_value(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn()) as (page, _):
        page.locator("details").evaluate_all(OPEN)
        shown = page.locator("#method pre").last.inner_text()
        assert "\\n" not in shown
        recipe = Recipe.model_validate(yaml.safe_load(shown))
        assert recipe.model.encoder == "resnext50_32x4d"
        assert len(shown.splitlines()) > 40


@pytest.mark.parametrize("classes", [3, 11, 19])
def test_a_confusion_matrix_is_whole_on_a_screen(browser: Browser, drawn: DrawnReport, classes: int) -> None:
    with opened(browser, drawn(classes=classes)) as (page, _):
        for frame in page.locator("#confusion .scroll").all():
            assert frame.evaluate("frame => frame.scrollWidth - frame.clientWidth") == 0
            svg, names = frame.locator("svg").bounding_box(), frame.locator("svg text")
            assert svg
            for name in names.all():
                box = name.bounding_box()
                assert box
                assert box["x"] >= svg["x"] - 1
                assert box["x"] + box["width"] <= svg["x"] + svg["width"] + 1
                assert box["y"] >= svg["y"] - 1
            assert names.all_text_contents().count("vulnerable road user") == 2  # no name is cut
            assert names.first.evaluate(TEXT_SIZE) <= 12.5


@pytest.fixture(scope="module")
def browser_with_bars(browser: Browser, chromium: str) -> Iterator[Browser]:
    """Yield a second Chromium, which draws scroll bars as that of a person does; Playwright hides them by default."""
    started = browser.browser_type.launch(
        executable_path=chromium, args=["--no-sandbox", "--disable-gpu"], ignore_default_args=["--hide-scrollbars"]
    )
    yield started
    started.close()


def test_a_matrix_too_wide_for_a_phone_scrolls_with_a_visible_bar(
    browser_with_bars: Browser, drawn: DrawnReport
) -> None:
    with opened(browser_with_bars, drawn(classes=19), PHONE) as (page, _):
        frame = page.locator("#confusion .scroll").first
        assert frame.evaluate("frame => frame.scrollWidth > frame.clientWidth")
        assert frame.evaluate("frame => frame.offsetHeight - frame.clientHeight") == 8
        frame.focus()
        assert frame.evaluate("frame => document.activeElement === frame")


def colors(marks: Locator) -> list[str]:
    return marks.evaluate_all("all => all.map((mark) => getComputedStyle(mark).fill)")


def test_a_difference_has_the_color_of_the_better_encoder_in_every_chart(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn(encoders=3)) as (page, _):
        page.locator("details").evaluate_all(OPEN)
        best = colors(page.locator(".key .marker").first)
        head = page.locator(".evidence figure").nth(1)
        assert colors(head.locator(".marker")) == best * 2
        assert set(colors(page.locator("#classes details").first.locator("figure .marker"))) == set(best)
        captions = page.locator("figcaption", has_text="A colored marker").all_inner_texts()
        assert len(captions) >= 3
        assert len(set(captions)) == 1


def test_twelve_encoders_have_twelve_markers_and_badges(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn(encoders=12)) as (page, _):
        key = page.locator("#classes .key")
        looks = [
            key.locator(f"li:nth-child({k}) {part}").evaluate(LOOK)
            for part in (".marker", ".badge")
            for k in range(1, 13)
        ]
        assert len(set(looks[:12])) == len(set(looks[12:])) == 12
        shapes = key.locator(".marker").evaluate_all("all => all.map((mark) => mark.getAttribute('d'))")
        assert len(set(shapes)) == 12  # so color is not the only distinction
        curves = page.locator("#learning .learning").evaluate_all(
            "all => all.map((one) => { const line = getComputedStyle(one.querySelector('.line:not(.train)'));"
            " return line.stroke + line.strokeDasharray; })"
        )
        assert len(set(curves)) == 12


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_epoch_is_drawn_as_points_and_no_other_is_invented(
    browser: Browser, drawn: DrawnReport, seeds: int
) -> None:
    with opened(browser, drawn(seeds=seeds, progress=(1.0,))) as (page, _):
        assert page.locator("#learning svg").count() == 6
        for chart in page.locator("#learning svg").all():
            words = chart.locator("text").all_text_contents()
            assert words[words.index("epoch") - 1] == "1"
            assert words.count("1") == 1 or "loss" in words
            assert "2" not in words[-4:]
            for split in (".dot.train", ".dot:not(.train)"):
                assert chart.locator(f"{split}:visible:not(.seed)").count() == 1
                assert chart.locator(f"{split}:visible.seed").count() == (seeds if seeds > 1 else 0)


@pytest.mark.parametrize("classes", [3, 11, 19])
def test_on_a_phone_the_page_does_not_scroll_sideways_and_names_stay_in_their_column(
    browser: Browser, drawn: DrawnReport, classes: int
) -> None:
    with opened(browser, drawn(encoders=3, classes=classes), PHONE) as (page, _):
        page.locator("details").evaluate_all(OPEN)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
        for table in page.locator("table").all():
            names, figures = table.evaluate(
                """table => ["tbody th .name", "tbody th + td"].map((part) => [...table.querySelectorAll(part)].map(
                     (cell) => {
                       const words = document.createRange();
                       words.selectNodeContents(cell);
                       return words.getBoundingClientRect();
                     }).map((box) => [box.left, box.right]))"""
            )
            assert max(right for _, right in names) < min(left for left, _ in figures)
            assert max(right for _, right in names) < PHONE * 0.4


def test_a_scrolled_table_keeps_the_heading_of_its_names(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn(), PHONE) as (page, _):
        table = page.locator("#scores .scroll").first
        table.evaluate("table => { table.scrollLeft = 200; }")
        heading, name = (table.locator(f"{part} th").first.bounding_box() for part in ("thead", "tbody"))
        assert heading
        assert name
        assert heading["x"] == name["x"]


def test_a_matrix_of_11_short_names_fits_a_phone(browser: Browser, report_of_street_11: Path) -> None:
    with opened(browser, report_of_street_11, PHONE) as (page, _):
        frame = page.locator("#confusion .scroll").first
        assert frame.evaluate("frame => frame.scrollWidth - frame.clientWidth") == 0
        sizes = [text.evaluate(TEXT_SIZE) for text in frame.locator("text").all()]
        assert min(sizes) >= 8.5


@pytest.mark.parametrize("width", [PHONE, SCREEN])
@pytest.mark.parametrize("classes", [3, 11])
def test_names_on_images_neither_overlap_nor_are_cut(
    browser: Browser, drawn: DrawnReport, width: int, classes: int
) -> None:
    with opened(browser, drawn(classes=classes), width) as (page, troubles):
        slider = page.locator(".stage input").first
        slider.focus()
        seen = 0
        for _ in range(20):
            border, sides = slider.evaluate(TAGS)
            for boxes in sides:
                seen += len(boxes)
                for k, (left, top, right, bottom) in enumerate(boxes):
                    assert min(left, top, 1 - right, 1 - bottom) >= 0
                    assert right - ROUNDING <= border or border <= left + ROUNDING
                    assert not any(
                        other[0] < right and left < other[2] and top < other[3] and other[1] < bottom
                        for other in boxes[:k]
                    )
            page.keyboard.press("ArrowLeft")
            page.keyboard.press("ArrowLeft")
        assert seen > 0
        assert troubles == []


def test_each_pattern_of_the_maps_has_one_meaning(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn()) as (page, _):
        legend = page.locator("#images .legend").nth(1)
        meanings = {item.inner_text(): item.locator("img").evaluate(MEAN_COLOR) for item in legend.locator("li").all()}
        assert list(meanings) == [
            "correct: the image in dim gray", "incorrect; where two are compared: both incorrect",
            "A correct, B incorrect", "B correct, A incorrect", "not labeled, not counted",
        ]  # fmt: skip
        assert len(set(meanings.values())) == 5


def test_the_reason_for_random_weights_is_said_once(browser: Browser, write_run: WriteRun, tmp_path: Path) -> None:
    reason = "random weights, because the pretrained weights of {} cannot be fetched (Name or service not known)"
    runs = [
        write_run(name, encoder=name, counts=matrices(quality), start={**RANDOM, "text": reason.format(name)})
        for name, quality in (("one", 0.9), ("two", 0.8), ("three", 0.7))
    ]
    with opened(browser, write_report(compare_runs(runs), tmp_path / "out")) as (page, _):
        page.locator("details").evaluate_all(OPEN)
        text = page.locator("body").inner_text()
        assert text.count("service not known") == 1
        assert reason.format("one, two and three") in page.locator("#method .facts").inner_text()
        assert page.locator("#scores .start").all_inner_texts() == ["random weights"] * 3


def test_on_paper_headings_stay_with_their_content_and_nothing_is_cut(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn(classes=19), width=A4_WITHOUT_MARGINS) as (page, _):
        page.emulate_media(media="print")
        page.locator("details").evaluate_all(OPEN)
        assert page.evaluate("document.documentElement.scrollWidth") <= A4_WITHOUT_MARGINS
        for frame in page.locator("pre, .scroll").all():
            assert frame.evaluate("frame => frame.scrollWidth - frame.clientWidth") <= 0
        for heading in page.locator("section > header, h2, h3, caption, summary").all():
            assert heading.evaluate("heading => getComputedStyle(heading).breakAfter") == "avoid"
        for part in ("section > header", "summary", "figure", ".exhibit", ".matrices > div", "#scores .scroll"):
            assert page.locator(part).first.evaluate("part => getComputedStyle(part).breakInside") == "avoid"
        # Only blocks keep a heading with what follows.
        assert page.locator("section").first.evaluate("section => getComputedStyle(section).display") == "block"


def test_intervals_beside_adjusted_verdicts_are_said_to_be_unadjusted(browser: Browser, drawn: DrawnReport) -> None:
    for encoders in (2, 3):
        with opened(browser, drawn(encoders=encoders)) as (page, _):
            page.locator("details").evaluate_all(OPEN)
            head = page.locator(".evidence figcaption").inner_text()
            assert ("the interval is not adjusted" in head) == (encoders > 2)  # one comparison needs no adjustment
            assert "the interval is not adjusted" in page.locator("#classes .wide figcaption").first.inner_text()
            headings = page.locator("#classes details table").first.locator("thead th").all_inner_texts()
            assert "95 % interval,\nnot adjusted" in headings


def test_what_limits_the_comparison_is_read_first(browser: Browser, write_run: WriteRun, tmp_path: Path) -> None:
    rising = write_run("a", counts=matrices(0.8), progress=(0.5, 1.0))
    other = write_run("b", encoder="resnet50", counts=matrices(0.7), precision="bf16")
    with opened(browser, write_report(compare_runs([rising, other]), tmp_path / "out")) as (page, _):
        care = page.locator(".care").inner_text()
        assert "still improving at its last epoch" in care
        assert "not all trained in the same precision" in care


def test_no_folder_of_the_machine_is_in_the_report(
    browser: Browser, write_run: WriteRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = "/home/someone"
    reason = (
        f"random weights, because the file {home}/cache/one.safetensors cannot be read, see https://example.org/a/b"
    )
    run = write_run(
        "a",
        start={**RANDOM, "text": reason},
        protocol={"dataset": f"folder:{home}/my data/own.yaml"},
        recipe={
            "data": {
                "source": f"folder:{home}/my data/own.yaml",
                "splits": {"val": f"{home}/val.txt"},
                "exclude": f"{home}/left out.txt",
            },
            "model": {"weights": f"{home}/one.safetensors"},
        },
    )
    environment = json.loads((run / "environment.json").read_text())
    environment["command"] = [
        f"{home}/bin/streetseg",
        "train",
        f"folder:{home}/my data/own.yaml",
        f"--out={home}/runs/a",
    ]
    environment["precision"]["why"] = f"measured, see {home}/log.txt"
    (run / "environment.json").write_text(json.dumps(environment))

    def unreadable(*_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", f"{home}/my data/images/1.png")

    monkeypatch.setattr("streetseg.report.gallery.open_source", unreadable)
    path = write_report(compare_runs([run]), tmp_path / "out")
    assert "someone" not in path.read_text(encoding="utf-8")
    with opened(browser, path) as (page, _):
        page.locator("details").evaluate_all(OPEN)
        text = page.locator("body").inner_text()
        for said in (
            "the file one.safetensors cannot be read, see https://example.org/a/b", "see log.txt",
            "No such file or directory: 1.png", "streetseg train folder:own.yaml --out=a", "exclude: left out.txt",
        ):  # fmt: skip
            assert said in text


@pytest.mark.parametrize("encoders", [1, 3])
def test_the_gallery_opens_with_the_photograph_and_the_best_prediction(
    browser: Browser, drawn: DrawnReport, encoders: int
) -> None:
    with opened(browser, drawn(encoders=encoders)) as (page, _):
        chosen = page.locator(".stage").first.locator("select option:checked").all_inner_texts()
        assert chosen == ["Image", "A predicts"]


def test_values_are_shown_on_hover_and_on_focus(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn()) as (page, troubles):
        tip, chart = page.locator(".tip"), page.locator("#learning svg").first
        assert tip.is_hidden()
        chart.locator("[data-tip]").nth(1).scroll_into_view_if_needed()
        chart.locator(".spot").nth(1).hover(force=True)
        assert tip.inner_text().startswith("epoch 2: validation 1.1, training 1")
        page.mouse.move(0, 0)
        assert tip.is_hidden()

        page.locator(".contents a").last.focus()
        page.locator("#classes .key").scroll_into_view_if_needed()
        chart = page.locator("#classes .wide svg").first
        chart.focus()
        page.keyboard.press("ArrowDown")
        expected = re.fullmatch(r"drivable surface, B: \d\d\.\d \[\d\d\.\d, \d\d\.\d\]", tip.inner_text())
        assert expected
        page.keyboard.press("Escape")
        assert tip.is_hidden()
        page.keyboard.press("ArrowLeft")
        assert ", A: " in tip.inner_text()
        page.keyboard.press("Tab")
        assert not page.locator(".tip", has_text=", A: ").is_visible()
        assert troubles == []


def test_the_confidence_has_diagrams_and_tables_that_fit_a_phone(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn(encoders=2), PHONE) as (page, troubles):
        section = page.locator("#confidence")
        assert section.locator("svg.chart").count() == 2 + 1 + 2  # two diagrams, the curves, the key
        cells = section.locator("tbody tr").first.locator("td").all_inner_texts()
        assert cells == ["1.4", "12.4", "3.1", "3.2"]
        assert "10,500 pixels" in section.inner_text()
        dot = section.locator("svg.chart").first.locator("[data-tip]").last
        dot.scroll_into_view_if_needed()
        dot.hover(force=True)
        assert page.locator(".tip").inner_text() == "after: 13.3 % of pixels, 96.7 % sure, 96.7 % correct"
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
        assert page.locator(".contents a", has_text="Confidence").count() == 1
        assert troubles == []


def test_a_value_at_the_edge_of_a_phone_does_not_widen_the_page(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn(classes=11), PHONE) as (page, _):
        cell = page.locator("#confusion svg").first.locator("[data-tip]").first
        cell.scroll_into_view_if_needed()
        cell.hover()
        assert page.locator(".tip").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE


def test_tables_are_copied_as_csv_markdown_and_latex(browser: Browser, write_run: WriteRun, tmp_path: Path) -> None:
    run = write_run("a", counts=matrices(0.8), classes=("=SUM(1)", 'a "b" | c_d', "100 % & more"))
    comparison = compare_runs([run])
    with opened(browser, write_report(comparison, tmp_path / "out")) as (page, troubles):
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        classes = page.locator("#classes details").last
        copied = {}
        for name in ("CSV", "Markdown", "LaTeX"):
            classes.get_by_role("button", name=name).click()
            classes.get_by_text("copied").wait_for()
            copied[name] = page.evaluate("navigator.clipboard.readText()")

        protocol, *lines = copied["CSV"].splitlines()
        rows = list(csv.reader(lines))
        assert protocol.startswith("# Scores of each class; mobilenetv2_100. streetseg: ")
        assert "val split; 24 images; label space toy" in protocol
        assert next(csv.reader([protocol])) == [protocol]  # one cell
        assert rows[0][:6] == ["Class", "IoU", "IoU, low", "IoU, high", "F1 = Dice", "F1 = Dice, low"]
        assert rows[0][-1] == "share of pixels"
        assert [row[0] for row in rows[1:]] == ["'=SUM(1)", 'a "b" | c_d', "100 % & more"]
        (group,) = comparison.groups
        exact = [group.scores.iou[1], *group.intervals.per_class["iou"][1]]
        assert [float(cell) for cell in rows[2][1:4]] == pytest.approx([100 * value for value in exact], abs=1e-7)

        value = page.locator("#classes tbody td").first.inner_text().replace("\n", " [").replace("\xa0", " ") + "]"
        lines = copied["Markdown"].splitlines()
        assert lines[1] == "| --- |" + " --: |" * 7
        assert lines[3].startswith('| a "b" \\| c\\_d | ')
        assert markdown_plain(lines[2]).split(" | ")[1] == value
        assert len(lines) == 7
        assert "val split" in lines[6]

        protocol, *lines = copied["LaTeX"].splitlines()
        assert protocol.startswith("% Scores of each class")
        assert lines[0] == "\\begin{tabular}{lrrrrrrr}"
        assert lines[4].startswith("100 \\% \\& more & ")
        assert lines[3].endswith(" \\\\")
        assert troubles == []


def markdown_plain(line: str) -> str:
    return re.sub(r"\\(.)", r"\1", line)


def saved(page: Page, link: Locator) -> tuple[str, bytes]:
    """Click a link and return name and content of the file that it saves."""
    with page.expect_download() as waiting:
        link.click()
    return waiting.value.suggested_filename, waiting.value.path().read_bytes()


def test_tables_are_saved_as_files_with_all_digits(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn(encoders=3)) as (page, troubles):
        page.locator("details").evaluate_all(OPEN)
        take = page.locator("#cost .scroll + .take").first
        name, content = saved(page, take.get_by_role("link", name="CSV"))
        protocol, *lines = content.decode().splitlines()
        assert name == "table-of-costs.csv"
        assert "one image of 48×64" in protocol
        rows = list(csv.DictReader(lines))
        assert [row["latency, ms 95th percentile"] for row in rows] == ["48", "60", "72"]
        assert [row["images a second"] for row in rows] == ["25", "20", "16.66666667"]
        for format_, end in (("Markdown", ".md"), ("LaTeX", ".tex")):
            name, content = saved(page, take.get_by_role("link", name=format_))
            assert name == f"table-of-costs{end}"
            assert "resnet50" in content.decode()
        _, content = saved(page, page.locator("#classes details .scroll + .take").first.get_by_role("link", name="CSV"))
        head = next(csv.reader(content.decode().splitlines()[1:]))
        assert head[2:4] == ["95 % interval, not adjusted, low", "95 % interval, not adjusted, high"]
        for table in page.locator("table").all():  # every table has both
            take = table.locator("xpath=../following-sibling::*[1]")
            assert take.get_by_role("button").all_inner_texts() == ["CSV", "Markdown", "LaTeX"]
            assert take.get_by_role("link").all_inner_texts() == ["CSV", "Markdown", "LaTeX"]
        assert troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_are_saved_as_svg_and_png(browser: Browser, drawn: DrawnReport, scheme: str) -> None:
    with opened(browser, drawn(), scheme=scheme) as (page, troubles):
        first = page.locator(".evidence figure").first
        name, content = saved(page, first.get_by_role("link", name="SVG"))
        assert name == "mean-iou-with-interval.svg"
        root = ElementTree.fromstring(content)
        assert root.attrib["viewBox"].split()[2:] == [root.attrib["width"], root.attrib["height"]]
        assert "A  mobilenetv2_100" in [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
        assert any("--paper" in (style.text or "") for style in root.iter("{http://www.w3.org/2000/svg}style"))

        name, content = saved(page, first.get_by_role("link", name="PNG"))
        image = Image.open(io.BytesIO(content)).convert("RGB")
        assert name == "mean-iou-with-interval.png"
        assert image.size == tuple(2 * int(float(root.attrib[side])) for side in ("width", "height"))
        shades = {color for _, color in image.getcolors(1 << 20) or []}
        assert image.getpixel((0, 0)) == (0xFB, 0xFA, 0xF6)  # light in the dark, too
        assert (0x1F, 0x5F, 0xA8) in shades  # the marker of A

        for chart in page.locator("figure svg.chart:visible").all():
            take = chart.locator(
                "xpath=ancestor-or-self::*[following-sibling::p[@class='take']][1]/following-sibling::p"
            )
            assert take.first.get_by_role("link").all_inner_texts() == ["SVG", "PNG"]
        assert troubles == []


def test_tables_sort_by_a_click_or_a_key_and_come_back(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn(encoders=3)) as (page, troubles):
        table = page.locator("#cost table")
        names = table.locator("tbody th .name > span:last-child")
        original = names.all_inner_texts()
        latency = table.get_by_role("columnheader", name="latency, ms median")
        assert not latency.get_attribute("aria-sort")
        latency.get_by_role("button").click()
        assert latency.get_attribute("aria-sort") == "ascending"
        assert names.all_inner_texts() == original  # the latency grows with the rank
        page.keyboard.press("Enter")
        assert latency.get_attribute("aria-sort") == "descending"
        assert names.all_inner_texts() == original[::-1]
        page.keyboard.press("Space")
        assert latency.get_attribute("aria-sort") is None
        assert names.all_inner_texts() == original

        table.get_by_role("columnheader", name="Encoder").get_by_role("button").click()
        assert names.all_inner_texts() == sorted(original)
        table.get_by_role("columnheader", name="mean IoU").get_by_role("button").click()
        assert table.locator("th[aria-sort]").count() == 1
        assert names.all_inner_texts() == original[::-1]
        assert troubles == []


def test_missing_values_are_sorted_last_and_numbers_as_numbers(
    browser: Browser, write_run: WriteRun, tmp_path: Path
) -> None:
    counts = matrices(0.8, classes=4)
    counts[:, 1], counts[:, :, 1] = 0, 0  # a class that is nowhere
    counts[:, 3] *= 12  # a share of the pixels that begins with a higher digit, and one with a lower
    run = write_run(
        "a", counts=counts, classes=("one", "gone", "two", "three"), colors=((0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3))
    )
    with opened(browser, write_report(compare_runs([run]), tmp_path / "out")) as (page, _):
        table = page.locator("#classes details table").last
        names = table.locator("tbody .name")
        iou = table.get_by_role("button", name="IoU")
        for _ in range(2):
            iou.click()
            assert names.all_inner_texts()[-1] == "gone"
        table.get_by_role("button", name="share of pixels").click()
        shares = [float(cell) for cell in table.locator("tbody tr td:last-child").all_inner_texts()]
        assert shares == sorted(shares)
        assert len({len(str(share)) for share in shares}) > 1

    with opened(browser, write_report(compare_runs([run]), tmp_path / "none"), script=False) as (page, _):
        assert page.locator("thead button").count() == 0  # nothing that does nothing


def test_the_parts_of_each_network_add_up_to_its_cost(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn(encoders=2)) as (page, _):
        networks = page.locator("#network details")
        assert networks.locator("summary").all_inner_texts() == ["Amobilenetv2_100", "Bresnext50_32x4d"]
        assert networks.evaluate_all("all => all.every((one) => one.open)")
        table = networks.first.locator("table")
        assert table.locator("tbody tr").first.inner_text().replace("\n", "").split("\t") == [
            "encoder, stage 1", "16", "24×32", "600\xa0000", "1 300", "pretrained",
        ]  # fmt: skip
        assert table.locator("tbody td:last-child").all_inner_texts() == [
            "pretrained",
            "pretrained",
            "random",
            "random",
        ]
        for column, cost in ((3, 6.6), (4, 8300.0)):
            cells = table.locator(f"td:nth-child({column + 1})").evaluate_all(
                "all => all.map((cell) => +cell.dataset.value)"
            )
            *parts, whole = cells
            assert sum(parts) == whole == pytest.approx(cost * (1e6 if column == 3 else 1))
        table.get_by_role("button", name="parameters").click()
        assert table.locator("tbody th").first.inner_text() == "head, logits"
        assert table.locator("tr").last.inner_text().startswith("whole network")
    with opened(browser, drawn(encoders=3)) as (page, _):
        assert page.locator("#network details[open]").count() == 0


def test_parts_that_an_earlier_version_did_not_count_are_said_to_be_missing(
    browser: Browser, write_run: WriteRun, tmp_path: Path
) -> None:
    run = write_run("a")
    cost = json.loads((run / "cost.json").read_text())
    del cost["parts"]
    (run / "cost.json").write_text(json.dumps(cost))
    with opened(browser, write_report(compare_runs([run]), tmp_path / "out")) as (page, _):
        assert "an earlier version of streetseg trained it" in page.locator("#network").inner_text()
        assert page.locator("#network table").count() == 0


def test_the_files_of_the_runs_are_linked_where_they_lie_beside_the_report(
    browser: Browser, write_run: WriteRun, tmp_path: Path
) -> None:
    run = write_run("a # 1")
    (run / "model_card.md").write_text("# Card")
    (run / "evaluation" / "per_class.csv").write_text("class,iou")
    for out, linked in ((tmp_path, ["model card", "epochs", "classes"]), (tmp_path / "elsewhere", [])):
        path = write_report(compare_runs([run]), out)
        with opened(browser, path) as (page, _):
            links = page.locator("#method td a")
            assert links.all_inner_texts() == linked
            for link in links.all():
                assert Path(unquote(link.evaluate("link => new URL(link.href).pathname"))).is_file()


def test_scores_of_each_class_and_image_are_linked_where_they_lie_beside_the_report(
    browser: Browser, write_run: WriteRun, tmp_path: Path
) -> None:
    runs = [write_run(name, encoder=name, counts=matrices(quality)) for name, quality in (("one", 0.9), ("two", 0.8))]
    (runs[1] / "evaluation" / "per_image.csv").write_text("image,iou")
    with opened(browser, write_report(compare_runs(runs), tmp_path)) as (page, _):
        link = page.locator("#scores .note a")
        assert link.all_inner_texts() == ["Bseed 0"]
        assert link.get_attribute("href") == "runs/two/evaluation/per_image.csv"
        assert (tmp_path / "runs/two/evaluation/per_image.csv").is_file()
        assert page.locator("#classes .note a").count() == 0


def test_the_initial_weights_are_said_where_they_matter_and_not_after_each_name(
    browser: Browser, write_run: WriteRun, tmp_path: Path
) -> None:
    runs = [
        write_run(name, encoder=name, counts=matrices(quality), start=RANDOM)
        for name, quality in (("one", 0.9), ("two", 0.8), ("three", 0.7))
    ]
    with opened(browser, write_report(compare_runs(runs), tmp_path / "out")) as (page, _):
        page.locator("details").evaluate_all(OPEN)
        assert "one (random weights)" in page.locator("h1").inner_text().replace("\xa0", " ")
        assert "(random weights)" not in page.locator(".lede").inner_text() + page.locator("main").inner_text()
        assert page.locator("#scores .start").all_inner_texts() == ["random weights"] * 3

    same = [write_run("x", counts=matrices(0.9)), write_run("y", counts=matrices(0.8), start=RANDOM)]
    with opened(browser, write_report(compare_runs(same), tmp_path / "same")) as (page, _):
        names = page.locator("#cost tbody .name > span:last-child").all_inner_texts()
        assert names == ["mobilenetv2_100 (ImageNet)", "mobilenetv2_100 (random weights)"]
