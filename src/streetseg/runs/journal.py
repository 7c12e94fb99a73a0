"""journal.jsonl: what happened, one line an event."""

import json
import os
import time
from pathlib import Path
from typing import Any

from streetseg.atomic import without_nan
from streetseg.runtime.disk import room_for


class Journal:
    """Appends events to a file of JSON lines.

    Args:
        path: the file; made on the first event. Half a line at its end, left by a stop in the middle of writing, is
            cut off. None: nothing is written, as another process does it.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path is not None and path.exists():
            whole = path.read_bytes().rfind(b"\n") + 1
            os.truncate(path, whole)

    def write(self, event: str, **fields: Any) -> None:
        """Append one event with the time it happened (seconds since 1970); NaN and infinities become null.

        Raises:
            TrainingError: if there is no room for it.
        """
        if self.path is None:
            return
        happened = without_nan({"event": event, "time": round(time.time(), 3), **fields})
        line = json.dumps(happened, ensure_ascii=False, allow_nan=False)
        with room_for(self.path, len(line) + 1), self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
