"""The page that labels images, in a browser: open it, give it files, and read what it shows and offers."""

import base64
import functools
import http.server
import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, expect

from browsing import SCREEN
from streetseg.inference.predictor import Predictor

LABELED = re.compile(r"\d+ × \d+ pixels: ")
TIMEOUT = 300_000  # milliseconds to wait on a busy machine
expect.set_options(timeout=TIMEOUT)


@dataclass(frozen=True)
class Site:
    """The page, served.

    Args:
        url: its address.
        predictors: name of a model -> what `streetseg predict` runs.
    """

    url: str
    predictors: dict[str, Predictor]


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of the loopback, as any host of static files does. Yield its address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def visited(
    browser: Browser, url: str, width: int = SCREEN, scheme: str = "light", **options: object
) -> Iterator[tuple[Page, list[str]]]:
    """Yield the page, ready for an image, and a list that grows with each trouble: messages on the console, errors,
    dialogs, and requests for any other host."""
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, **options)  # type: ignore[arg-type]
    context.set_default_timeout(TIMEOUT)
    page, troubles = context.new_page(), []
    context.on("console", lambda message: troubles.append(f"console: {message.text}"))
    context.on("weberror", lambda error: troubles.append(f"error: {error.error}"))
    context.on("dialog", lambda dialog: (troubles.append("dialog"), dialog.dismiss()))
    own = (url, f"blob:{url}")
    context.on("request", lambda request: request.url.startswith(own) or troubles.append(f"request: {request.url}"))
    page.goto(url)
    expect(page.locator("#status")).to_have_text("Choose an image to begin.")
    yield page, troubles
    context.close()


def png(name: str, image: NDArray[np.uint8] | Image.Image, **options: object) -> FilePayload:
    """Return an image as a PNG file for the file field of the page."""
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, "PNG", **options)  # type: ignore[arg-type]
    return {"name": name, "mimeType": "image/png", "buffer": file.getvalue()}


def label(page: Page, file: FilePayload) -> None:
    """Choose a file, and wait for its labels."""
    page.set_input_files("#file", file)
    wait(page)


def wait(page: Page) -> None:
    """Wait for labels. A message of the page fails the test at once."""
    expect(page.locator("body:not(.busy)")).to_be_attached()
    assert page.locator("#error").inner_text() == ""
    expect(page.locator("#status")).to_have_text(LABELED)


def refused(page: Page, file: FilePayload) -> str:
    """Choose a file that the page cannot label. Return what it says."""
    page.set_input_files("#file", file)
    expect(page.locator("#error")).not_to_be_empty()
    assert page.locator("#result").is_hidden()
    return page.locator("#error").inner_text()


def downloaded(page: Page, button: str, stage: int = 0) -> tuple[str, bytes]:
    """Press a button below a stage: Mask, Overlay or Shares. Return name and bytes of the file."""
    with page.expect_download() as download:
        page.locator("figure").nth(stage).get_by_text(button, exact=True).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def mask(page: Page, stage: int = 0) -> NDArray[np.uint8]:
    """Return the labels in the mask that the page offers, uint8 (H, W)."""
    with Image.open(io.BytesIO(downloaded(page, "Mask", stage)[1])) as image:
        assert image.mode == "L"
        return np.asarray(image)


def overlay_alpha(page: Page, stage: int = 0) -> NDArray[np.uint8]:
    """Return where the overlay of a stage is drawn: 255, elsewhere 0; uint8 (h, w) of the screen's pixels."""
    url = page.locator("canvas.labels").nth(stage).evaluate("canvas => canvas.toDataURL()")
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        return np.asarray(image.getchannel("A"))
