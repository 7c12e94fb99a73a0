"""Open a page in a real browser and collect everything that should not happen there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

PHONE, SCREEN = 390, 1280
RUN_ALL = {"resultTypes": ["violations"]}

# Contrast of an element's text against the nearest background behind it (WCAG 2.2, "contrast ratio").
CONTRAST = """element => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const linear = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  let behind = element;
  while (behind && (rgb(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement;
  const style = getComputedStyle(element);
  const ink = element instanceof SVGElement ? style.fill : style.color;
  const one = light(rgb(ink)), two = light(rgb(getComputedStyle(behind).backgroundColor));
  return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
}"""


@contextmanager
def opened(
    browser: Browser, file: Path, width: int = SCREEN, scheme: str = "light", *, script: bool = True
) -> Iterator[tuple[Page, list[str]]]:
    """Yield the file in a window `width` pixels wide, and a list that grows with each trouble: messages on the console,
    errors, dialogs, and requests for anything but the file itself."""
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


def require_no_wider(page: Page, width: int) -> None:
    """Fail if anything is wider than the window, before or after all details are opened."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("details").evaluate_all("all => all.forEach((details) => { details.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def serious(page: Page) -> list[str]:
    """Return what axe-core calls serious or critical, with the elements."""
    found = Axe().run(page, options=RUN_ALL).response["violations"]
    return [
        f"{violation['id']}: {violation['help']}: {', '.join(str(node['target']) for node in violation['nodes'])}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
    ]
