"""YAML that would run code, grow or never end, through the real commands: an error with its line, nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tiny

Command = Callable[..., Any]

LAUGHS = "a: &a [lol, lol, lol]\n" + "".join(f"{b}: &{b} [{', '.join(f'*{a}' for _ in range(9))}]\n" for a, b in zip(
    "abcdefgh", "bcdefghi", strict=True))  # fmt: skip

# name -> (text, line of the fault, what is said); MARK is a file that would be made.
HARMFUL = {
    "runs a command": ("train:\n  epochs: !!python/object/apply:os.system ['touch MARK']\n", 2, "found a YAML tag"),
    "makes an object": ("!!python/object/new:pathlib.Path ['MARK']\n", 1, "found a YAML tag"),
    "names a function": ("# first\ntrain: !!python/name:os.system\n", 2, "found a YAML tag"),
    "runs by a tag of its own": (
        "%TAG ! tag:yaml.org,2002:python/object/apply:\n---\na: !os.system ['touch MARK']\n",
        3,
        "found a YAML tag",
    ),
    "even a harmless tag": ("train:\n  epochs: !!int '3'\n", 2, "found a YAML tag"),
    "a billion laughs": (LAUGHS, 1, "found a YAML anchor"),
    "bites its tail": ("a: &a [*a]\n", 1, "found a YAML anchor"),
    "an alias of nothing": ("train: *t\n", 1, "found a YAML alias"),
    "nested in brackets": ("train: " + "[" * 100_000, 1, "nested more than 20 levels deep"),
    "nested in braces": ("train: " + "{a: " * 100_000, 1, "nested more than 20 levels deep"),
    "nested in lines": (
        "".join(f"{' ' * i}a:\n" for i in range(2000)),
        21,
        "nested more than 20 levels deep",
    ),
    "a name given twice": ("train:\n  epochs: 1\n  epochs: 2\n", 3, "train.epochs is given twice"),
    "a name given twice, written in two ways": (
        "train:\n  epochs: 1\n  'epochs': 2\n",
        3,
        "train.epochs is given twice",
    ),
    "a list as a name": ("train:\n  ? [a]\n  : 1\n", 2, "a key is no plain name"),
    "a zero byte": ('name: "a\\0b"\n', 1, "a zero byte or half a character"),
    "half a character": ('name: "\\uD800"\n', 1, "a zero byte or half a character"),
    "beyond Unicode": ('name: "\\UFFFFFFFF"\n', None, "no valid YAML"),
    "no date": ("train:\n  epochs: 2001-02-31\n", 2, "a value cannot be read"),
    "two documents": ("a: 1\n---\nb: 2\n", 2, "no valid YAML"),
    "never closed": ("train:\n  epochs: [1\n", 3, "no valid YAML"),
    "a binary file": ("\x7fELF\x02\x01\x01", None, "no valid YAML"),
    "megabytes": ("#" * 9_000_000, None, "9,000,000 characters"),
}


@pytest.mark.bad_input(
    41, "tags, anchors, deep nesting, names given twice: an error with its line, nothing runs or grows"
)
@pytest.mark.parametrize(("text", "line", "message"), HARMFUL.values(), ids=HARMFUL)
def test_harmful_yaml(text: str, line: int | None, message: str, tmp_path: Path, streetseg: Command) -> None:
    data = tiny.folder_yaml(tmp_path / "data", 2, 1)
    file, mark = tmp_path / "harm.yaml", tmp_path / "mark"
    file.write_text(text.replace("MARK", str(mark)))
    before = sorted(tmp_path.rglob("*"))

    for words in (
        ("recipe", "check", file),
        ("train", f"folder:{data}", "--recipe", file, "--out", tmp_path / "out"),
        ("check", f"folder:{file}"),
        ("train", file, "--out", tmp_path / "out"),
    ):
        done = streetseg(*words)
        assert done.code == 2, done.err
        assert message in done.err
        assert f"where: {file}:{line}\n" in done.err if line else f"where: {file}\n" in done.err
        assert "Traceback" not in done.err
        assert len(done.err) < 2000
    assert not mark.exists()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.bad_input(41, "lists on the command line and in the environment: the same")
@pytest.mark.parametrize(
    "word",
    ["[!!python/object/apply:os.system ['touch MARK']]", "[&a x, *a]", "[" * 100_000, "[1", "[\x1b]", '["\\uD800"]'],
    ids=["runs a command", "anchor", "nested", "never closed", "control character", "half a character"],
)
def test_harmful_lists(word: str, tmp_path: Path, streetseg: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "mark"
    word = word.replace("MARK", str(mark))

    done = streetseg("recipe", "show", f"data.size={word}")
    assert done.code == 2
    assert "expected a list such as [1, 2]" in done.err

    monkeypatch.setenv("STREETSEG_DATA__SIZE", word)
    done = streetseg("recipe", "show")
    assert done.code == 2
    assert "where: STREETSEG_DATA__SIZE" in done.err
    assert not mark.exists()
