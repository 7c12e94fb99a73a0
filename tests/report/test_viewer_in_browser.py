"""The viewer of the report, the choice of encoders and classes, and the bar of contents, in a real browser."""

import pytest
from playwright.sync_api import Browser, Page, expect

from browsing import CONTRAST, PHONE, SCREEN, opened
from drawn_reports import IMAGES, DrawnReport

OPEN = "all => all.forEach((details) => { details.open = true; })"
# Zoom and place of the image in the viewer.
PLACE = """sheet => {
  const matrix = new DOMMatrix(getComputedStyle(sheet).transform);
  return [matrix.a, matrix.e, matrix.f].map((value) => Math.round(value * 100) / 100);
}"""
# The different colors of the map, without those that let the photograph through.
COLORS = """canvas => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d"), seen = new Set();
  copy.drawImage(canvas, 0, 0);
  const pixels = copy.getImageData(0, 0, canvas.width, canvas.height).data;
  for (let at = 0; at < pixels.length; at += 4) if (pixels[at + 3]) seen.add([...pixels.slice(at, at + 3)].join(" "));
  return [...seen].sort();
}"""
# The share of pixels of the map that are not transparent.
COVERED = """canvas => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
  copy.drawImage(canvas, 0, 0);
  const pixels = copy.getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.filter((_, at) => at % 4 === 3).reduce((sum, alpha) => sum + (alpha > 0), 0) * 4 / pixels.length;
}"""


def open_viewer(page: Page, tile: int = 0) -> None:
    """Open an image of the list and wait until its map is painted."""
    page.locator(".tiles .opens").nth(tile).click()
    page.locator(".viewer[open]").wait_for()
    painted(page)


