"""Stop and resume through the real command, in processes of their own."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from forked import command, fork
from same_run import assert_same_run, newest_state
from short_run import STEP, events, train


@pytest.fixture(scope="module")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.camvid_segnet(tmp_path_factory.mktemp("data") / "my camvid", n_train=6, n_val=2, size=(32, 64))


@pytest.fixture(scope="module")
def uninterrupted(camvid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert fork(command(*train(camvid, out))) == 0
    return out


def sent(*numbers: signal.Signals) -> Callable[[], None]:
    """Return a function that sends these signals to its own process."""

    def send() -> None:
        for number in numbers:
            os.kill(os.getpid(), number)

    return send


def resume_command(err: str) -> list[str]:
    """Return the arguments of the command that the message offers."""
    [offered] = re.findall(r"^stopped; to go on: streetseg (.*)$", err, flags=re.MULTILINE)
    return shlex.split(offered)


# SIGTERM and Ctrl-C


@pytest.mark.bad_input(28, "the current step is finished and saved, the resume command printed; exit 143 or 130")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_saves_its_step_and_says_how_to_go_on(
    number, code, camvid, uninterrupted, tmp_path, capfd, streetseg
) -> None:
    run = tmp_path / "my run"

    assert fork(command(*train(camvid, run)), at=STEP, call=5, do=sent(number)) == code

    assert newest_state(run)["name"] == "epoch-001-step-00002"
    assert events(run, "stop")[0]["signal"] == number.name
    argv = resume_command(capfd.readouterr().err)
    assert argv == [*map(str, train(camvid, run)), "--resume"]

    done = streetseg(*argv)

    assert done.code == 0, done.err
    assert [event["step"] for event in events(run, "step")] == list(range(1, 10))  # no step twice
    assert_same_run(run, uninterrupted)


@pytest.mark.bad_input(28, "the same in validation and between epochs; no step is repeated")
@pytest.mark.parametrize(
    ("at", "call", "name"),
    [
        ("streetseg.inference.predictor:Predictor.logits", 3, "epoch-001-step-00003"),
        ("streetseg.training.recorder:save_checkpoint", 3, "epoch-002"),
    ],
)
def test_a_stop_in_validation_or_while_an_epoch_is_saved(
    at, call, name, camvid, uninterrupted, tmp_path, streetseg
) -> None:
    run = tmp_path / "run"

    assert fork(command(*train(camvid, run)), at=at, call=call, do=sent(signal.SIGTERM)) == 143

    assert newest_state(run)["name"] == name
    done = streetseg(*train(camvid, run, "--resume"))
    assert done.code == 0, done.err
    assert [event["step"] for event in events(run, "step")] == list(range(1, 10))
    assert_same_run(run, uninterrupted)


@pytest.mark.bad_input(28, "outside the loop the command ends at once; it prints the resume command if there is a run")
@pytest.mark.parametrize(
    ("at", "resumable"),
    [
        ("streetseg.training.prepare:check_files", False),
        ("streetseg.training.prepare:make_train_state", False),
        ("streetseg.training.prepare:describe_environment", True),
        ("streetseg.training.finish:write_evaluation", True),
        ("streetseg.report.report:write_report", True),
    ],
)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stop_outside_the_loop(
    number, code, at, resumable, camvid, uninterrupted, tmp_path, capfd, streetseg
) -> None:
    run = tmp_path / "run"

    assert fork(command(*train(camvid, run)), at=at, do=sent(number)) == code

    err = capfd.readouterr().err
    assert run.exists() == resumable
    assert ("to go on" in err) == resumable
    if resumable and number is signal.SIGTERM:
        assert streetseg(*resume_command(err)).code == 0
        assert (run / "report.html").is_file()
        assert_same_run(run, uninterrupted)


@pytest.mark.bad_input(28, "a second Ctrl-C ends the process at once; the last checkpoint is kept")
def test_a_second_ctrl_c_does_not_wait(camvid, uninterrupted, tmp_path, capfd, streetseg) -> None:
    run = tmp_path / "run"

    assert fork(command(*train(camvid, run)), at=STEP, call=5, do=sent(signal.SIGINT, signal.SIGINT)) == 130

    assert events(run, "stop") == []
    assert newest_state(run)["name"] == "epoch-001"
    assert streetseg(*resume_command(capfd.readouterr().err)).code == 0
    assert_same_run(run, uninterrupted)


@pytest.mark.bad_input(28, "the same for a process that is terminated by another one")
def test_a_real_process_is_terminated(camvid: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    argv = train(camvid, run, epochs=100_000)
    process = subprocess.Popen([sys.executable, "-m", "streetseg", *map(str, argv)], stderr=subprocess.PIPE, text=True)
    while not (run / "journal.jsonl").exists() or len(events(run, "step")) < 5:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)

    _, err = process.communicate()

    assert process.returncode == 143
    assert resume_command(err) == [*map(str, argv), "--resume"]
    last = events(run, "step")[-1]["step"]
    assert newest_state(run)["steps_done"] == last == events(run, "stop")[0]["step"]


# Another recipe, other data


@pytest.mark.bad_input(27, "refused; each difference is listed with both values; exit 2, nothing changed")
def test_another_recipe_is_refused(uninterrupted, camvid, tmp_path, streetseg) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    before = snapshot(run)

    done = streetseg(*train(camvid, run, "--resume", epochs=5, optim__lr=0.01, optim__ema="none"))

    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        "error: the run was made from another recipe or other data",
        f"where: {run}: optim.lr: was 0.001, is 0.01",
        f"       {run}: optim.ema: was 0.99, is None",
        f"       {run}: train.epochs: was 3, is 5",
        "hint:  --resume with the recipe and data as they were, or --force to go on all the same",
    ]
    assert snapshot(run) == before


@pytest.mark.bad_input(27, "a recipe that was edited in the run folder is detected")
def test_the_checkpoint_itself_knows_the_recipe(uninterrupted, camvid, tmp_path, streetseg) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    text = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(text.replace("epochs: 3", "epochs: 5"))

    done = streetseg("train", f"camvid:{camvid}", "--recipe", run / "recipe.yaml", "--out", run, "--resume")

    assert done.code == 2
    assert "train.epochs: was 3, is 5" in done.err


def test_what_decides_nothing_may_differ(uninterrupted, camvid, tmp_path, streetseg, monkeypatch) -> None:
    """Path of the data, number of checkpoints, device and printing may change."""
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    monkeypatch.chdir(camvid.parent)
    other = {"train__keep_last": 1, "train__save_steps": 7, "train__device": "auto", "data__max_megapixels": 50}

    done = streetseg(*(word for word in train(Path(camvid.name), run, "--resume", **other) if word != "--quiet"))

    assert done.code == 0, done.err
    for file in ("best/weights.safetensors", "results.csv"):
        assert (run / file).read_bytes() == (uninterrupted / file).read_bytes()


def one_more_image(camvid: Path) -> None:
    for folder in ("train", "trainannot"):
        first = sorted((camvid / folder).iterdir())[0]
        shutil.copyfile(first, first.with_name("0001TP_999990.png"))
    line = "/SegNet/CamVid/train/0001TP_999990.png /SegNet/CamVid/trainannot/0001TP_999990.png\n"
    with (camvid / "train.txt").open("a") as listed:
        listed.write(line)


def another_mask(camvid: Path) -> None:
    path = sorted((camvid / "valannot").iterdir())[0]
    label = np.array(Image.open(path))
    label[:4] = 3
    Image.fromarray(label).save(path)


@pytest.mark.bad_input(27, "changed data are refused with both fingerprints; --force continues with the new data")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (one_more_image, r"data, train split: was 6 images with fingerprint \w{12}, is 7 images with "),
        (another_mask, r"data, val split: was 2 images with fingerprint \w{12}, is 2 images with "),
    ],
)
def test_other_data_are_refused(change, said, uninterrupted, camvid, tmp_path, streetseg) -> None:
    run, data = tmp_path / "run", tmp_path / "camvid"
    shutil.copytree(uninterrupted, run)
    shutil.copytree(camvid, data, copy_function=shutil.copyfile)  # with times of its own: the same data all the same
    same = streetseg(*train(data, run, "--resume"))
    change(data)

    refused = streetseg(*train(data, run, "--resume"))
    forced = streetseg(*train(data, run, "--resume", "--force", epochs=4))
    again = streetseg(*train(data, run, "--resume", epochs=4))

    assert same.code == 0, same.err
    assert refused.code == 2
    assert re.search(said, refused.err)
    assert forced.code == 0, forced.err
    assert re.search(said, " ".join(events(run, "resume")[-2]["forced"]))
    assert again.code == 0, again.err


@pytest.mark.bad_input(27, "--force: the new recipe holds from the last checkpoint on and becomes the run's recipe")
def test_force_goes_on_with_the_new_recipe(uninterrupted, camvid, tmp_path, streetseg) -> None:
    run = tmp_path / "run"
    assert fork(command(*train(camvid, run)), at=STEP, call=5, do=sent(signal.SIGTERM)) == 143
    other = {"optim__lr": 0.01, "train__batch": 3, "optim__ema": "none"}

    forced = streetseg(*train(camvid, run, "--resume", "--force", epochs=4, **other))
    again = streetseg(*train(camvid, run, "--resume", epochs=4, **other))

    assert forced.code == 0, forced.err
    rows = (run / "results.csv").read_text().splitlines()
    assert len(rows) == 5
    assert rows[1][:-1] == (uninterrupted / "results.csv").read_text().splitlines()[1][:-1]  # but for "best"
    steps = events(run, "step")
    assert [step["step"] for step in steps] == [1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8]  # the cut epoch, anew in 2 steps
    assert max(step["lr"] for step in steps[5:]) > 0.002
    assert "epochs: 4" in (run / "recipe.yaml").read_text()
    assert again.code == 0, again.err


@pytest.mark.bad_input(27, "another network is refused even with --force")
def test_force_does_not_mix_networks(uninterrupted, camvid, tmp_path, streetseg) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)

    done = streetseg(*train(camvid, run, "--resume", "--force", model__encoder="test_resnet"))

    assert done.code == 2
    assert "the checkpoint is of another network than the recipe asks for" in done.err
    assert_same_run(run, uninterrupted)


def test_force_alone_is_refused(camvid, tmp_path, streetseg) -> None:
    done = streetseg(*train(camvid, tmp_path / "run", "--force"))

    assert done.code == 2
    assert "--force goes with --resume" in done.err
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_another_format_is_refused(uninterrupted, camvid, tmp_path, streetseg) -> None:
    import torch

    from streetseg.runtime.checkpoint import save_checkpoint

    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    state = torch.load(run / "checkpoints" / "epoch-003" / "state.pt", weights_only=True)
    save_checkpoint(run / "checkpoints", "epoch-003", {k: v for k, v in state.items() if k != "format"}, keep=1)

    done = streetseg(*train(camvid, run, "--resume"))

    assert done.code == 2
    assert "the checkpoint is in format 1, this program goes on from format 4" in done.err


# The run folder


@pytest.mark.bad_input(32, "a folder in use by another process is refused at the start, with the process id")
@pytest.mark.parametrize("more", [(), ("--resume",)])
def test_a_folder_is_not_shared_by_two_processes(more, camvid, tmp_path, streetseg) -> None:
    run = tmp_path / "run"
    held, release = os.pipe()

    def meanwhile() -> None:
        """In the first process, at its second step: run the other command, which is refused."""
        before = snapshot(run)
        assert fork(command(*train(camvid, run, *more))) == 2
        assert snapshot(run) == before
        os.write(release, b"refused")

    assert fork(command(*train(camvid, run)), at=STEP, call=2, do=meanwhile) == 0

    assert os.read(held, 100) == b"refused"
    assert streetseg(*train(camvid, run, "--resume")).code == 0  # nothing holds it any more


@pytest.mark.bad_input(32, "a folder of a killed process is free again at once")
def test_a_killed_process_leaves_no_lock(camvid, tmp_path, streetseg) -> None:
    run = tmp_path / "run"
    assert fork(command(*train(camvid, run)), at=STEP, call=2, do=sent(signal.SIGKILL)) == -9

    assert streetseg(*train(camvid, run, "--resume")).code == 0


@pytest.mark.bad_input(32, "a folder that cannot be written is refused before the data are read")
@pytest.mark.parametrize("more", [(), ("--resume",)])
def test_a_read_only_folder_is_refused(more, camvid, tmp_path, capfd) -> None:
    run = tmp_path / "run"
    run.mkdir()
    run.chmod(0o500)

    def as_an_ordinary_person() -> None:
        without_root_s_rights()
        command(*train(camvid, run, *more))()

    assert fork(as_an_ordinary_person, at="streetseg.training.prepare:open_source", do=sent(signal.SIGKILL)) == 2

    assert f"error: the run folder cannot be written (no writing in {run})" in capfd.readouterr().err
    assert list(run.iterdir()) == []


@pytest.mark.bad_input(32, "a folder that is not empty is refused; nothing is overwritten")
def test_a_used_folder_is_refused(camvid, tmp_path, streetseg) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "mine.txt").write_text("mine")

    done = streetseg(*train(camvid, run))

    assert done.code == 2
    assert done.err.startswith("error: the run folder is not empty")
    assert [path.name for path in run.iterdir()] == ["mine.txt"]


def without_root_s_rights() -> None:
    """Drop all capabilities of this process (capset(2)), so that permissions hold for root, too."""
    import ctypes

    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    nothing = (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None, use_errno=True).capset(header, nothing) == 0


def snapshot(run: Path) -> dict[str, tuple[int, int]]:
    """Return size and modification time of every file."""
    files = [path for path in run.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}
