"""The log of the server: one JSON object a line on stderr."""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any


class JsonLines(logging.Formatter):
    """Formatter of records as JSON; `record.fields`, a dict, adds keys."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of ASCII, which no name from a request can break."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": os.getpid(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_as_json(log: logging.Logger) -> None:
    """Write the records of a logger and its children as JSON on stderr, and nowhere else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    log.handlers, log.propagate = [handler], False
