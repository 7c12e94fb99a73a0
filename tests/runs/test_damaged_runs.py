"""A run folder that was damaged is refused by name, before anything is computed from it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from finished_runs import matrices, write_finished_run
from streetseg.comparison.compare import compare_runs
from streetseg.errors import RequestError, StreetsegError
from streetseg.report.charts.comparison import draw
from streetseg.report.gallery import Gallery
from streetseg.report.model_card import model_card
from streetseg.report.report import render
from streetseg.report.view import page_of
from streetseg.runs.finished import REQUIRED_FILES, read_run

Command = Callable[..., Any]
JSON = [name for name in REQUIRED_FILES if name.endswith(".json")]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_finished_run(tmp_path / "run", counts=matrices(0.8, images=6))


@pytest.mark.parametrize("name", REQUIRED_FILES)
def test_a_file_that_was_cut_is_refused(run: Path, name: str) -> None:
    whole = (run / name).read_bytes()
    for length in {*range(0, len(whole) - 1, max(len(whole) // 12, 1)), len(whole) - 2}:
        (run / name).write_bytes(whole[:length])
        with pytest.raises(StreetsegError) as refused:
            read_run(run)
        assert refused.value.exit_code == 2
        assert refused.value.where in ((str(run / name),), (str(run),)), length


def test_a_table_that_lost_its_last_rows_is_refused(run: Path) -> None:
    rows = (run / "results.csv").read_text().splitlines(keepends=True)
    (run / "results.csv").write_text("".join(rows[:-2]))

    with pytest.raises(RequestError, match=r"epochs in recipe\.yaml and results\.csv: 4 and 2"):
        read_run(run)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epoch,", "Epoch,", "lacks the columns epoch"),
        ("\n2,", "\n7,", "epochs do not count up from 1"),
        ("\n2,", "\n2,3,", "longer or shorter"),
        ("\n2,0.001", "\n2,fast", "could not convert"),
        ("\n2,", "\n\xe9,", "can't decode"),
    ],
)
def test_a_table_of_something_else_is_refused(run: Path, old: str, new: str, message: str) -> None:
    table = (run / "results.csv").read_bytes().replace(b"\r\n", b"\n").decode()
    assert old in table
    (run / "results.csv").write_bytes(table.replace(old, new, 1).encode("latin-1"))

    with pytest.raises(RequestError, match=message) as refused:
        read_run(run)
    assert refused.value.where == (str(run / "results.csv"),)


LOST = object()


def keys_of(value: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Return the path of every key in a nest of dicts."""
    for key, inner in value.items():
        yield (*above, key)
        if isinstance(inner, dict):
            yield from keys_of(inner, (*above, key))


def with_damage(value: dict[str, Any], path: tuple[str, ...], damage: object) -> dict[str, Any]:
    """Return the value with another value at a path, or without that key."""
    key, *below = path
    if below:
        return value | {key: with_damage(value[key], tuple(below), damage)}
    return {name: inner for name, inner in value.items() if name != key} | ({} if damage is LOST else {key: damage})


@pytest.mark.parametrize("damage", [LOST, None, "x", [None]], ids=["lost", "null", "text", "list"])
@pytest.mark.parametrize("name", JSON)
def test_a_damaged_key_is_refused_or_not_needed(run: Path, name: str, damage: object) -> None:
    """With all damage that is not refused at once, report and comparison can still be made from the run."""
    value = json.loads((run / name).read_text())
    refused = 0
    for path in reversed([*keys_of(value)]):
        damaged = with_damage(value, path, damage)
        (run / name).write_text(json.dumps(damaged))
        try:
            read_run(run)
        except StreetsegError as error:
            assert error.exit_code == 2
            assert error.where[0].startswith(str(run))
            refused += 1
        else:
            value = damaged
    assert refused > 0
    (run / name).write_text(json.dumps(value))

    comparison = compare_runs([run])
    assert model_card(comparison.groups[0])
    assert render(page_of(comparison, ["A"], draw(comparison, ["A"]), Gallery((), (), "no images"), run))


def test_the_command_says_what_where_and_what_to_do(tmp_path: Path, streetseg: Command) -> None:
    runs = [write_finished_run(tmp_path / name, encoder=name) for name in ("one", "two")]
    (runs[1] / "results.csv").write_text("")

    done = streetseg("compare", *runs, "--out", tmp_path / "out")

    assert done.code == 2
    assert done.err.startswith("error: the file is damaged or was changed (")
    assert f"where: {runs[1] / 'results.csv'}" in done.err
    assert "hint:" in done.err
    assert not (tmp_path / "out").exists()
