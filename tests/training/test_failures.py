"""Failures during training: each has a complete message, and no saved state is lost."""

import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import tiny
from forked import command, fork, kill
from same_run import assert_same_run, newest_state
from short_run import STEP, Argv, events, train
from streetseg.errors import TrainingError
from streetseg.training.failures import compilation_explained

resource = pytest.importorskip("resource", reason="needs the limits of a Unix process")


@pytest.fixture(scope="module")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.camvid_segnet(tmp_path_factory.mktemp("data") / "camvid", n_train=6, n_val=2, size=(32, 64))


@pytest.fixture(scope="module")
def uninterrupted(camvid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert fork(command(*train(camvid, out))) == 0
    return out


def images(text: str, camvid: Path, split: str = "train") -> list[str]:
    """Return the images of the data set that a message names."""
    return re.findall(rf"{re.escape(str(camvid))}/{split}/\w+\.png", text)


# Ignored pixels alone


@pytest.mark.bad_input(21, "the step has loss 0; such pixels, crops and batches are counted in the journal")
def test_ignored_batches_cost_nothing_and_are_counted(camvid, tmp_path, streetseg) -> None:
    data = tmp_path / "camvid"
    shutil.copytree(camvid, data)
    masks = [*sorted((data / "trainannot").iterdir())[:3], sorted((data / "valannot").iterdir())[0]]
    for mask in masks:
        Image.new("L", (64, 32), 11).save(mask)  # void

    done = streetseg(*train(data, tmp_path / "run", epochs=4))

    assert done.code == 0, done.err
    steps, epochs = events(tmp_path / "run", "step"), events(tmp_path / "run", "epoch")
    assert all(math.isfinite(step["loss"]) for step in steps)
    free = [sum(step["loss"] == 0.0 for step in steps if step["epoch"] == epoch) for epoch in (1, 2, 3, 4)]
    assert sum(free) > 0  # pairs of the three fall into one batch in some epoch
    assert [epoch["ignored_only_batches"] for epoch in epochs] == free
    assert all(epoch["ignored_only_crops"] >= 3 for epoch in epochs)
    assert all(epoch["ignored_pixels"] > 3 * 32 * 64 for epoch in epochs)
    assert all(epoch["ignored_only_val_images"] == 1 for epoch in epochs)
    assert all(math.isfinite(epoch["val_loss"]) for epoch in epochs)


# Not a number


@pytest.mark.bad_input(
    22, "training stops: step, lr, loss terms and files of the batch are named; the last checkpoint is kept"
)
def test_a_run_that_diverges(camvid, uninterrupted, tmp_path, streetseg) -> None:
    """After one good epoch, the learning rate is so large that the loss diverges."""
    run = tmp_path / "run"
    assert fork(command(*train(camvid, run)), at=STEP, call=4, do=kill) == -9

    done = streetseg(*train(camvid, run, "--resume", "--force", optim__lr="1e30", optim__warmup=0))

    assert done.code == 1
    problem = done.err[done.err.index("error: ") :]
    assert re.match(
        r"error: the (loss|gradient) is not a finite number at step 5 \(lr \d(\.\d+)?e\+\d\d, "
        r"loss terms: cross_entropy \S+, dice \S+\)\nwhere: ",
        problem,
    )
    assert len(set(images(problem, camvid))) == 2
    assert "--resume --force and a lower optim.lr" in problem
    assert newest_state(run)["name"] == "epoch-001"
    assert streetseg(*train(camvid, run, "--resume", "--force")).code == 0
    assert_same_run(run, uninterrupted)


@pytest.mark.bad_input(22, "weights that diverge in an epoch's last step are found in validation and not saved")
def test_a_run_that_diverges_in_the_last_step_of_an_epoch(camvid, uninterrupted, tmp_path, streetseg) -> None:
    run = tmp_path / "run"
    assert fork(command(*train(camvid, run)), at=STEP, call=4, do=kill) == -9

    wild = {"optim__lr": "1e30", "optim__warmup": 0, "optim__ema": "none", "train__batch": 6}
    done = streetseg(*train(camvid, run, "--resume", "--force", **wild))

    assert done.code == 1
    assert "error: the validation loss is not a finite number after step 2 (lr " in done.err
    assert newest_state(run)["name"] == "epoch-001"
    assert streetseg(*train(camvid, run, "--resume", "--force")).code == 0
    assert_same_run(run, uninterrupted)


# No room


LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
import streetseg.training.train, streetseg.report.report
from streetseg.cli.main import main
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 150_000_000, resource.RLIM_INFINITY))
sys.argv[0] = "streetseg"
main()
"""


def limited(kind: int, amount: int, argv: Argv) -> Callable[[], None]:
    """Return work for a fork that runs the command under a limit of the kernel."""

    def work() -> None:
        resource.setrlimit(kind, (amount, resource.getrlimit(kind)[1]))
        command(*argv)()

    return work


@pytest.mark.bad_input(25, "bytes needed and free are named; the run resumes from the earlier checkpoint bit for bit")
def test_a_full_disk(camvid, uninterrupted, tmp_path, capfd, streetseg) -> None:
    """A limit on the size of files simulates it: networks fit, checkpoints with the optimizer's state do not."""
    run = tmp_path / "run"
    assert fork(command(*train(camvid, run)), at=STEP, call=5, do=kill) == -9
    capfd.readouterr()
    state = run / "checkpoints" / "epoch-001" / "state.pt"

    code = fork(limited(resource.RLIMIT_FSIZE, state.stat().st_size // 2, train(camvid, run, "--resume")))

    err = capfd.readouterr().err
    assert code == 1
    said = re.search(
        r"^error: the file cannot be saved: ([\d,]+) bytes are needed, ([\d,]+) bytes are free \(File too", err, re.M
    )
    assert said
    needed, free = (int(number.replace(",", "")) for number in said.groups())
    assert 0.8 < needed / state.stat().st_size < 1.2
    assert abs(free / shutil.disk_usage(run).free - 1) < 0.5
    assert f"where: {run / 'checkpoints' / 'epoch-002'}\n" in err
    assert newest_state(run)["name"] == "epoch-001"
    assert streetseg(*train(camvid, run, "--resume")).code == 0
    assert_same_run(run, uninterrupted)


@pytest.mark.bad_input(25, "the same for the journal, the best network and the scores")
@pytest.mark.parametrize("file", ["journal.jsonl", "best", "evaluation"])
def test_a_full_disk_anywhere(file, camvid, uninterrupted, tmp_path, capfd, streetseg) -> None:
    run = tmp_path / "run"
    at = "streetseg.training.train:finish_run" if file == "evaluation" else "streetseg.training.fit:validate"
    assert fork(command(*train(camvid, run)), at=at, do=kill) == -9
    capfd.readouterr()
    limit = {"journal.jsonl": (run / "journal.jsonl").stat().st_size + 50, "best": 200_000, "evaluation": 5000}[file]

    code = fork(limited(resource.RLIMIT_FSIZE, limit, train(camvid, run, "--resume")))

    err = capfd.readouterr().err
    assert code == 1
    assert "error: the file cannot be saved: " in err
    assert f"where: {run / file}\n" in err
    assert streetseg(*train(camvid, run, "--resume")).code == 0
    assert_same_run(run, uninterrupted)


@pytest.mark.bad_input(29, "the error names batch, crop, bytes needed and free, and smaller settings; nothing is lost")
def test_out_of_memory(camvid, tmp_path, streetseg) -> None:
    """The address space is limited to what the process has and a little more; the second epoch has larger crops.

    In a new process: a fork would find what earlier tests have freed, and need no more.
    """
    run = tmp_path / "run"
    settings = {"augment__crop": "1024x1024", "augment__early_crop": "32x32", "augment__early": 0.5, "train__batch": 4}

    argv = map(str, train(camvid, run, epochs=2, **settings))
    done = subprocess.run([sys.executable, "-c", LITTLE_MEMORY, *argv], capture_output=True, text=True)

    err = done.stderr
    assert done.returncode == 1, err
    said = re.search(
        r"^error: out of memory on cpu: ([\d,]+) bytes were asked for, ([\d,]+) bytes are available; "
        r"a step trains on 4 crops of 1024x1024$",
        err,
        re.M,
    )
    assert said, err
    requested, available = (int(number.replace(",", "")) for number in said.groups())
    assert requested > 1_000_000
    assert available < 150_000_000
    assert "--resume --force and train.batch=2 or augment.crop=704x704" in err
    assert newest_state(run)["name"] == "epoch-001"
    smaller = settings | {"augment__crop": "32x32", "train__batch": 2}
    assert streetseg(*train(camvid, run, "--resume", "--force", epochs=2, **smaller)).code == 0


# The compiler


def test_a_network_that_cannot_be_compiled_says_how_to_go_on() -> None:
    class RefusedError(RuntimeError):
        """A stand-in for the error of torch._dynamo, whose import takes a second."""

    RefusedError.__module__ = "torch._dynamo.exc"
    with (
        pytest.raises(TrainingError, match=r"cannot be compiled \(no C compiler\)") as stopped,
        compilation_explained(),
    ):
        raise RefusedError("\nno C compiler\nand a long story")
    assert "--resume train.compile=off" in str(stopped.value.hint)
    with pytest.raises(RefusedError, match="bad_alloc"), compilation_explained():
        raise RefusedError("std::bad_alloc")  # memory is explained elsewhere
    with pytest.raises(RuntimeError, match="a bug of ours"), compilation_explained():
        raise RuntimeError("a bug of ours")


# The reader


@pytest.mark.bad_input(30, "a store that is cut while it is read: both paths of the sample; --resume builds it again")
def test_a_store_that_is_cut_while_it_is_read(camvid, uninterrupted, tmp_path, capfd, streetseg, monkeypatch) -> None:
    run, cache = tmp_path / "run", tmp_path / "cache"
    monkeypatch.setenv("STREETSEG_CACHE", str(cache))

    def cut() -> None:
        [pixels] = cache.glob("store/*train*/*/images.u8")
        os.truncate(pixels, 100)

    code = fork(command(*train(camvid, run)), at=STEP, call=4, do=cut)

    err = capfd.readouterr().err
    assert code == 1
    assert "error: an image cannot be read: a file of the store was truncated while it was in use" in err
    [image] = images(err, camvid)
    assert image.replace("/train/", "/trainannot/") in err
    assert streetseg(*train(camvid, run, "--resume")).code == 0
    assert_same_run(run, uninterrupted)


@pytest.mark.bad_input(30, "a reader that hangs is an error within a minute, with the paths of its batch")
def test_a_reader_that_hangs(camvid, uninterrupted, tmp_path, capfd, streetseg, monkeypatch) -> None:
    from streetseg.data import batches

    assert batches._TIMEOUT < 60
    monkeypatch.setattr(batches, "_TIMEOUT", 0.5)
    run = tmp_path / "run"

    code = fork(
        command(*train(camvid, run)), at="streetseg.data.batches:read_pair", call=9, do=lambda: time.sleep(1000)
    )

    err = capfd.readouterr().err
    assert code == 1
    assert "error: no batch was read for 0 s" in err
    assert len(set(images(err, camvid))) == 2
    monkeypatch.undo()
    assert streetseg(*train(camvid, run, "--resume")).code == 0
    assert_same_run(run, uninterrupted)


# Sizes


@pytest.mark.bad_input(
    23, "a batch of one, or a training split of one image: refused, as batch norm cannot train on it"
)
@pytest.mark.parametrize(
    ("n_train", "batch", "said"), [(6, 1, "train.batch: found 1, expected at least 2"), (1, 2, "")]
)
def test_batch_norm_needs_two(n_train, batch, said, tmp_path, streetseg) -> None:
    data = tiny.camvid_segnet(tmp_path / "camvid", n_train=n_train, n_val=2, size=(32, 64))

    done = streetseg(*train(data, tmp_path / "run", train__batch=batch))

    assert done.code == 2
    assert (said or "batch norm needs two or more") in done.err
    assert not (tmp_path / "run").exists()


@pytest.mark.bad_input(23, "crops of any size train, down to one pixel")
@pytest.mark.parametrize("crop", ["1x1", "33x47"])
def test_odd_crops_train(crop, camvid, tmp_path, streetseg) -> None:
    done = streetseg(*train(camvid, tmp_path / "run", epochs=1, augment__crop=crop))

    assert done.code == 0, done.err


@pytest.mark.bad_input(23, "images of any size are labeled at their own size, one at a time or several")
def test_images_of_any_size_are_predicted(uninterrupted, tmp_path, streetseg) -> None:
    sizes = [(1, 1), (1, 7), (31, 33), (32, 32), (64, 3), (101, 333)]
    for height, width in sizes:
        tiny.save(tmp_path / "in" / f"{height}x{width}.png", tiny.street(5, (height, width))[0])

    done = streetseg("predict", uninterrupted, tmp_path / "in", "--out", tmp_path / "out")

    assert done.code == 0, done.err
    for height, width in sizes:
        assert Image.open(tmp_path / "out" / f"{height}x{width}_ids.png").size == (width, height)


# Damaged checkpoints


def flip(path: Path) -> None:
    whole = path.read_bytes()
    half = len(whole) // 2
    path.write_bytes(whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :])


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.bad_input(
    26, "found by its SHA-256; the earlier one is taken with a warning; the end is equal bit for bit"
)
@pytest.mark.parametrize(
    ("file", "harm"),
    [
        ("state.pt", flip),
        ("state.pt", cut),
        ("state.pt", Path.unlink),
        ("manifest.json", cut),
        ("manifest.json", Path.unlink),
    ],
)
def test_a_damaged_checkpoint(file, harm, camvid, uninterrupted, tmp_path, streetseg) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    harm(run / "checkpoints" / "epoch-003" / file)

    done = streetseg(*train(camvid, run, "--resume"))

    assert done.code == 0, done.err
    assert re.search(r"^warning: checkpoint .*/epoch-003 is damaged \(.*\); trying the one before$", done.err, re.M)
    assert events(run, "resume")[-1]["epochs_done"] == 2
    assert_same_run(run, uninterrupted)


@pytest.mark.bad_input(26, "a damaged or lost best network is written again from the best epoch's checkpoint")
@pytest.mark.parametrize("harm", [flip, cut, Path.unlink])
def test_a_damaged_best_network(harm, camvid, uninterrupted, tmp_path, streetseg) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    harm(run / "best" / "weights.safetensors")

    done = streetseg(*train(camvid, run, "--resume"))

    assert done.code == 0, done.err
    assert "warning: the best bundle was not that of epoch" in done.err
    assert_same_run(run, uninterrupted)


@pytest.mark.bad_input(26, "if no whole checkpoint is left, an error names all of them")
def test_nothing_whole_left(camvid, uninterrupted, tmp_path, streetseg) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    for state in (run / "checkpoints").rglob("state.pt"):
        cut(state)

    done = streetseg(*train(camvid, run, "--resume"))

    assert done.code == 1
    assert "error: every checkpoint is damaged" in done.err
    assert all(str(path) in done.err for path in (run / "checkpoints").iterdir())
