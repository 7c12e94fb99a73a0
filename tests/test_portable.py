"""The commands on a system without what only Unix has, and the modules that the source may use."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import tiny
from not_unix import MODULES

SOURCE = Path(__file__).parents[1] / "src" / "streetseg"

# All commands in one process, because imports take longer than their work. Each prints its exit code.
PROGRAM = """
import signal, sys
import not_unix

not_unix.hide()

for module in not_unix.MODULES:
    try:
        __import__(module)
    except ModuleNotFoundError:
        pass
    else:
        raise AssertionError(module + " is not hidden")

from streetseg.cli.main import main
from streetseg.training import fit

step, steps = fit.step, 0

def stopped_once(*arguments):
    global steps
    steps += 1
    if steps == 2:
        signal.raise_signal(signal.SIGTERM)
    return step(*arguments)

fit.step = stopped_once
data = ["camvid:data"]
tiny = ["--weights", "none", "--epochs", "1", "train.batch=2", "data.size=32x64"]
train = ["train", *data, "--encoder", "test_efficientnet", *tiny, "--out", "run"]
for words in (
    ["doctor"],
    ["check", *data],
    train,
    [*train, "--resume"],
    ["study", *data, "--encoders", "test_efficientnet", *tiny, "--out", "study"],
    ["predict", "run", "data/val", "--out", "labels"],
):
    sys.argv = ["streetseg", *words]
    try:
        main()
    except SystemExit as end:
        print("ended:", words[0], end.code, flush=True)
"""


def test_the_commands_need_nothing_of_unix(tmp_path: Path) -> None:
    tiny.camvid_segnet(tmp_path / "data", n_train=4, n_val=2, size=(32, 64))
    path = os.pathsep.join([str(Path(__file__).parent / "helpers"), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        encoding="utf-8",
    )
    ended = [line for line in done.stdout.splitlines() if line.startswith("ended:")]
    codes = {"doctor": 0, "check": 0, "train": 143, "train again": 0, "study": 0, "predict": 0}
    assert ended == [f"ended: {name.split()[0]} {code}" for name, code in codes.items()], done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "run" / "results.csv").is_file()
    assert (tmp_path / "study" / "report.html").is_file()
    assert len(list((tmp_path / "labels").glob("*_ids.png"))) == 2


def test_no_module_is_of_one_system_alone() -> None:
    """The source imports no module of Unix, does not fork or send SIGKILL, and names /proc in machine.py alone."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import():
                    bad = any(name.name in MODULES for name in node.names)
                case ast.ImportFrom():
                    bad = node.module in MODULES
                case ast.Attribute():
                    bad = node.attr in ("fork", "SIGKILL", "SIGHUP")
                case ast.Constant():
                    bad = str(node.value).startswith("/proc") and path.name != "machine.py"
                case _:
                    bad = False
            found += [f"{path.relative_to(SOURCE)}:{node.lineno}"] if bad else []
    assert not found
