"""Checkpoints: written whole, checked before use; the last whole one is never lost."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from streetseg.atomic import sha256
from streetseg.errors import TrainingError
from streetseg.runtime.checkpoint import checkpoint_name, checkpoints, load_newest_checkpoint, save_checkpoint

SAVE_WITH_A_LIMIT = """
import resource, sys
from pathlib import Path
import torch
from streetseg.errors import TrainingError
from streetseg.runtime.checkpoint import save_checkpoint

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    save_checkpoint(Path(sys.argv[1]), "epoch-002", {"weights": torch.zeros(250_000)}, keep=1)
except TrainingError as error:
    print(error)
"""


def state(epoch: int) -> dict[str, Any]:
    return {"epoch": epoch, "weights": torch.full((3, 4), float(epoch)), "nested": {"list": [1, 2.5, None, "text"]}}


def save(folder: Path, *epochs: int, keep: int = 99) -> None:
    for epoch in epochs:
        save_checkpoint(folder, f"epoch-{epoch:03d}", state(epoch), keep=keep)


def names(folder: Path) -> list[str]:
    return [path.name for path in checkpoints(folder)]


def newest(folder: Path) -> int:
    newest_checkpoint = load_newest_checkpoint(folder)
    assert newest_checkpoint is not None
    assert newest_checkpoint[0].name == f"epoch-{newest_checkpoint[1]['epoch']:03d}"
    return int(newest_checkpoint[1]["epoch"])


def test_a_state_comes_back_bit_for_bit(tmp_path: Path) -> None:
    weights = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    random = torch.get_rng_state()

    save_checkpoint(tmp_path, "epoch-001", state(1) | {"weights": weights, "random": random}, keep=1)

    newest_checkpoint = load_newest_checkpoint(tmp_path)
    assert newest_checkpoint is not None
    path, loaded = newest_checkpoint
    assert path == tmp_path / "epoch-001"
    assert torch.equal(loaded["weights"], weights)
    assert torch.equal(loaded["random"], random)
    assert loaded["nested"] == state(1)["nested"]


def test_no_checkpoint_at_all(tmp_path: Path) -> None:
    assert load_newest_checkpoint(tmp_path) is None
    assert load_newest_checkpoint(tmp_path / "nowhere") is None


@pytest.mark.bad_input(26, "the best epoch's checkpoint is never dropped")
def test_the_best_epoch_s_is_kept_beside_the_newest(tmp_path: Path) -> None:
    for epoch in (1, 2, 3, 4, 5):
        save_checkpoint(tmp_path, f"epoch-{epoch:03d}", state(epoch), keep=1, best="epoch-002" if epoch > 1 else None)

    assert names(tmp_path) == ["epoch-002", "epoch-005"]


def test_one_in_the_middle_of_an_epoch_takes_no_other_s_place(tmp_path: Path) -> None:
    save(tmp_path, 1, 2, keep=2)
    for steps in (7, 14):
        save_checkpoint(tmp_path, checkpoint_name(2, steps), state(2), keep=2)

    assert names(tmp_path) == ["epoch-001", "epoch-002", "epoch-002-step-00014"]
    save(tmp_path, 3, keep=2)
    assert names(tmp_path) == ["epoch-002", "epoch-003"]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    save(tmp_path, 1, 2, 3, 4, 5, keep=2)

    assert names(tmp_path) == ["epoch-004", "epoch-005"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-004", "epoch-005"]


def test_the_thousandth_epoch_is_newer_than_the_one_before(tmp_path: Path) -> None:
    save(tmp_path, 998, 999, 1000, keep=2)

    assert names(tmp_path) == ["epoch-999", "epoch-1000"]
    assert newest(tmp_path) == 1000


@pytest.mark.bad_input(26, "each file of a checkpoint is checked before use: cut, empty, one bit changed, missing")
@pytest.mark.parametrize("file", ["state.pt", "manifest.json"])
@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "remove"])
def test_the_one_before_is_taken_when_the_newest_is_damaged(
    file: str, harm: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path, 1, 2, 3)
    victim = tmp_path / "epoch-003" / file
    whole = victim.read_bytes()
    half = len(whole) // 2
    match harm:
        case "flip":
            victim.write_bytes(whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :])
        case "cut":
            victim.write_bytes(whole[:half])
        case "empty":
            victim.write_bytes(b"")
        case "remove":
            victim.unlink()

    with caplog.at_level(logging.WARNING, "streetseg"):
        assert newest(tmp_path) == 2

    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"checkpoint {tmp_path / 'epoch-003'} is damaged (")
    assert caplog.messages[0].endswith("trying the one before")


@pytest.mark.parametrize("manifest", ["{}", "[]", '"text"', '{"other.pt": "0"}'])
def test_a_manifest_that_names_no_state_vouches_for_none(tmp_path: Path, manifest: str) -> None:
    save(tmp_path, 1, 2)
    (tmp_path / "epoch-002" / "manifest.json").write_text(manifest)

    assert newest(tmp_path) == 1


def test_all_damaged_is_an_error_that_names_them(tmp_path: Path) -> None:
    save(tmp_path, 1, 2)
    for path in checkpoints(tmp_path):
        (path / "state.pt").write_bytes(b"")

    with pytest.raises(TrainingError, match="every checkpoint is damaged") as stopped:
        load_newest_checkpoint(tmp_path)
    assert stopped.value.where == (str(tmp_path / "epoch-001"), str(tmp_path / "epoch-002"))


class Trap:
    """An object that makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.mark), "w")


