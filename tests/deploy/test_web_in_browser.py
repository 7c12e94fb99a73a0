"""The page of `export --format web` in a real browser: labels are those of Python, and nothing leaves the device."""

import base64
import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, expect

import streetseg
from browsing import CONTRAST, PHONE, SCREEN, serious
from conftest import missing
from exported import saved
from networks import some_images, tiny_network
from streetseg.arrays import input_size, resize_image
from streetseg.deploy.web_runtime import runtime_files
from streetseg.errors import RequestError
from streetseg.inference import backend_numpy
from streetseg.inference.logits import predict_regions
from streetseg.inference.output import overlay
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import LabelSpace
from streetseg.scenes.render import render
from web_page import Site, downloaded, hosted, label, mask, overlay_alpha, png, refused, visited, wait

EVIL = '"><img src=x onerror=alert(1)>'
COLORS = ((200, 0, 0), (0, 150, 0), (0, 0, 200))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve a page with a network that sees every image at one size, one that sees its own, and one of evil names."""
    folder = tmp_path_factory.mktemp("web")
    try:
        runtime_files(None, print)
    except RequestError as error:
        missing("onnxruntime-web", error.problem)
    evil = LabelSpace("evil", (EVIL, "=1+1", "<script>alert(2)</script>"), COLORS)
    networks = {
        "sized": tiny_network(size=(96, 128)),
        "own": tiny_network(seed=1),
        "evil": tiny_network(space=evil, seed=2, size=(48, 64)),
    }
    for name, network in networks.items():
        streetseg.export(saved(folder / name, network.eval()), "web", out=folder / "page")
    predictors = {name: Predictor.load(folder / f"page/models/{name}.onnx", engine="onnxruntime") for name in networks}
    with hosted(folder / "page") as url:
        yield Site(url, predictors)


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """Open the page. Nothing on the console, no error, no dialog and no request for another host may come."""
    with visited(browser, site.url) as (page, troubles):
        yield page
        assert troubles == []


def scene(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    return render(11, index, size)[0]


def random_image(height: int, width: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(some_images(1, height, width)[0].numpy().transpose(1, 2, 0))


def require_equal(found: NDArray[np.uint8], image: NDArray[np.uint8], predictor: Predictor) -> None:
    """Assert that labels are those of Python, except where the two largest logits are equal up to rounding."""
    expected = predictor.predict(image)
    assert found.shape == expected.shape
    differs = found != expected
    if not differs.any():
        return
    for place, logits in predictor.regions(image.transpose(2, 0, 1)[None]):
        best = np.sort(logits[0][:, differs[place]], axis=0)
        assert (best[-1] - best[-2] < 1e-4 * np.abs(logits).max()).all()


@pytest.mark.parametrize("model", ["sized", "own"])
def test_labels_are_those_of_predict(page: Page, site: Site, model: str) -> None:
    page.select_option("#first", model)
    for image in (scene(0, (120, 200)), random_image(77, 101), random_image(40, 33), random_image(1, 1)):
        label(page, png("street.png", image))
        require_equal(mask(page), image, site.predictors[model])


def test_every_form_of_png_is_read_as_in_python(page: Page, site: Site, tmp_path: Path) -> None:
    image = Image.fromarray(random_image(50, 70))
    turned = Image.Exif()
    turned[0x0112] = 6
    forms = {
        "gray": (image.convert("L"), {}),
        "palette": (image.quantize(16), {}),
        "bits": (image.convert("1"), {}),
        "opaque": (image.convert("RGBA"), {}),
        "turned": (image, {"exif": turned}),
    }
    for name, (form, options) in forms.items():
        file = png(f"{name}.png", form, **options)
        (tmp_path / file["name"]).write_bytes(file["buffer"])
        label(page, file)
        assert np.array_equal(mask(page), site.predictors["sized"].predict(tmp_path / file["name"])), name


def test_a_jpeg_of_a_phone_is_turned(page: Page, site: Site, tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(scene(1, (96, 160))).save(tmp_path / "phone.jpg", exif=turned, quality=95)
    page.set_input_files("#file", tmp_path / "phone.jpg")
    wait(page)
    expected = site.predictors["sized"].predict(tmp_path / "phone.jpg")
    found = mask(page)
    assert found.shape == expected.shape == (160, 96)
    assert (found == expected).mean() > 0.97  # decoders of JPEG round in different ways


def test_resizing_is_that_of_python(page: Page) -> None:
    """Both resizes, in JavaScript and in Python, over sizes that shrink and grow either axis; and a large image, which
    is labeled in windows."""
    run = """async ({ pixels, height, width, size }) => {
      const { Resizer } = await import("./resample.js");
      const bytes = Uint8ClampedArray.from(atob(pixels), (c) => c.charCodeAt(0)), half = (height >> 1) * width * 4;
      const resizer = new Resizer(height, width, size);
      resizer.add(0, bytes.subarray(0, half));
      resizer.add(height >> 1, bytes.subarray(half));
      return btoa(String.fromCharCode(...resizer.planes()));
    }"""
    cases = [
        ((100, 150), (33, 64)),
        ((33, 64), (90, 70)),
        ((60, 50), (60, 20)),
        ((60, 50), (20, 50)),
        ((9, 30), (9, 30)),
    ]
    if int(PIL.__version__.partition(".")[0]) >= 13:  # older ones resize the columns first, whatever the sizes are
        cases += [((90, 70), (33, 64)), ((40, 3), (9, 30)), ((41, 30), (20, 50))]
    for (height, width), size in cases:
        image = random_image(height, width)
        rgba = np.dstack([image, np.full((height, width), 255, np.uint8)])
        pixels = base64.b64encode(rgba.tobytes()).decode()
        found = page.evaluate(run, {"pixels": pixels, "height": height, "width": width, "size": size})
        planes = np.frombuffer(base64.b64decode(found), np.uint8).reshape(3, *size)
        assert np.array_equal(planes.transpose(1, 2, 0), resize_image(image, size))

    generator = np.random.default_rng(0)
    sizes = [(int(height), int(width)) for height, width in generator.integers(1, 9000, (500, 2))]
    script = """async (sizes) => {
      const { inputSize } = await import("./resample.js");
      return sizes.map(([height, width]) => inputSize(height, width, [384, 480]));
    }"""
    assert [tuple(size) for size in page.evaluate(script, sizes)] == [input_size(size, (384, 480)) for size in sizes]


@pytest.mark.parametrize(
    ("seen", "out", "classes", "windows"),
    [
        ((30, 40), (45, 90), 7, 1),
        ((30, 40), (90, 45), 7, 1),
        ((64, 50), (20, 30), 7, 1),
        ((30, 40), (1200, 1250), 50, 1),  # whose logits are too large to be in memory at once
        ((1300, 1100), (1100, 1250), 50, 4),
        ((1300, 1100), (1300, 1100), 50, 4),
    ],
)
def test_labels_from_logits_are_those_of_python(
    page: Page, seen: tuple[int, int], out: tuple[int, int], classes: int, windows: int
) -> None:
    run = """async ({ classes, seen, out, scaling }) => {
      const { label } = await import("./resample.js");
      const { isWhole, rectangles, windowSide } = await import("./windows.js");
      const labels = new Uint8Array(out[0] * out[1]), confidence = new Uint8Array(out[0] * out[1]);
      const side = windowSide(classes, seen), how = { whole: isWhole(classes, side, out), scaling };
      // An image that knows its places (row and column, each in two bytes less the parity), and a network of them.
      const planes = new Uint8Array(3 * seen[0] * seen[1]);
      for (let k = 0; k < seen[0] * seen[1]; k++) {
        const row = Math.floor(k / seen[1]), column = k % seen[1];
        planes[k] = row >> 4;
        planes[seen[0] * seen[1] + k] = column >> 4;
        planes[2 * seen[0] * seen[1] + k] = (row & 15) * 16 + (column & 15);
      }
      let count = 0;
      const network = async (image, height, width) => {
        const logits = new Float32Array(classes * height * width), size = height * width;
        count++;
        for (let c = 0, k = 0; c < classes; c++) {
          for (let p = 0; p < size; p++, k++) {
            const low = image[2 * size + p], r = image[p] * 16 + (low >> 4), s = image[size + p] * 16 + (low & 15);
            logits[k] = ((c * 7919 + r * 104 + s * 31 + r * s + (p % width) + Math.floor(p / width)) % 1009) / 100;
          }
        }
        return logits;
      };
      for await (const part of rectangles(network, planes, classes, seen, side)) {
        label(part, classes, seen, out, how, labels, confidence);
      }
      const text = (values) => {
        let found = "";
        for (let k = 0; k < values.length; k += 30000) found += String.fromCharCode(...values.subarray(k, k + 30000));
        return btoa(found);
      };
      return [count, text(labels), text(confidence)];
    }"""
    scale, bias = np.linspace(0.5, 2, classes, dtype=np.float32), np.linspace(-1, 1, classes, dtype=np.float32)
    scaling = {"scale": scale.tolist(), "bias": bias.tolist()}
    count, *found = page.evaluate(run, {"classes": classes, "seen": seen, "out": out, "scaling": scaling})
    labels, confidence = (np.frombuffer(base64.b64decode(text), np.uint8).reshape(out) for text in found)

    def network(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        high_row, high_column, low = image.astype(np.int64)[:, :, None].transpose(1, 0, 2, 3, 4)
        rows, columns = high_row * 16 + (low >> 4), high_column * 16 + (low & 15)
        inside = np.add.outer(np.arange(image.shape[2]), np.arange(image.shape[3]))
        ids = np.arange(classes)[None, :, None, None]
        logits = (ids * 7919 + rows * 104 + columns * 31 + rows * columns + inside) % 1009 / 100
        return logits.astype(np.float32)

    rows, columns = np.mgrid[: seen[0], : seen[1]]
    image = np.stack([rows >> 4, columns >> 4, (rows & 15) * 16 + (columns & 15)])[None].astype(np.uint8)
    side = 768 if windows > 1 else None
    whole = side is None and 4 * classes * out[0] * out[1] <= 2**28
    parts = [((slice(None), slice(None)), backend_numpy.resize_logits(network(image), out))]
    for (y, x), logits in parts if whole else predict_regions(network, image, size=seen, out=out, tile=side):
        ids = backend_numpy.argmax(logits)
        assert np.array_equal(labels[y, x], ids[0])
        scaled = backend_numpy.scaled(logits, scale[:, None, None], bias[:, None, None])
        assert np.abs(confidence[y, x] - 255 * backend_numpy.confidence(scaled, ids)[0]).max() < 0.51
    assert count == windows


def test_twenty_megapixels(page: Page, site: Site) -> None:
    image = np.kron(scene(2, (125, 160)), np.ones((32, 32, 1), np.uint8))
    page.select_option("#first", "evil")  # which has the fewest classes
    label(page, png("large.png", image, compress_level=1))
    assert page.locator("#status").inner_text().startswith("5120 × 4000 pixels")
    found = mask(page)
    assert found.shape == (4000, 5120)
    require_equal(found, image, site.predictors["evil"])
    assert max(overlay_alpha(page).shape) == 1600  # the screen needs no more


def test_what_the_pointer_and_the_keys_read(page: Page, site: Site) -> None:
    image = scene(3, (100, 160))
    label(page, png("street.png", image))
    predictor, point = site.predictors["sized"], page.locator("#point")
    labels, names = predictor.predict(image), predictor.space.names
    confidence = predictor.scores(image, ("confidence",))["confidence"]

    def said(x: int, y: int) -> str:
        return f"Pixel {x}, {y}: {names[labels[y, x]]}, "

    box = page.locator(".stage").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 40.5 / 160, box["y"] + box["height"] * 70.5 / 100)
    expect(point).to_contain_text(said(40, 70))
    percent = float(point.inner_text().split()[-2])
    assert percent == pytest.approx(100 * float(confidence[70, 40]), abs=0.8)

    page.mouse.move(0, 0)
    page.locator(".stage").focus()
    page.keyboard.press("Shift+ArrowRight")
    expect(point).to_contain_text(said(41, 70))
    page.keyboard.press("ArrowUp")
    expect(point).to_contain_text(said(41, 68))
    for _ in range(60):
        page.keyboard.press("ArrowDown")
    expect(point).to_contain_text(said(41, 99))
    assert page.locator(".stage").get_attribute("aria-label") is not None
    assert point.get_attribute("aria-live") == "polite"


def test_classes_are_switched_off_and_on(page: Page, site: Site) -> None:
    image = scene(4, (100, 160))
    label(page, png("street.png", image))
    predictor = site.predictors["sized"]
    labels, names = predictor.predict(image), predictor.space.names
    rows = page.locator("#classes tr")
    shares = np.bincount(labels.ravel(), minlength=len(names)) / labels.size
    for k, name in enumerate(names):
        assert rows.nth(k).locator("th").inner_text() == name
        shown = rows.nth(k).locator("td").inner_text()
        assert shown == (f"{100 * shares[k]:.1f} %" if shares[k] >= 0.0005 or shares[k] == 0 else "< 0.1 %")

    assert (overlay_alpha(page) == 255).all()
    largest = int(shares.argmax())
    page.get_by_role("checkbox", name=names[largest], exact=True).uncheck()
    assert np.array_equal(overlay_alpha(page) == 0, labels == largest)
    name, data = downloaded(page, "Overlay")
    assert name == "street_overlay.png"
    overlaid = np.asarray(Image.open(BytesIO(data)))
    expected = np.where((labels == largest)[..., None], image, overlay(image, labels, predictor.space))
    assert np.array_equal(overlaid, expected)
    page.get_by_role("button", name="Show none").click()
    assert (overlay_alpha(page) == 0).all()
    page.get_by_role("button", name="Show all").click()
    assert (overlay_alpha(page) == 255).all()


def test_opacity_and_wipe(page: Page) -> None:
    label(page, png("street.png", scene(5, (60, 90))))
    drawn = page.locator("canvas.labels")
    assert drawn.evaluate("canvas => getComputedStyle(canvas).opacity") == "0.5"
    page.locator("#opacity").fill("80")
    assert drawn.evaluate("canvas => getComputedStyle(canvas).opacity") == "0.8"
    assert page.locator(".handle").is_hidden()
    page.locator("#wipe").fill("30")
    assert drawn.evaluate("canvas => getComputedStyle(canvas).clipPath") == "inset(0px 0px 0px 30%)"
    assert page.locator(".handle").is_visible()
    page.locator("#wipe").press("ArrowRight")
    assert page.locator("output[for=wipe]").inner_text() == "31 %"


def test_two_models_and_their_difference(page: Page, site: Site) -> None:
    image = scene(6, (96, 150))
    label(page, png("street.png", image))
    assert page.locator("figure").count() == 1
    page.select_option("#second", "own")
    expect(page.locator("figure")).to_have_count(3)
    wait(page)
    first, second = (site.predictors[name].predict(image) for name in ("sized", "own"))
    require_equal(mask(page, 0), image, site.predictors["sized"])
    require_equal(mask(page, 1), image, site.predictors["own"])
    assert f"disagree on {100 * (first != second).mean():.1f} %" in page.locator("figcaption").nth(2).inner_text()
    assert ((overlay_alpha(page, 2) == 255) == (first != second)).mean() > 0.999
    assert page.locator("#heads th").all_inner_texts() == ["Class", "Share, sized", "Share, own"]
    page.locator(".stage").nth(2).hover()
    expect(page.locator("#point")).to_contain_text("; sized: ")
    expect(page.locator("#point")).to_contain_text("; own: ")
    assert downloaded(page, "Mask", 1)[0] == "street_own_ids.png"

    page.select_option("#second", "")
    expect(page.locator("figure")).to_have_count(1)
    assert [option.inner_text() for option in page.locator("#second option").all()] == ["no other model", "own", "evil"]


def test_shares_as_a_table(page: Page, site: Site) -> None:
    image = scene(7, (60, 90))
    label(page, png("street.v2.png", image))
    name, data = downloaded(page, "Shares")
    assert name == "street.v2_shares.csv"
    lines = data.decode().split("\r\n")
    counts = np.bincount(site.predictors["sized"].predict(image).ravel(), minlength=11)
    assert lines[0] == "id,class,pixels,share,adjusted"
    assert lines[4] == f"3,road,{counts[3]},{counts[3] / counts.sum():.6f},"


def test_files_that_are_no_images(page: Page) -> None:
    good = png("street.png", scene(8, (60, 90)))
    whole = good["buffer"]
    for name, data, said in (
        ("notes.png", b"no image", "no image that the browser can read"),
        ("empty.png", b"", "The file is empty."),
        ("cut.png", whole[: len(whole) // 3], "damaged"),
        ("bomb.png", whole[:16] + (30000).to_bytes(4, "big") * 2 + whole[24:], "900 megapixels; the limit is 100"),
    ):
        assert said in refused(page, {"name": name, "mimeType": "image/png", "buffer": data})
    assert "streetseg serve" in refused(page, {"name": "a.mp4", "mimeType": "video/mp4", "buffer": b"0" * 99})
    label(page, good)  # the page goes on


@pytest.mark.bad_input(38, "classes of an exported page are shown as text, and neutralized in its CSV")
def test_evil_names_do_nothing(page: Page) -> None:
    page.select_option("#first", "evil")
    label(page, png(f"{EVIL}.png", scene(9, (48, 64))))
    assert page.locator("#classes th").all_inner_texts() == [EVIL, "=1+1", "<script>alert(2)</script>"]
    page.locator(".stage").hover()
    assert page.locator("img[src=x]").count() == 0
    lines = downloaded(page, "Shares")[1].decode().split("\r\n")
    assert lines[1].startswith('0,"""><img src=x onerror=alert(1)>",')
    assert lines[2].startswith("1,'=1+1,")


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_other_ways_to_bring_an_image(page: Page, way: str) -> None:
    file = png("street.png", scene(10, (60, 90)))
    page.evaluate(
        """([way, data]) => {
          const transfer = new DataTransfer(), bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
          transfer.items.add(new File([bytes], "street.png", { type: "image/png" }));
          const options = { bubbles: true, cancelable: true, dataTransfer: transfer, clipboardData: transfer };
          const Kind = way === "drop" ? DragEvent : ClipboardEvent;
          document.body.dispatchEvent(new Kind(way, options));
        }""",
        [way, base64.b64encode(file["buffer"]).decode()],
    )
    expect(page.locator("figure")).to_have_count(1)
    wait(page)


