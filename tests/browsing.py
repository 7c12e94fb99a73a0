"""A page opened in a real browser, and everything that should not happen there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

PHONE, SCREEN = 390, 1280


@contextmanager
def opened(
    browser: Browser, file: Path, width: int = SCREEN, scheme: str = "light", *, script: bool = True
) -> Iterator[tuple[Page, list[str]]]:
    """The file in a window of this width, and a growing list of troubles: messages on the console, errors, dialogs, and
    requests for anything but the file itself."""
    context = browser.new_context(
        viewport={"width": width, "height": 844},
        color_scheme=scheme,  # type: ignore[arg-type]
        java_script_enabled=script,
    )
    page, troubles = context.new_page(), []
    own = ("data:", file.as_uri())
    page.on("console", lambda message: troubles.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (troubles.append("dialog"), dialog.dismiss()))
    page.on("request", lambda request: request.url.startswith(own) or troubles.append(f"request: {request.url}"))
    page.goto(file.as_uri())
    yield page, troubles
    context.close()
