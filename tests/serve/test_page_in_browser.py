"""The page of `streetseg serve` in a real browser, before the real server."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect

from browsing import PHONE, SCREEN, serious
from exported import SCENES, saved
from networks import tiny_network
from serving import exported_onnx, serving
from streetseg.deploy.export import export
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import LabelSpace
from streetseg.scenes.render import render
from web_page import Site, downloaded, label, mask, overlay_alpha, png, refused, visited, wait

EVIL = '"><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve two networks, and one whose classes have evil names."""
    folder = tmp_path_factory.mktemp("served")
    evil = LabelSpace("evil", (EVIL, "=1+1", "<script>alert(2)</script>"), ((200, 0, 0), (0, 150, 0), (0, 0, 200)))
    files = [exported_onnx(folder, "first"), exported_onnx(folder, "second", seed=1), folder / "evil.onnx"]
    export(saved(folder / "evil", tiny_network(space=evil, size=(48, 64)).eval()), files[2], "onnx", SCENES)
    predictors = {file.stem: Predictor.load(file, engine="onnxruntime") for file in files}
    with serving(folder, *files, "--max-megabytes", 20, "--timeout", 300) as running:
        yield Site(f"{running.url}/", predictors)


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """Open the page. Nothing on the console, no error, no dialog and no request for another host may come."""
    with visited(browser, site.url) as (page, troubles):
        yield page
        assert [trouble for trouble in troubles if "Failed to load resource" not in trouble] == []


def scene(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    return render(12, index, size)[0]


def test_labels_are_those_of_predict_for_two_models(page: Page, site: Site) -> None:
    image = scene(0, (90, 140))
    label(page, png("street.png", image))
    page.select_option("#second", "second")
    expect(page.locator("figure")).to_have_count(3)
    wait(page)
    first, second = (site.predictors[name].predict(image) for name in ("first", "second"))
    assert np.array_equal(mask(page, 0), first)
    assert np.array_equal(mask(page, 1), second)
    assert ((overlay_alpha(page, 2) == 255) == (first != second)).all()
    page.locator(".stage").first.hover(position={"x": 5, "y": 5})
    expect(page.locator("#point")).to_contain_text("; second: ")
    assert "images are sent nowhere else" in page.locator("#home").inner_text()
    assert "onnxruntime" in page.locator("#about").inner_text()


def test_shares_and_confidence_are_those_of_the_server(page: Page, site: Site) -> None:
    image = scene(1, (60, 90))
    label(page, png("street.png", image))
    predictor = site.predictors["first"]
    labels = predictor.predict(image)
    share = (labels == 3).mean()
    assert downloaded(page, "Shares")[1].decode().split("\r\n")[4] == f"3,road,{(labels == 3).sum()},{share:.6f},"
    page.locator(".stage").focus()
    page.keyboard.press("Shift+ArrowLeft")
    confidence = predictor.scores(image, ("confidence",))["confidence"][30, 44]
    expect(page.locator("#point")).to_contain_text(f"Pixel 44, 30: {predictor.space.names[labels[30, 44]]}, ")
    assert float(page.locator("#point").inner_text().split()[-2]) == pytest.approx(100 * float(confidence), abs=0.8)


def test_twenty_megapixels(page: Page, site: Site) -> None:
    image = np.kron(scene(2, (125, 160)), np.ones((32, 32, 1), np.uint8))
    page.select_option("#first", "evil")  # which has the fewest classes
    label(page, png("large.png", image))
    assert np.array_equal(mask(page), site.predictors["evil"].predict(image))


@pytest.mark.bad_input(37, "the page says what is wrong with a file before it sends it, and goes on")
def test_files_that_are_no_images(page: Page) -> None:
    assert "no image" in refused(page, {"name": "a.png", "mimeType": "image/png", "buffer": b"text"})
    assert "empty" in refused(page, {"name": "a.png", "mimeType": "image/png", "buffer": b""})
    noise = np.random.default_rng(0).integers(0, 256, (2700, 2700, 3), np.uint8)
    assert "MB; the limit is 2" in refused(page, png("large.png", noise, compress_level=0))
    label(page, png("street.png", scene(3, (60, 90))))


@pytest.mark.bad_input(38, "classes of a served model are shown as text on the page")
def test_evil_names_do_nothing(page: Page) -> None:
    page.select_option("#first", "evil")
    label(page, png(f"{EVIL}.png", scene(4, (48, 64))))
    assert page.locator("#classes th").all_inner_texts() == [EVIL, "=1+1", "<script>alert(2)</script>"]
    page.locator(".stage").hover()
    assert page.locator("img[src=x]").count() == 0


def test_a_video_comes_back_with_the_classes_over_it(page: Page, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "street.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(scene(k, (48, 64)))))
        container.mux(stream.encode(None))
    page.set_input_files("#file", tmp_path / "street.mp4")
    expect(page.locator("#status")).to_have_text("The video is ready.")
    assert page.locator("#error").inner_text() == ""
    page.locator("#video").evaluate("video => video.play()")
    expect(page.locator("#video")).to_have_js_property("videoWidth", 64)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the video").click()
    assert download.value.suggested_filename == "street_overlay.mp4"


def test_the_token_is_typed_once(browser: Browser, site: Site, tmp_path: Path) -> None:
    with serving(tmp_path, exported_onnx(tmp_path), "--token", "open sesame") as running:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{running.url}/")
        expect(page.locator("#token")).to_be_visible()
        assert "The server says: the token is missing" in page.locator("#error").inner_text()
        page.fill("#token", "open sesame")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#status")).to_have_text("Choose an image to begin.")
        assert page.locator("#token").is_hidden()
        label(page, png("street.png", scene(5, (60, 90))))
        page.reload()
        expect(page.locator("#status")).to_have_text("Choose an image to begin.")
        context.close()


@pytest.mark.parametrize("width", [PHONE, SCREEN])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_and_no_wider_than_the_window(browser: Browser, site: Site, width: int, scheme: str) -> None:
    with visited(browser, site.url, width, scheme) as (page, troubles):
        label(page, png("street.png", scene(6, (60, 90))))
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert troubles == []
