"""The sdist and the wheel, built offline: they hold what they must, and PyPI can show README."""

import re
import subprocess
import sys
import tarfile
import tomllib
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest
from readme_renderer.markdown import render

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BOX_BYTES = 11e6  # of the network in the box, which hardly gets smaller by compression
NAME = f"streetseg-{PROJECT['version']}"


def built(out: Path, *options: str) -> Path:
    """Build what the options name into a new folder, with the packages that are installed here. Return the folder."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), *options, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sdist, and the wheel that is built from it."""
    return built(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def sdist(dist: Path) -> Path:
    return dist / f"{NAME}.tar.gz"


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return dist / f"{NAME}-py3-none-any.whl"


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"{NAME}.dist-info/METADATA").decode())


def test_the_sdist_holds_every_file_of_the_repository(sdist: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no repository to compare with")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    with tarfile.open(sdist) as archive:
        held = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}

    # networks/ is fetched by `streetseg networks get`: what it holds may have a condition of use, and is large.
    packed = {name for name in tracked.split("\0") if not name.startswith("networks/")}
    assert held - {"PKG-INFO"} == packed - {""}
    assert sdist.stat().st_size < 5e6 + BOX_BYTES


def test_the_wheel_holds_the_whole_package_and_its_license(wheel: Path) -> None:
    package = ROOT / "src" / "streetseg"
    files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    with ZipFile(wheel) as archive:
        held = set(archive.namelist())
        license_text = archive.read(f"{NAME}.dist-info/licenses/LICENSE")

    own = {name for name in held if not name.startswith(f"{NAME}.dist-info/")}
    pages = {f"{NAME}.data/data/share/man/man1/{page.name}" for page in (ROOT / "man").glob("*")}
    assert own == {f"streetseg/{path.relative_to(package).as_posix()}" for path in files} | pages
    assert {"streetseg/py.typed", "streetseg/recipe/shipped/demo.yaml", "streetseg/report/templates/report.css"} <= own
    assert license_text == (ROOT / "LICENSE").read_bytes()
    assert {f"streetseg/pretrained/scenes/scenes{suffix}" for suffix in (".onnx", ".tflite")} <= own
    assert wheel.stat().st_size < 2e6 + BOX_BYTES


def test_the_wheel_is_the_same_from_the_sdist_and_from_the_repository(wheel: Path, tmp_path: Path) -> None:
    assert (built(tmp_path, "--wheel") / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_metadata_are_those_of_pyproject(metadata: Message, wheel: Path) -> None:
    assert metadata["Name"] == "streetseg"
    assert metadata["Version"] == PROJECT["version"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    assert set(metadata.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])
    base = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert len(base) == len(PROJECT["dependencies"])
    assert not [line for line in base if re.match(r"torch|timm", line)]
    with ZipFile(wheel) as archive:
        entry_points = archive.read(f"{NAME}.dist-info/entry_points.txt").decode()
    assert entry_points.split() == ["[console_scripts]", "streetseg", "=", "streetseg.cli.main:main"]


def test_pypi_renders_the_readme_and_its_links_lead_to_files_of_this_version(metadata: Message) -> None:
    assert metadata["Description-Content-Type"] == "text/markdown"
    page = render(metadata.get_payload())

    assert page is not None
    targets = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert [target for target in targets if not re.match("https?://|#", target)] == []
    own = re.compile(
        rf"https://(?:github\.com/streetseg/streetseg/blob|raw\.githubusercontent\.com/streetseg/streetseg)"
        rf"/v{re.escape(PROJECT['version'])}/([^#]+)"
    )
    paths = [match[1] for target in targets if (match := own.match(target))]
    assert {"docs/images/scenes.jpg", "CONTRIBUTING.md"} <= set(paths)
    assert [path for path in paths if not (ROOT / path).exists()] == []
