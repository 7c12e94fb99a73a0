"""docs/how-to/serve.md names the limits of the server. Its commands and clients run in tests/docs/test_pages.py."""

from pages import ROOT
from streetseg.serve import settings


def test_the_limits_of_the_page_are_those_of_the_server() -> None:
    page = (ROOT / "docs" / "how-to" / "serve.md").read_text("utf-8")
    assert f"`--timeout` ({settings.TIMEOUT:g} s)" in page
    assert f"`--max-megabytes` ({settings.MAX_MEGABYTES:g})" in page
    assert f"`--max-megapixels` ({settings.MAX_MEGAPIXELS:g})" in page
    assert f"all {settings.PLACES} places" in page
    assert f"{settings.VIDEO_FRAMES:,} frames and {settings.VIDEO_BYTES / 1e6:g} MB" in " ".join(page.split())
