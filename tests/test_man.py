"""The manual pages are those of the program, and every reader of such pages takes them without a complaint."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from write_man import MAN, pages

ROOT = Path(__file__).parents[1]


def test_the_pages_are_those_of_the_program() -> None:
    assert {page.name: page.read_text(encoding="utf-8") for page in MAN.glob("*.1")} == dict(pages()), "make reference"


def test_the_wheel_installs_them_where_man_looks() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"] == {"man": "share/man/man1"}


def test_mandoc_finds_no_fault() -> None:
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")

    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *MAN.glob("*.1")], capture_output=True, text=True)

    # A date would change every page whenever one is written anew.
    assert [line for line in done.stdout.splitlines() if "missing date" not in line] == []


def test_groff_finds_no_fault() -> None:
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")

    done = subprocess.run(
        ["groff", "-ww", "-man", "-Kutf8", "-Tutf8", *MAN.glob("*.1")], capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "as many epochs as this machine does in N minutes" in " ".join(done.stdout.split())
