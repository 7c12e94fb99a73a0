"""The environment variables: the program knows each one that it reads, and shows those that are set."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import streetseg as package
from streetseg.cli.environment import FIELD, HIDDEN, VARIABLES

STATES = {"FINISHED", "FAILED", "KILLED", "RUNNING"}  # of a run in MLflow: texts that look like a variable
NAMES = {variable.name for group in VARIABLES.values() for variable in group}
SOURCES = sorted(Path(package.__file__).parent.rglob("*.py"))


def variables_of(source: str) -> Iterator[str]:
    """Yield the texts that look like a variable, in a module that uses the environment; metavars of flags are none."""
    if not re.search(r"\b(environ|getenv|putenv)\b", source):
        return
    tree = ast.parse(source)
    shown = {id(word.value) for word in ast.walk(tree) if isinstance(word, ast.keyword) and word.arg == "metavar"}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in shown else None
        if isinstance(text, str) and re.fullmatch(r"_?[A-Z][A-Z0-9_]{3,}", text):
            yield text


def test_every_variable_that_the_source_names_is_known() -> None:
    used = {name: file.name for file in SOURCES for name in variables_of(file.read_text(encoding="utf-8"))}
    fields = ("STREETSEG_", "SECTION__FIELD")  # the parts of FIELD

    assert {name: file for name, file in used.items() if name not in (*NAMES, *STATES, *fields)} == {}
    assert len(used) > 10


def test_such_a_variable_is_found_in_every_form() -> None:
    source = """
import os
TOKEN = "SOME_TOKEN"
os.environ["FIRST"], os.environ.get("SECOND"), os.getenv("THIRD", "x"), os.environ.get(TOKEN)
names = ("FOURTH",)
Option(metavar="NUMBER")
"""
    assert set(variables_of(source)) == {"FIRST", "SECOND", "THIRD", "SOME_TOKEN", "FOURTH"}


def test_a_module_that_reads_no_environment_is_not_looked_at() -> None:
    assert list(variables_of('NAME = "FIRST"')) == []


def test_doctor_shows_those_that_are_set(streetseg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREETSEG_OPTIM__LR", "0.01")
    monkeypatch.setenv("STREETSEG_TOKEN", "do not tell")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@host/x")
    monkeypatch.setenv("STREETSEG_REQUIRE", "of the tests")
    monkeypatch.delenv("NO_COLOR", raising=False)

    shown = json.loads(streetseg("doctor", "--json").out)["environment"]

    assert (shown["STREETSEG_OPTIM__LR"], shown["STREETSEG_TOKEN"]) == ("0.01", HIDDEN)
    assert shown["MLFLOW_TRACKING_URI"] == "https://host/x"
    assert "STREETSEG_CACHE" in shown
    assert not {"NO_COLOR", "STREETSEG_REQUIRE", FIELD.name} & set(shown)
    lines = streetseg("doctor").out.splitlines()
    assert lines[lines.index("environment") + 1].startswith("    STREETSEG_CACHE ")
    assert "do not tell" not in "".join(lines)
