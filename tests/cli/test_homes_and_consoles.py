"""Commands of a user without a home, on a console that shows few characters, and before a reader that leaves."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

import tiny
from streetseg.data.cache import home_cache, serve_homeless
from streetseg.data.store import default_cache
from streetseg.errors import RequestError

PROGRAM = "import streetseg.__main__"
UNKNOWN = """import pwd
def unknown(number): raise KeyError(f"getpwuid(): uid not found: {number}")
pwd.getpwuid = unknown
"""  # what every question about a user's number gets in a container started with --user 54321
NAMES = ("дорога", "été", "\N{AUTOMOBILE}")


def run(
    *argv: object, environ: Mapping[str, str | None] | None = None, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `streetseg` in a process of its own. A variable that is None is unset."""
    settings = os.environ | (environ or {})
    return subprocess.run(
        [sys.executable, "-c", before + PROGRAM, *map(str, argv)],
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        env={name: text for name, text in settings.items() if text is not None},
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write data whose class names a console of cp1252 cannot show."""
    folder = tmp_path / "data"
    rng = np.random.default_rng(0)
    for split, count in (("train", 2), ("val", 1)):
        for index in range(count):
            tiny.save(folder / "images" / split / f"{index}.png", rng.integers(0, 256, (32, 32, 3), np.uint8))
            tiny.save(folder / "masks" / split / f"{index}.png", rng.integers(0, 3, (32, 32), np.uint8))
    (folder / "data.yaml").write_text(
        "splits:\n"
        "  train: {images: images/train/*.png, masks: masks/train/*.png}\n"
        "  val: {images: images/val/*.png, masks: masks/val/*.png}\n"
        f"classes: [{', '.join(NAMES)}]\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Point TMPDIR to an empty folder and unset the variables of the cache. Yield the folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.delenv("STREETSEG_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    yield folder
    monkeypatch.setattr("tempfile.tempdir", None)


@pytest.mark.bad_input(58, "a temporary cache folder is used, with one warning; every command works")
@pytest.mark.parametrize("argv", [["--help"], ["doctor"], ["check", "DATA"]], ids=" ".join)
def test_an_unknown_user(argv: list[str], data: Path, temporary: Path) -> None:
    argv = [f"folder:{data}/data.yaml" if word == "DATA" else word for word in argv]
    done = run(*argv, environ={"HOME": None, "USER": None, "LOGNAME": None}, before=UNKNOWN)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    cache = temporary / f"streetseg-{os.getuid()}"
    if argv[0] == "check":
        assert done.stderr.count("warning: no home folder can be written to") == 1
        assert str(cache) in done.stderr
        assert any((cache / "streetseg").iterdir())


@pytest.mark.bad_input(58, "a temporary cache folder is used, with one warning; every command works")
def test_an_unknown_user_trains(data: Path, temporary: Path) -> None:
    flags = ("--encoder", "test_efficientnet", "--weights", "none", "--epochs", "1", "--quiet", "train.batch=2")
    done = run(
        "train", f"folder:{data}/data.yaml", *flags, "--out", temporary / "run",
        environ={"HOME": None, "USER": None, "LOGNAME": None}, before=UNKNOWN,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set HOME to a path below a file, where nobody, not even root, can write."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))


@pytest.mark.bad_input(58, "a temporary cache folder is used, with one warning; every command works")
def test_a_home_that_cannot_be_written_to(no_home: None, temporary: Path) -> None:
    assert default_cache() == temporary / f"streetseg-{os.getuid()}" / "streetseg"


def test_libraries_keep_their_files_there_too(no_home: None, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HOME", raising=False)
    monkeypatch.setenv("TORCH_HOME", "/chosen")
    serve_homeless()
    assert os.environ["HF_HOME"] == str(temporary / f"streetseg-{os.getuid()}" / "huggingface")
    assert os.environ["TORCH_HOME"] == "/chosen"


def test_a_home_is_used_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_cache() == tmp_path / ".cache"
    serve_homeless()
    assert "HF_HOME" not in os.environ


@pytest.mark.bad_input(58, "where nothing can be written: one error that names STREETSEG_CACHE; exit 2")
def test_nowhere_to_write(no_home: None, temporary: Path) -> None:
    """A link has the name of the user's temporary cache folder, so that it is not used."""
    (temporary / f"streetseg-{os.getuid()}").symlink_to("/var")
    with pytest.raises(RequestError, match="can be written to") as refused:
        default_cache()
    assert "STREETSEG_CACHE" in (refused.value.hint or "")
    serve_homeless()  # commands that need no cache work


@pytest.mark.bad_input(59, "names are escaped; the exit code does not change")
@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1:strict"])
def test_a_console_that_cannot_show_a_class(encoding: str, data: Path) -> None:
    done = run("check", f"folder:{data}/data.yaml", environ={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
    assert done.returncode == 0, done.stderr
    assert "\\u0434\\u043e\\u0440\\u043e\\u0433\\u0430" in done.stdout
    assert "\\U0001f697" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.bad_input(59, "JSON stays JSON on a console that cannot show a name")
@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_json_on_such_a_console(encoding: str, data: Path) -> None:
    done = run("check", f"folder:{data}/data.yaml", "--json", environ={"PYTHONIOENCODING": encoding})
    assert done.returncode == 0, done.stderr
    assert tuple(json.loads(done.stdout)["splits"]["val"]["counts"]) == NAMES


def test_an_error_on_such_a_console(tmp_path: Path) -> None:
    done = run("check", f"folder:{tmp_path}/дорога.yaml", environ={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert "\\u0434" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.bad_input(
    59, "a reader that closes the pipe early: no traceback, the work continues and decides the exit code"
)
@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["--help"], 0),
        (["train", "--help"], 0),
        (["recipe", "show", "--sources"], 0),
        (["recipe", "show", "--json"], 0),
        (["check", "DATA"], 0),
        (["check", "nowhere", "--json"], 2),
        (["check", "nowhere"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_reader_that_leaves(argv: list[str], code: int, data: Path) -> None:
    argv = [f"folder:{data}/data.yaml" if word == "DATA" else word for word in argv]
    reading, writing = os.pipe()
    os.close(reading)  # before the first line: the hardest case of `| head`
    both = {} if argv[0] == "recipe" else {"stderr": writing}
    process = subprocess.Popen(
        [sys.executable, "-m", "streetseg", *argv], **{"stdout": writing, "stderr": subprocess.PIPE} | both
    )
    os.close(writing)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert not err
