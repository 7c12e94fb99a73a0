"""A person's files are never changed: every command that meets a data set leaves it as it was, name, byte and time.

And none needs to write there: the same commands work on a data set that cannot be written to.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import corpus
import tiny
from conftest import Finished, missing
from streetseg.cli.commands import COMMANDS

Run = Callable[..., Finished]
TINY = ("--weights", "none", "--epochs", "1", "train.precision=fp32", "train.batch=2")
# Commands that are given no data set.
WITHOUT_DATA = {"cache", "completion", "doctor", "encoders", "fetch", "networks", "push", "recipe", "scenes", "serve"}

# Runs the commands that stand in a JSON file one after another, so that torch is imported once.
SCRIPT = """
import json, sys
from streetseg.cli.main import main
for words in json.load(open(sys.argv[1])):
    sys.argv = ["streetseg", *words]
    try:
        main()
    except SystemExit as end:
        if end.code:
            sys.exit(f"{words}: exit code {end.code}")
"""


def commands(data: str, images: Path, out: Path) -> list[list[str]]:
    """Return every command that takes a data set, its images, or runs that hold its path."""
    run, first, second = out / "run", out / "study/runs/test_efficientnet_seed0", out / "study/runs/test_resnet_seed0"
    argv: list[list[object]] = [
        ["check", data],
        ["check", data, "--json"],
        ["check", data, "--report", out / "page.html"],
        ["convert", data, "--to", "folder", out / "converted"],
        ["init", images.parent, "--out", out / "data.yaml"],
        ["train", data, "--encoder", "test_efficientnet", *TINY, "--out", run],
        ["train", data, "--encoder", "test_efficientnet", *TINY, "--out", run, "--resume"],
        ["evaluate", run, data, "--out", out / "scores"],
        ["predict", run, images, "--out", out / "predicted", "--overlay"],
        ["export", run, "--format", "onnx", "--int8", "--data", data, "--budget", "100", "--out", out / "model.onnx"],
        ["predict", out / "model.onnx", images, "--out", out / "by_file"],
        ["evaluate", out / "model.onnx", data],
        ["bench", run, "--size", "32x32"],
        ["calibrate", run, data, "--out", out / "calibrated"],
        ["measure", run, images, "--out", out / "measured"],
        ["audit", run, data, "--unlabeled", images, "--out", out / "audited"],
        ["study", data, "--encoders", "test_efficientnet,test_resnet", *TINY, "--out", out / "study"],
        ["compare", first, second, "--out", out / "compared"],
    ]
    return [[str(word) for word in command] for command in argv]


def test_every_command_leaves_the_data_set_as_it_was(tmp_path: Path, streetseg: Run) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid", n_train=4, n_val=5)
    (folder / "train" / ".DS_Store").write_bytes(b"x")
    before = corpus.state(tmp_path / "camvid")
    called = set()

    for argv in commands(f"camvid:{folder}", folder / "val", tmp_path / "out"):
        done = streetseg(*argv)
        called.add(argv[0])

        assert done.code == 0, f"{argv}: {done.err}"
        assert corpus.state(tmp_path / "camvid") == before, argv

    assert called | WITHOUT_DATA == set(COMMANDS)  # who adds a command says here whether it meets a data set


MAKERS = {
    "original": ("camvid", tiny.camvid_original),
    "folders": ("cityscapes", tiny.cityscapes_folder),
    "archives": ("cityscapes", tiny.cityscapes_zips),
    "own": ("folder", tiny.folder_yaml),
}


@pytest.mark.parametrize("layout", MAKERS)
def test_every_layout_is_read_in_place(layout: str, tmp_path: Path, streetseg: Run) -> None:
    kind, make = MAKERS[layout]
    data = f"{kind}:{make(tmp_path / 'data')}"
    before = corpus.state(tmp_path / "data")

    done = streetseg("check", data, "--report", tmp_path / "page.html")

    assert done.code == 0, done.err
    assert corpus.state(tmp_path / "data") == before


def test_scenes_are_read_again_and_not_changed(tmp_path: Path, streetseg: Run) -> None:
    assert streetseg("scenes", tmp_path / "street", "--count", 6, "--size", "64x96").code == 0
    before = corpus.state(tmp_path / "street")

    report = json.loads(streetseg("check", f"cityscapes:{tmp_path / 'street'}", "data.space=street-11", "--json").out)

    assert {name: split["images"] for name, split in report["splits"].items()} == {"train": 5, "val": 1}
    assert not report["errors"]
    assert corpus.state(tmp_path / "street") == before


@pytest.fixture
def obedient(tmp_path: Path) -> list[str]:
    """Return the words in front of a command that make permissions hold for it, also if the user is root."""
    rights = "-dac_override,-dac_read_search"  # capabilities(7): with these, root passes every permission check
    argv = [] if os.geteuid() else ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"]
    secret = tmp_path / "secret"
    secret.touch(mode=0o000)
    try:
        tried = subprocess.run([*argv, "cat", str(secret)], capture_output=True, text=True)
    except FileNotFoundError:
        missing("permissions", "root may read everything, and there is no setpriv to give that up")
    if "Permission denied" not in tried.stderr:
        missing("permissions", f"root may read everything here: {tried.stderr.strip()}")
    return argv


@pytest.mark.bad_input(20, "a read-only data set works: check, train, resume, evaluate, predict")
def test_a_read_only_data_set_works(obedient: list[str], tmp_path: Path) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid", n_train=4, n_val=5)
    out = tmp_path / "out"
    out.mkdir()
    every = commands(f"camvid:{folder}", folder / "val", out)
    of_the_run = [argv for argv in every if argv[0] in ("check", "train", "evaluate", "predict")]
    few = [argv for argv in of_the_run if not any("model.onnx" in word for word in argv)]
    (tmp_path / "commands.json").write_text(json.dumps(few))
    before = corpus.state(folder)

    allow(folder, write=False)
    try:
        assert subprocess.run([*obedient, "touch", str(folder / "new")], capture_output=True).returncode != 0
        command = [*obedient, sys.executable, "-c", SCRIPT, str(tmp_path / "commands.json")]
        done = subprocess.run(command, capture_output=True, text=True, cwd=out)
    finally:
        allow(folder, write=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert (out / "run" / "report.html").is_file()
    assert (out / "scores" / "scores.json").is_file()
    assert corpus.state(folder) == before


@pytest.mark.bad_input(20, "a folder or file that may not be read is named; exit 2")
@pytest.mark.parametrize("name", ["train", "train/0001TP_006720.png"])
def test_what_may_not_be_read_is_named(name: str, obedient: list[str], tmp_path: Path) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    mode = (folder / name).stat().st_mode
    (folder / name).chmod(0)
    try:
        command = [*obedient, sys.executable, "-m", "streetseg", "check", f"camvid:{folder}"]
        done = subprocess.run(command, capture_output=True, text=True)
    finally:
        (folder / name).chmod(mode)

    assert done.returncode == 2
    assert str(folder / name) in done.stderr
    assert "Permission denied" in done.stderr
    assert "Traceback" not in done.stderr


def allow(folder: Path, *, write: bool) -> None:
    """Allow or forbid writing to the folder and everything below it."""
    for path in (folder, *folder.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | 0o200 if write else mode & ~0o222)
