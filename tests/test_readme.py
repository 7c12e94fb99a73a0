"""Every command of the README and the guides runs, every link has a target, and the reference pages are up to date."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from write_reference import PAGES as GENERATED

import tiny

ROOT = Path(__file__).parents[1]
GUIDES = [ROOT / "README.md", ROOT / "docs" / "getting-started.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

SMALL = {
    "STREETSEG_MODEL__ENCODER": "test_efficientnet",
    "STREETSEG_MODEL__CHANNELS": "[16, 12, 8, 8]",
    "STREETSEG_MODEL__WEIGHTS": "none",  # offline
    "STREETSEG_TRAIN__EPOCHS": "1",
    "STREETSEG_TRAIN__BATCH": "2",
    "STREETSEG_TRAIN__PRECISION": "fp32",
    "STREETSEG_DATA__SIZE": "64x64",
    "STREETSEG_AUGMENT__CROP": "none",
    "STREETSEG_AUGMENT__EARLY_CROP": "none",
}
SHORTER = {
    "mobilenetv2_100": "test_efficientnet",
    "resnext50_32x4d": "test_resnet",
    "--minutes 2": "--minutes 0.1",
    "--minutes 5": "--minutes 0.1",
    "--count 200": "--count 12",
}


def commands(page: Path) -> list[str]:
    """Return the lines of the page's shell blocks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_every_command_runs(page: Path, tmp_path: Path, streetseg, monkeypatch) -> None:
    """Run them in the order of the page, in a folder with a small CamVid, small data sets with and without YAML, and an
    image."""
    tiny.camvid_segnet(tmp_path / "camvid")
    tiny.folder_yaml(tmp_path)
    tiny.folder_yaml(tmp_path / "photos").unlink()
    tiny.save(tmp_path / "street.png", tiny.street(1)[0])
    monkeypatch.chdir(tmp_path)
    for name, value in SMALL.items():
        monkeypatch.setenv(name, value)

    for line in commands(page):
        for long, short in SHORTER.items():
            line = line.replace(long, short)
        program, *words = shlex.split(line)
        if program == "streetseg":
            done = streetseg(*words)
            assert done.code == 0, f"{line}\n{done.err}"
        elif program in ("make", "pip"):  # tried in a fresh clone, not here
            continue
        else:
            subprocess.run(line, shell=True, check=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    lost = [link for link in links if "://" not in link and not (page.parent / link).exists()]

    assert lost == []


def test_reference_pages_are_what_the_program_says() -> None:
    for name, page in GENERATED.items():
        assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == page(), "run make reference"
