"""Files and folders appear whole or not at all, whatever stops the writer."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streetseg.atomic import (
    atomic_folder,
    atomic_write_bytes,
    atomic_write_files,
    atomic_write_json,
    atomic_write_text,
    exchange_in_steps,
    remove_leftovers,
    sha256,
    without_nan,
)

WRITE_WITH_A_LIMIT = """
import resource, sys
from pathlib import Path
from streetseg.atomic import atomic_folder, atomic_write_bytes

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
path, kind = Path(sys.argv[1]), sys.argv[2]
try:
    if kind == "file":
        atomic_write_bytes(path, b"new" * 1000)
    else:
        with atomic_folder(path) as new:
            (new / "small.txt").write_text("new")
            (new / "large.txt").write_text("new" * 1000)
except OSError as error:
    print(error.strerror)
"""

KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from streetseg.atomic import atomic_folder

with atomic_folder(Path(sys.argv[1])) as new:
    (new / "half.txt").write_text("new")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run((sys.executable, "-c", program, *arguments), capture_output=True, text=True, timeout=300)


def content(folder: Path) -> dict[str, str]:
    """Return the content of all files below a folder, hidden ones included."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    atomic_write_text(path, "old")
    atomic_write_text(path, "Straße ✓")

    assert path.read_bytes() == "Straße ✓".encode()
    assert content(tmp_path) == {"a.txt": "Straße ✓"}


def test_the_longest_name_a_file_system_takes(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 127)  # 254 of 255 bytes

    atomic_write_text(path, "fits")

    assert path.read_text() == "fits"


def test_permissions_follow_the_person_s_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic_write_text(tmp_path / "file", "")
        with atomic_folder(tmp_path / "folder"):
            pass
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o750


def test_json_has_no_nan(tmp_path: Path) -> None:
    value = {"iou": float("nan"), "rows": [1.5, float("inf"), (float("-inf"), 2)], "name": "Bäume", "none": None}

    atomic_write_json(tmp_path / "a.json", value)

    def reject(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found = json.loads((tmp_path / "a.json").read_text(), parse_constant=reject)
    assert found == {"iou": None, "rows": [1.5, None, [None, 2]], "name": "Bäume", "none": None}
    assert value["iou"] != value["iou"]  # the value itself is left alone


def test_without_nan_keeps_everything_else() -> None:
    assert without_nan({"a": [0, 1.0, True, None, "nan"]}) == {"a": [0, 1.0, True, None, "nan"]}


def test_a_file_is_kept_when_the_new_one_cannot_be_made(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / "a.json", "old")

    with pytest.raises(TypeError):
        atomic_write_json(tmp_path / "a.json", {"not json": object()})

    assert content(tmp_path) == {"a.json": "old"}


def test_a_file_is_kept_when_the_disk_is_full(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / "a.txt", "old")

    done = run(WRITE_WITH_A_LIMIT, tmp_path / "a.txt", "file")

    assert done.stdout == "File too large\n", done.stderr
    assert content(tmp_path) == {"a.txt": "old"}


def test_a_folder_is_kept_when_the_disk_is_full(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "folder") as new:
        (new / "small.txt").write_text("old")

    done = run(WRITE_WITH_A_LIMIT, tmp_path / "folder", "folder")

    assert done.stdout == "File too large\n", done.stderr
    assert content(tmp_path) == {"folder/small.txt": "old"}


def test_a_folder_is_new_whole(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "deep" / "folder") as new:
        (new / "inner").mkdir()
        (new / "inner" / "a.txt").write_text("a")
        assert not (tmp_path / "deep" / "folder").exists()

    assert content(tmp_path) == {"deep/folder/inner/a.txt": "a"}


def test_a_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    for name in ("old.txt", "new.txt"):
        with atomic_folder(tmp_path / "folder") as new:
            (new / name).write_text(name)

    assert content(tmp_path) == {"folder/new.txt": "new.txt"}


def test_a_folder_is_kept_when_the_block_fails(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "folder") as new:
        (new / "a.txt").write_text("old")

    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "folder") as new:
        (new / "a.txt").write_text("new")
        raise KeyboardInterrupt

    assert content(tmp_path) == {"folder/a.txt": "old"}


def test_a_file_is_never_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("somebody's")

    with pytest.raises(NotADirectoryError), atomic_folder(tmp_path / "a.txt"):
        pass

    assert content(tmp_path) == {"a.txt": "somebody's"}


def test_a_killed_writer_leaves_the_old_folder_and_what_it_left_can_be_removed(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "folder") as new:
        (new / "a.txt").write_text("old")

    run(KILLED_WHILE_WRITING, tmp_path / "folder")

    assert content(tmp_path / "folder") == {"a.txt": "old"}
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / ".0123.tmp").write_text("a half-written file")
    remove_leftovers(tmp_path)
    assert content(tmp_path) == {"folder/a.txt": "old"}


def test_folders_change_places_where_the_system_cannot_do_it_at_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name)

    exchange_in_steps(tmp_path / "one", tmp_path / "two")

    assert content(tmp_path) == {"one/a.txt": "two", "two/a.txt": "one"}


def test_the_old_folder_returns_when_the_new_one_cannot_take_its_place(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.txt").write_text("old")

    with pytest.raises(FileNotFoundError):
        exchange_in_steps(tmp_path / "nothing", tmp_path / "old")

    assert content(tmp_path) == {"old/a.txt": "old"}


def test_files_that_belong_together_are_never_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped before each of its steps in turn, a writer leaves the old pair, the new pair, or none."""
    weights, graph = tmp_path / "a.bin", tmp_path / "a.xml"
    steps = 0

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def count(*arguments: Any, **named: Any) -> Any:
            nonlocal steps
            steps -= 1
            if steps == 0:
                raise OSError("stopped here")
            return step(*arguments, **named)

        return count

    for owner, name in ((Path, "open"), (Path, "replace"), (Path, "unlink"), (os, "fsync")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    left, stop = set(), 1
    while ("new", "new") not in left:
        steps = 0
        atomic_write_files({weights: b"old", graph: b"old"})
        steps = stop
        try:
            atomic_write_files({weights: b"new", graph: b"new"})
        except OSError:
            assert steps <= 0
        else:
            assert steps > 0
        steps = 0
        left.add((weights.read_text(), graph.read_text() if graph.exists() else "none"))
        stop += 1

    assert left == {("old", "old"), ("old", "none"), ("new", "none"), ("new", "new")}
    assert stop > 8


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")

    # FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    atomic_write_bytes(tmp_path / "a", bytes(range(256)))

    assert (tmp_path / "a").read_bytes() == bytes(range(256))
