"""Runs on shards of an object store, through the real command: the same bits as on shards of this machine."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import tiny
from forked import command, fork
from loopback import loopback_s3, upload
from short_run import STEP, Argv, events, train
from streetseg.atomic import sha256
from streetseg.data.convert.shards import write_shards
from streetseg.data.open import open_source
from streetseg.recipe.schema import Data

BUFFER = 2  # samples of a window, so that three shards are three windows


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write three shards of two training images, and one of two validation images."""
    camvid = tiny.camvid_segnet(tmp_path_factory.mktemp("data") / "camvid", n_train=6, n_val=2, size=(32, 64))
    folder = tmp_path_factory.mktemp("data") / "shards"
    write_shards(open_source(Data(source=f"camvid:{camvid}")), folder, shard_bytes=12_000)
    assert [path.name for path in sorted(folder.glob("*.tar"))] == [
        "train-00000.tar", "train-00001.tar", "train-00002.tar", "val-00003.tar",
    ]  # fmt: skip
    return folder


@pytest.fixture
def bucket() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, loopback_s3(patch) as address:
        yield address


def test_a_run_on_remote_shards_that_was_stopped_ends_in_the_bits_of_one_on_local_shards(
    shards, bucket, tmp_path, monkeypatch, capfd
) -> None:
    monkeypatch.setattr("streetseg.data.augment.rng.BUFFER", BUFFER)
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "cache"))
    upload(shards, f"{bucket}/shards")
    local, remote = tmp_path / "local", tmp_path / "remote"
    # The training images (49 kB) are decoded on the fly, those of the validation (16 kB) are kept.
    flying = run_on(f"shards:{bucket}/shards", remote, "data.cache_gb=3e-5")

    assert fork(command(*run_on(f"shards:{shards}", local))) == 0
    assert fork(command(*flying), at=STEP, call=4, do=lambda: os.kill(os.getpid(), signal.SIGINT)) == 130
    assert fork(command(*flying, "--resume")) == 0

    assert "Traceback" not in capfd.readouterr().err
    assert [event["on_the_fly"] for event in (*events(remote, "start"), *events(remote, "resume"))] == [["train"]] * 2
    for file in ("best/weights.safetensors", "results.csv"):
        assert sha256(remote / file) == sha256(local / file)
    assert not list((tmp_path / "cache" / "shards").glob("*/*/*.tar"))  # nothing of what was fetched is left


def run_on(data: str, out: Path, *flags: object) -> Argv:
    """Return the arguments of a short run on any data."""
    name, _, *others = train(Path(), out, *flags, epochs=2)
    return (name, data, *others)
