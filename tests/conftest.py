"""What every test stands on: one thread, its own cache, and the real data or browser where they are there."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported anywhere: results do not depend on the machine
os.environ["HF_HUB_OFFLINE"] = "1"  # read when the hub's client is imported, which any test module may do

# The same examples every time, and no test asserts a time.
settings.register_profile("streetseg", deadline=None, derandomize=True)
settings.load_profile("streetseg")

ROOT = Path(__file__).parents[1]
REQUIRED = set(os.environ.get("STREETSEG_REQUIRE", "").split(",")) - {""}


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads a person's recipe variables or cache."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("STREETSEG_")]:
            if name not in ("STREETSEG_REQUIRE", "STREETSEG_SHARED"):
                patch.delenv(name)
        patch.setenv("STREETSEG_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data: $STREETSEG_SHARED, or `shared` beside the checkout."""
    folder = Path(os.environ.get("STREETSEG_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        missing("shared", f"no real data in {folder}; set STREETSEG_SHARED")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium to open a report in."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    return missing("browser", "no chromium on this machine; install one")


@dataclass(frozen=True)
class Finished:
    """How a command ended: exit code, what it wrote on stdout and on stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def streetseg(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Finished]]:
    """Runs `streetseg WORD...` in this process, where torch is imported once for all tests."""
    from streetseg.cli.main import main

    def run(*words: object) -> Finished:
        capfd.readouterr()
        monkeypatch.setattr("sys.argv", ["streetseg", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return Finished(int(ended.value.code or 0), out, err)

    handler = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, handler)


def missing(what: str, reason: str) -> str:
    """Skip, or fail where STREETSEG_REQUIRE says that it must be there."""
    if what in REQUIRED:
        pytest.fail(f"{reason} (STREETSEG_REQUIRE asks for it)")
    pytest.skip(reason)
