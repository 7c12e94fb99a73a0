"""docs/explanation/reliability.md is written from the marks on the tests, with a row for each bad input and fault."""

from pathlib import Path

import pytest
from write_reliability import FAILURES, PAGE, ROOT, Proof, find_proofs, missing_rows, page

MARKED = """
import pytest

CASES = [pytest.param(1, marks=pytest.mark.bad_input(3, "in a list"))]


@pytest.mark.bad_input(1, "above")
@pytest.mark.parametrize("x", [pytest.param(0, marks=pytest.mark.bad_input(2, "in a parameter"))])
def test_it(x: int) -> None: ...
"""


def test_the_page_is_what_the_tests_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(find_proofs(ROOT / "tests")), "run make reference"


def test_every_row_has_a_test() -> None:
    assert missing_rows(find_proofs(ROOT / "tests")) == []


def test_marks_are_found_above_tests_among_parameters_and_in_lists(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_marked.py").write_text(MARKED)

    proofs = find_proofs(tmp_path / "tests")

    assert sorted(proofs) == [
        Proof(1, "above", "tests/test_marked.py::test_it"),
        Proof(2, "in a parameter", "tests/test_marked.py::test_it"),
        Proof(3, "in a list", "tests/test_marked.py"),
    ]
    assert missing_rows(proofs) == sorted(set(FAILURES) - {1, 2, 3})


@pytest.mark.parametrize("arguments", ["99, 'no such row'", "1, 2", "row, 'not a literal'", "1"])
def test_a_mark_that_says_nothing_is_refused(tmp_path: Path, arguments: str) -> None:
    (tmp_path / "test_marked.py").write_text(f"@pytest.mark.bad_input({arguments})\ndef test_it(): ...\n")

    with pytest.raises(ValueError, match="bad_input needs"):
        find_proofs(tmp_path)
