"""Values that are kept from call to call of a benchmark, so that the same command goes on after a kill."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streetseg.atomic import atomic_write_json
from streetseg.errors import RequestError


class Kept:
    """Values in a JSON file, which is written after each of them.

    Args:
        path: the file; it may hold values of an earlier call.
        same: what must be the same in all calls, such as the machine.

    Raises:
        RequestError: the file was begun with something else.
    """

    def __init__(self, path: Path, same: Mapping[str, Any]) -> None:
        self.path = path
        same = json.loads(json.dumps(same))
        self.values: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else same
        for name, value in same.items():
            if self.values.get(name) != value:
                raise RequestError(
                    f"begun with another {name} (found {self.values.get(name)}, now {value})",
                    where=path,
                    hint="name another file or folder",
                )

    def get(self, *place: str) -> Any:
        """Return the value at a place, a name or several, one inside the other; None if there is none yet."""
        value: Any = self.values
        for name in place:
            value = None if value is None else value.get(name)
        return value

    def put(self, value: Any, *place: str) -> None:
        """Write down a value at a place."""
        values = self.values
        for name in place[:-1]:
            values = values.setdefault(name, {})
        values[place[-1]] = value
        atomic_write_json(self.path, self.values)