def wait_for(page: Page, condition: str) -> None:
    """Wait until a condition in JavaScript holds. Playwright's own waiting needs eval, which the page forbids."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


def painted(page: Page) -> None:
    """Wait until the map over the image is painted."""
    wait_for(page, f"({COVERED})(document.querySelector('.viewer canvas')) > 0")


def choose_map(page: Page, title: str) -> None:
    """Choose what lies over the image, and wait until it is painted."""
    page.get_by_label("Map over it").select_option(label=title)
    page.locator(f".viewer canvas[aria-label='{title}']").wait_for()


def names(page: Page) -> list[str]:
    """Return the names of the images in the list."""
    return page.locator(".tiles .name").all_text_contents()


@pytest.mark.parametrize("width", [PHONE, SCREEN])
def test_an_image_opens_large_and_the_keys_go_on_zoom_and_close(
    browser: Browser, drawn: DrawnReport, width: int
) -> None:
    with opened(browser, drawn(), width) as (page, troubles):
        opener, listed = page.locator(".tiles .opens").nth(1), names(page)
        opener.focus()
        page.keyboard.press("Enter")
        dialog, caption, sheet = (page.locator(part) for part in (".viewer", ".viewer .caption", ".viewer .sheet"))
        dialog.wait_for()
        box = sheet.bounding_box()
        assert box
        assert box["width"] > 0.85 * width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        said = caption.inner_text()
        assert said.startswith(f"{listed[1]} (2 of {IMAGES}) mean IoU, %:")
        assert said.split(":")[1].split()[::2] == ["A", "B"]

        page.keyboard.press("ArrowRight")
        assert caption.inner_text().startswith(listed[2])
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")  # from the first to the last
        assert caption.inner_text().startswith(listed[-1])
        dialog.get_by_role("button", name="next image").click()
        assert caption.inner_text().startswith(listed[0])

        page.keyboard.press("+")
        assert sheet.evaluate(PLACE)[0] == 1.5
        page.keyboard.press("-")
        assert sheet.evaluate(PLACE) == [1, 0, 0]
        page.keyboard.press("+")
        page.keyboard.press("Shift+ArrowRight")
        assert sheet.evaluate(PLACE)[1] < 0
        page.keyboard.press("0")
        assert sheet.evaluate(PLACE) == [1, 0, 0]

        page.keyboard.press("Escape")
        assert not dialog.is_visible()
        assert opener.evaluate("opener => document.activeElement === opener")
        assert troubles == []


def test_the_wheel_zooms_at_the_pointer_and_dragging_moves_the_image(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn()) as (page, troubles):
        open_viewer(page)
        sheet, box = page.locator(".viewer .sheet"), page.locator(".viewer .zoomed").bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 4, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.wheel(0, -100)
        wait_for(page, f"({PLACE})(document.querySelector('.viewer .sheet'))[0] > 1")
        scale, left, _ = sheet.evaluate(PLACE)
        assert scale == 1.2
        assert left == pytest.approx(0.2 * box["width"] / 4, abs=1)  # the point under the pointer stays
        page.mouse.down()
        page.mouse.move(x - 30, y, steps=3)
        page.mouse.up()
        assert sheet.evaluate(PLACE)[1] == pytest.approx(left - 30, abs=1)
        page.get_by_role("button", name="whole image").click()
        assert sheet.evaluate(PLACE) == [1, 0, 0]
        page.get_by_role("button", name="zoom out").click()
        assert sheet.evaluate(PLACE) == [1, 0, 0]
        assert troubles == []


def test_a_small_image_opens_with_its_own_map(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn(encoders=3)) as (page, troubles):
        exhibit = page.locator(".exhibit").first
        titles = exhibit.locator(".small figcaption").all_inner_texts()
        chosen = page.locator(".viewer select option:checked")
        for place, title in enumerate(titles):
            exhibit.locator(".small .opens").nth(place).click()
            assert chosen.inner_text() == ("Only the photograph" if title == "Image" else title)
            page.keyboard.press("Escape")
        assert troubles == []


def test_a_map_lies_over_the_photograph_with_the_opacity_chosen(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn()) as (page, troubles):
        open_viewer(page)
        canvas, slider = page.locator(".viewer canvas"), page.get_by_label("Opacity of the map")
        choose_map(page, "Ground truth")
        legend = page.evaluate("DATA.classes.map(({ color }) => color.join(' '))")
        assert set(canvas.evaluate(COLORS)) <= set(legend)
        assert canvas.evaluate(COVERED) == 1
        assert canvas.evaluate("canvas => canvas.style.opacity") == "0.6"
        slider.focus()
        page.keyboard.press("Home")
        assert canvas.evaluate("canvas => canvas.style.opacity") == "0"
        page.keyboard.press("ArrowRight")  # moves the slider, not the list
        assert canvas.evaluate("canvas => canvas.style.opacity") == "0.01"
        assert f"(1 of {IMAGES})" in page.locator(".viewer .caption").inner_text()

        choose_map(page, "A correct or incorrect")
        incorrect = canvas.evaluate(COVERED)
        assert 0 < incorrect < 0.8  # a correct pixel shows the photograph
        assert canvas.evaluate(COLORS) == ["213 94 0", "75 33 0"]
        choose_map(page, "A against B")
        assert "240 228 66" in canvas.evaluate(COLORS)
        assert canvas.evaluate(COVERED) > incorrect
        page.get_by_label("Map over it").select_option(label="Only the photograph")
        assert not canvas.is_visible()
        assert slider.is_disabled()
        assert troubles == []


def test_all_images_are_sorted_by_iou_and_filtered_by_class(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn()) as (page, troubles):
        scores = page.evaluate("DATA.images.map(({ name, scores }) => [name, (+scores[0] + +scores[1]) / 2])")
        worst_first = [name for name, _ in sorted(scores, key=lambda one: one[1])]
        assert len(worst_first) == IMAGES
        assert names(page) == worst_first
        page.locator("#all-images").get_by_label("Order").select_option(label="the best first")
        assert names(page) == worst_first[::-1]

        # The last class is only in the first image.
        page.locator("#all-images").get_by_label("Class").select_option(label="vulnerable road user")
        assert names(page) == [scores[0][0]]
        assert page.locator("#all-images output").inner_text() == "1 image with vulnerable road user, sorted by its IoU"
        open_viewer(page)
        assert "IoU of vulnerable road user, %:" in page.locator(".viewer .caption").inner_text()
        page.keyboard.press("Escape")

        page.locator("#all-images").get_by_label("Class").select_option(label="drivable surface")
        of_class = page.evaluate(
            "DATA.images.map(({ name, class_scores: [a, b] }) => [name, a[0] + b[0]]).sort((a, b) => b[1] - a[1])"
        )
        assert names(page) == [name for name, _ in of_class]
        assert troubles == []


def test_images_of_the_list_are_decoded_when_they_come_near(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn()) as (page, _):
        assert page.locator(".tiles img").count() == 0
        page.locator("#all-images").scroll_into_view_if_needed()
        expect(page.locator(".tiles img")).to_have_count(IMAGES)
        assert page.locator(".tiles img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


def test_classes_are_switched_off_in_charts_tables_and_over_the_image(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn()) as (page, troubles):
        page.locator("details").evaluate_all(OPEN)
        chart, table = page.locator("#classes .wide svg").first, page.locator("#classes details table").last
        page.get_by_role("button", name="Encoders and classes").click()
        panel = page.locator(".panel")
        panel.get_by_label("everything else", exact=True).uncheck()
        assert chart.get_by_text("everything else", exact=True).is_hidden()
        assert chart.get_by_text("drivable surface").is_visible()
        assert table.get_by_text("everything else", exact=True).is_hidden()
        assert page.locator("#confusion").get_by_text("everything else").first.is_visible()  # its rows add up to 100 %
        panel.get_by_role("button", name="only drivable surface").click()
        assert table.locator("tbody tr:visible").count() == 1
        assert panel.get_by_label("drivable surface", exact=True).is_disabled()  # one stays
        page.keyboard.press("Escape")
        assert not panel.is_visible()

        open_viewer(page)
        color = page.evaluate("DATA.classes[0].color.join(' ')")
        choose_map(page, "Ground truth")
        assert page.locator(".viewer canvas").evaluate(COLORS) == [color]
        viewer = page.locator(".viewer")
        if not viewer.get_by_role("button", name="all classes").is_visible():
            viewer.locator("summary").click()
        viewer.get_by_role("button", name="all classes").click()
        wait_for(page, f"({COVERED})(document.querySelector('.viewer canvas')) === 1")
        page.keyboard.press("Escape")
        assert table.locator("tbody tr:visible").count() == 3
        assert troubles == []


def test_a_click_in_the_legend_shows_only_that_class_and_another_click_all(
    browser: Browser, drawn: DrawnReport
) -> None:
    with opened(browser, drawn()) as (page, _):
        legend, rows = page.locator("#images .legend").first, page.locator("#classes details[open] tbody tr:visible")
        item = legend.get_by_role("button", name="everything else")
        item.click()
        assert item.get_attribute("aria-pressed") == "true"
        assert rows.count() == 1
        assert legend.locator("button").count() == 3  # the legend itself stays whole
        item.click()
        assert item.get_attribute("aria-pressed") == "false"
        assert rows.count() == 3


def test_of_seven_encoders_those_chosen_are_shown_everywhere(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn(encoders=7)) as (page, troubles):
        page.locator("details").evaluate_all(OPEN)
        whole = page.evaluate("document.documentElement.scrollHeight")
        first = page.locator("#scores tbody").first.inner_text().splitlines()[0]
        page.get_by_role("button", name="Encoders and classes").click()
        panel = page.locator(".panel")
        for letter in "BCDE":
            panel.locator("li", has=page.locator(f".badge:text-is('{letter}')")).get_by_role("checkbox").uncheck()
        assert page.get_by_role("button", name="Encoders and classes (4 hidden)").is_visible()
        page.keyboard.press("Escape")

        letters = page.locator("main .badge:visible").all_text_contents()
        assert set(letters) == {"A", "F", "G"}
        assert page.locator("#learning .learning:visible").count() == 3
        assert page.locator("#confusion .matrices svg:visible").count() == 3
        assert page.locator("#scores table").first.locator("tbody tr:visible").count() == 3
        assert page.locator(".evidence .charts svg").first.locator("g[data-encoder]:visible").count() == 3
        assert page.locator("#cost figure svg").first.locator("g[data-encoder]:visible").count() == 3
        assert (
            page.locator("#classes .wide svg").first.locator("g[data-class='0'] g:visible[data-encoder]").count() == 3
        )
        titles = page.locator(".exhibit .small figcaption:visible").all_inner_texts()
        assert titles == [
            "Image", "Ground truth", "A predicts", "F predicts", "G predicts", "A correct or incorrect",
            "F correct or incorrect", "G correct or incorrect", "A against F", "A against G",
        ]  # fmt: skip
        assert page.locator(".stage select").first.locator("option:not([disabled])").count() == len(titles)
        assert page.locator("#scores tbody").first.inner_text().splitlines()[0] == first
        assert page.evaluate("document.documentElement.scrollHeight") < 0.8 * whole
        open_viewer(page)
        assert page.locator(".viewer .caption .badge").all_inner_texts() == ["A", "F", "G"]
        assert troubles == []


def test_one_encoder_stays_and_the_gallery_leaves_a_hidden_one(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn()) as (page, _):
        page.get_by_role("button", name="Encoders and classes").click()
        panel = page.locator(".panel")
        panel.get_by_role("checkbox", name="mobilenetv2_100").uncheck()
        assert panel.get_by_role("checkbox", name="resnext50_32x4d").is_disabled()
        assert page.locator(".stage select").nth(1).locator("option:checked").inner_text() == "Ground truth"
        panel.get_by_role("button", name="all encoders").click()
        assert panel.get_by_role("checkbox", name="mobilenetv2_100").is_checked()


def test_values_of_hidden_marks_are_not_shown(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn()) as (page, _):
        page.evaluate("choose('encoder', [0])")
        chart = page.locator("#classes .wide svg").first
        page.locator(".bar a").last.focus()
        chart.focus()
        page.keyboard.press("ArrowDown")
        assert ", B: " in page.locator(".tip").inner_text()


def test_contents_stay_in_reach_and_mark_the_section(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn()) as (page, _):
        for section in ("learning", "images", "method"):
            page.locator(f".bar a[href='#{section}']").click()
            page.locator(f".bar a[href='#{section}'][aria-current]").wait_for()
            box, title = page.locator(".bar").bounding_box(), page.locator(f"#{section} h2").bounding_box()
            assert box
            assert title
            assert box["y"] >= -1
            assert title["y"] >= box["y"] + box["height"]  # the bar covers no heading
        assert page.locator(".bar a[aria-current]").count() == 1


def test_on_a_phone_the_contents_are_a_menu(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn(), PHONE) as (page, _):
        menu = page.locator(".bar .menu")
        assert not page.locator(".bar a").first.is_visible()
        menu.click()
        assert menu.get_attribute("aria-expanded") == "true"
        page.locator(".bar a[href='#cost']").click()
        page.locator(".menu:text-is('Contents: Cost')").wait_for()
        assert not page.locator(".bar a").first.is_visible()
        bar = page.locator(".bar").bounding_box()
        assert bar
        assert bar["height"] < 60
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE


def test_without_scripts_the_page_is_whole(browser: Browser, drawn: DrawnReport) -> None:
    for width in (PHONE, SCREEN):
        with opened(browser, drawn(), width, script=False) as (page, troubles):
            assert page.locator(".bar a").first.is_visible()
            assert page.locator(".viewer, .panel, .tiles, .bar button").count() == 0
            assert page.locator("table.images tbody tr").count() == 24  # each scored image, the worst first
            figures = page.locator("table.images tbody tr").evaluate_all(
                "rows => rows.map((row) => +row.cells[1].textContent + +row.cells[2].textContent)"
            )
            assert figures == pytest.approx(sorted(figures), abs=0.21)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert troubles == []


def test_print_has_the_images_and_no_controls(browser: Browser, drawn: DrawnReport) -> None:
    with opened(browser, drawn()) as (page, _):
        open_viewer(page)
        page.emulate_media(media="print")
        for control in (".bar", ".viewer", ".tiles", ".take"):
            assert not page.locator(control).first.is_visible()
        assert page.locator(".exhibit .small img").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_control_has_a_name_and_its_text_is_readable(browser: Browser, drawn: DrawnReport, scheme: str) -> None:
    with opened(browser, drawn(), scheme=scheme) as (page, _):
        page.get_by_role("button", name="Encoders and classes").click()
        for part in (".panel label", ".panel button", ".bar a", ".tiles .figures", ".tiles .name"):
            assert page.evaluate(CONTRAST, page.query_selector(part)) >= 4.5, part
        page.keyboard.press("Escape")
        open_viewer(page)
        for part in (".viewer .caption", ".viewer .figures", ".viewer button", ".tools label", ".viewer select"):
            assert page.evaluate(CONTRAST, page.query_selector(part)) >= 4.5, part
        assert page.get_by_role("dialog").get_attribute("aria-labelledby") == "viewer-caption"
        named = "all => all.filter((one) => !(one.ariaLabel || one.textContent.trim() || one.labels?.length)).length"
        assert page.locator("button, select, input").evaluate_all(named) == 0