def test_the_sample(page: Page, site: Site) -> None:
    page.get_by_role("button", name="Use the sample").click()
    expect(page.locator("figure")).to_have_count(1)
    wait(page)
    require_equal(mask(page), render(7, 2, (288, 480))[0], site.predictors["sized"])


def test_offline_after_the_first_visit(browser: Browser, site: Site) -> None:
    with visited(browser, site.url) as (page, troubles):
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.context.set_offline(True)
        page.reload()
        expect(page.locator("#status")).to_have_text("Choose an image to begin.")
        assert page.evaluate("crossOriginIsolated")  # and may use several threads
        image = scene(11, (60, 90))
        label(page, png("street.png", image))
        require_equal(mask(page), image, site.predictors["sized"])
        page.select_option("#second", "own")
        expect(page.locator("figure")).to_have_count(3)
        assert troubles == []


def test_a_photo_from_the_camera(browser: Browser, chromium: str, site: Site) -> None:
    flags = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with (
        browser.browser_type.launch(executable_path=chromium, args=flags) as started,
        visited(started, site.url, permissions=["camera"]) as (page, troubles),
    ):
        page.get_by_role("button", name="Take a photo").click()
        expect(page.locator("#live")).to_have_js_property("paused", False)
        page.get_by_role("button", name="Take the photo").click()
        expect(page.locator("figure")).to_have_count(1)
        wait(page)
        assert page.locator("#camera-dialog").is_hidden()
        page.get_by_role("button", name="Take a photo").click()
        page.get_by_role("button", name="Close").click()
        assert page.locator("figure").count() == 1
        assert troubles == []