def test_a_state_that_would_run_code_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its manifest has the correct SHA-256."""
    save(tmp_path, 1, 2)
    poisoned = tmp_path / "epoch-002" / "state.pt"
    torch.save({"epoch": Trap(tmp_path / "sprung")}, poisoned)
    (poisoned.parent / "manifest.json").write_text(json.dumps({"state.pt": sha256(poisoned)}))

    assert newest(tmp_path) == 1

    assert not (tmp_path / "sprung").exists()
    assert "epoch-002 is damaged" in caplog.text


def test_dropping_old_ones_never_leaves_only_damaged_ones(tmp_path: Path) -> None:
    """Epochs 4 and 5 are damaged, and the run continues from epoch 3 with a smaller `keep_last`."""
    save(tmp_path, 3, 4, 5)
    for epoch in (4, 5):
        (tmp_path / f"epoch-{epoch:03d}" / "state.pt").write_bytes(b"")
    assert newest(tmp_path) == 3

    save(tmp_path, 4, keep=1)

    assert newest(tmp_path) == 4
    assert names(tmp_path) == ["epoch-004"]


@pytest.mark.bad_input(26, "a checkpoint that cannot be read back is an error, and the earlier ones are kept")
def test_a_checkpoint_that_is_damaged_while_it_is_written_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk stores other bytes than were written."""
    save(tmp_path, 1)

    def forgetful(path: Path) -> None:
        if path.parent.name == "epoch-002":
            path.write_bytes(b"something else")

    monkeypatch.setattr("streetseg.runtime.checkpoint.drop_cached", forgetful)
    with pytest.raises(TrainingError, match="was just written and cannot be read back") as stopped:
        save(tmp_path, 2, keep=1)

    assert stopped.value.where == (str(tmp_path / "epoch-002"),)
    assert newest(tmp_path) == 1


def test_a_checkpoint_is_replaced_whole(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / "epoch-001" / "stray").touch()

    save(tmp_path, 1)

    assert sorted(path.name for path in (tmp_path / "epoch-001").iterdir()) == ["manifest.json", "state.pt"]


@pytest.mark.bad_input(25, "the earlier checkpoint still loads; the error names the bytes needed and free")
def test_a_full_disk_keeps_the_checkpoint_before_and_is_told_in_bytes(tmp_path: Path) -> None:
    save(tmp_path, 1)

    done = subprocess.run(
        (sys.executable, "-c", SAVE_WITH_A_LIMIT, tmp_path), capture_output=True, text=True, timeout=300
    )

    assert done.returncode == 0, done.stderr
    assert "cannot be saved: 1,000,000 bytes are needed" in done.stdout
    assert "(File too large)" in done.stdout
    assert "bytes are free" in done.stdout
    assert "--resume" in done.stdout
    assert newest(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-001"]
