"""What docs/how-to/serve.md tells a client to do is done here, by the program that it names."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import tiny
from conftest import missing
from serving import Serving

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "serve.md"
RUNNERS = {"bash": ["bash", "-e"], "python": [sys.executable], "js": ["node", "--input-type=module", "-"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny.save(tmp_path / "street.png", tiny.street(1, (48, 64))[0])
    return tmp_path


@pytest.mark.parametrize("language", RUNNERS)
def test_the_clients_of_the_page_are_answered(language: str, server: Serving, folder: Path) -> None:
    if not shutil.which(RUNNERS[language][0]):
        missing("node", f"no {RUNNERS[language][0]} on this machine")
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    assert blocks
    for block in blocks:
        code = block.replace("http://127.0.0.1:8000", server.url)
        done = subprocess.run(RUNNERS[language], input=code, cwd=folder, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout
    if language == "bash":
        assert Image.open(folder / "labels.png").mode == "L"
        assert Image.open(folder / "overlay.png").mode == "RGB"
        assert '"polygons"' in (folder / "street.json").read_text()


def test_the_limits_of_the_page_are_those_of_the_server() -> None:
    from streetseg.serve import settings

    page = PAGE.read_text("utf-8")
    assert f"`--timeout` ({settings.TIMEOUT:g} s)" in page
    assert f"`--max-megabytes` ({settings.MAX_MEGABYTES:g})" in page
    assert f"`--max-megapixels` ({settings.MAX_MEGAPIXELS:g})" in page
    assert f"all {settings.PLACES} places" in page
    assert f"{settings.VIDEO_FRAMES:,} frames and {settings.VIDEO_BYTES / 1e6:g} MB" in " ".join(page.split())
