"""The published schemas, held against real outputs of commands."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "json"
WITH_PARTS = ("cache", "networks", "recipe")  # commands whose second word is a command of its own


@cache
def validator(name: str) -> Draft202012Validator:
    """Return the validator of a published schema, e.g. "train" or "files/scores"."""
    return Draft202012Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")))


def schema_of(argv: Sequence[str]) -> str:
    """Return the name of the schema that the output of a command has; that of a failure where there is no such one."""
    words = [word for word in argv if not word.startswith("-")]
    name = "-".join(words[: 2 if words and words[0] in WITH_PARTS else 1])
    return name if (SCHEMAS / f"{name}.schema.json").is_file() else "error"


def strict(text: str) -> Any:
    """Return the value of a JSON text. Raises ValueError for NaN and infinities, which JSON does not have."""

    def not_json(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=not_json)


def journal_of(run: Path) -> list[dict[str, Any]]:
    """Return the events of a run's journal. Raise AssertionError unless its schema allows each of them."""
    events = [strict(line) for line in (run / "journal.jsonl").read_text(encoding="utf-8").splitlines()]
    refused = [event for event in events if not validator("files/journal").is_valid(event)]
    assert not refused, f"journal.schema.json does not allow {refused[:3]}"
    return events


def require_published(argv: Sequence[str], code: int, out: str) -> None:
    """Raise AssertionError unless a `--json` command printed one object that its schema allows, or nothing at a signal.

    Args:
        argv: the arguments of `streetseg`.
        code: its exit code.
        out: its stdout.
    """
    if "--json" not in argv or "--help" in argv or (not out and code in (130, 143)):
        return
    name, value = schema_of(argv), strict(out)
    refused = [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(value)]
    assert not refused, f"streetseg {' '.join(argv)}: {name}.schema.json does not allow its output: {refused[:3]}"
    assert ("error" in value) == (code != 0), f"streetseg {' '.join(argv)}: exit code {code} and {list(value)}"