def test_webgpu_is_measured_and_its_results_are_compared(browser: Browser, chromium: str, site: Site) -> None:
    software = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-unsafe-swiftshader"]
    image = scene(14, (48, 64))
    with (
        browser.browser_type.launch(executable_path=chromium, args=["--no-sandbox", *software]) as started,
        visited(started, site.url) as (page, _),  # ONNX Runtime warns on the console
    ):
        if not page.evaluate("navigator.gpu?.requestAdapter().then((adapter) => adapter !== null)"):
            pytest.skip("this Chromium has no WebGPU in software")
        page.select_option("#first", "evil")  # the smallest network: software is slow
        label(page, png("street.png", image))
        said = page.locator("#status").inner_text()
        assert re.search(r"Computed by Web\w+ \(\d+ ms for the network; Web\w+: \d+ ms\)", said)
        require_equal(mask(page), image, site.predictors["evil"])
        choices = page.evaluate("Object.values({ ...localStorage }).map((text) => JSON.parse(text))")
        assert [choice["note"] in said for choice in choices] == [True]  # remembered


@pytest.mark.parametrize("width", [PHONE, SCREEN])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_and_no_wider_than_the_window(browser: Browser, site: Site, width: int, scheme: str) -> None:
    with visited(browser, site.url, width, scheme) as (page, troubles):
        assert serious(page) == []
        label(page, png("street.png", scene(12, (60, 90))))
        page.select_option("#second", "own")
        expect(page.locator("figure")).to_have_count(3)
        wait(page)
        page.locator(".stage").first.hover()
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for selector in ("#status", ".note", "#point", "thead th", "footer p", ".kicker"):
            assert page.evaluate(CONTRAST, page.query_selector(selector)) >= 4.5, selector
        assert troubles == []


def test_the_models_are_described(page: Page, site: Site) -> None:
    label(page, png("street.png", scene(13, (60, 90))))
    assert "sized: test_efficientnet, fp32, onnxruntime-web 1.30.0" in page.locator("#about").inner_text()
    models = json.loads(page.request.get(f"{site.url}model.json").text())["models"]
    assert [model["name"] for model in models] == ["sized", "own", "evil"]
