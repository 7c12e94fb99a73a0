"""journal.jsonl: what happened, one line an event."""

import json
import time
from pathlib import Path
from typing import Any

from streetseg.atomic import without_nan


class Journal:
    """Appends events to a file of JSON lines.

    Args:
        path: the file; made on the first event.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, event: str, **fields: Any) -> None:
        """Append one event with the time it happened (seconds since 1970)."""
        line = json.dumps(without_nan({"event": event, "time": round(time.time(), 3), **fields}), ensure_ascii=False)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
