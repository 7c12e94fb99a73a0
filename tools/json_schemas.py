"""JSON schemas of what commands print and of the files that others rely on, from their types."""

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import TypedDict, get_original_bases

from streetseg.cli.outputs import COMMAND_OUTPUTS, FILES, Failure

ADDRESS = "https://streetseg.github.io/streetseg/reference/json"  # where the site has docs/reference/json
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Return path below docs/reference/json -> JSON schema (2020-12): of each command, of a failure, of FILES."""
    found = {
        name.replace(" ", "-"): _schema(
            kind | Failure, f"streetseg {name} --json", "Result of the command, or its failure."
        )
        for name, kind in COMMAND_OUTPUTS.items()
    }
    found["error"] = _schema(Failure, "streetseg COMMAND --json, failed", Failure.__doc__)
    for name, kind in FILES.items():
        found[f"files/{Path(name).stem}"] = _schema(kind, name, kind.__doc__)
    return {
        f"{name}.schema.json": {"$schema": DIALECT, "$id": f"{ADDRESS}/{name}.schema.json", **schema}
        for name, schema in found.items()
    }


class _Generator(GenerateJsonSchema):
    """Gives keys no title, which would repeat their name, and inherited ones the description of the base."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def typed_dict_schema(self, schema: Any) -> dict[str, Any]:
        found = super().typed_dict_schema(schema)
        for base in get_original_bases(schema["cls"]):
            for key, about in _json_schema(base).get("properties", {}).items() if base is not TypedDict else ():
                found["properties"][key].setdefault("description", about["description"])
        return found


@cache
def _json_schema(kind: Any) -> dict[str, Any]:
    return TypeAdapter(kind).json_schema(mode="serialization", schema_generator=_Generator)


def _schema(kind: Any, title: str, description: str | None) -> dict[str, Any]:
    return _json_schema(kind) | {"title": title, "description": description}
