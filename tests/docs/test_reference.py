"""The reference pages that the program writes are up to date, and show an example of each function."""

from write_reference import FUNCTIONS
from write_reference import PAGES as GENERATED

import streetseg
from pages import ROOT
from streetseg import api


def test_reference_pages_are_what_the_program_says() -> None:
    for name, page in GENERATED.items():
        assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == page(), "run make reference"


def test_every_function_of_the_api_is_exported_and_has_an_example() -> None:
    functions = {
        name for name, value in vars(api).items() if getattr(value, "__module__", "").startswith("streetseg.api.")
    }
    assert functions == set(FUNCTIONS)  # whose examples run with their page
    assert functions <= set(streetseg.__all__)
    assert [name for name in functions if ">>> " not in (getattr(api, name).__doc__ or "")] == []
