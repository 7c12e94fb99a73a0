"""What tools/try_wheel.py does in fresh environments works with the program that is installed here."""

import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import try_wheel

from conftest import Finished

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def test_every_extra_is_tried() -> None:
    extras = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]

    assert {"base", *extras} - {"dev", "docs"} <= set(try_wheel.TRIALS)


def test_the_trials_work(tmp_path: Path, streetseg: Callable[..., Finished], monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(try_wheel, "SEEDS", (0,))

    class Here(try_wheel.Environment):
        def streetseg(self, line: str) -> None:
            done = streetseg(*shlex.split(line))
            assert done.code == 0, f"{line}\n{done.err}"

        def python(self, code: str) -> str:
            return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    here = Here(Path(sys.prefix), tmp_path)
    for extra in ("train", "export", "video", "measure", "remote"):
        try_wheel.TRIALS[extra](here)

    assert (tmp_path / "video").is_dir()
    assert set(try_wheel.REFUSED.values()) <= set(try_wheel.TRIALS)
