"""What a command prints: words on the terminal, or one JSON object on stdout."""

import io
import json
import logging
import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import typer

from streetseg.errors import StreetsegError
from streetseg.text import json_text, one_line


def prepare_console() -> None:
    """Escape what stdout and stderr cannot show, such as a class name on a console of cp1252: the work goes on."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(*lines: str) -> None:
    """Lines of a command's result, on stdout; a line break inside one is written out."""
    for line in lines:
        _write(one_line(line), sys.stdout)


def tell(*lines: str) -> None:
    """Lines about the work under way, on stderr, where they cannot mix with a result."""
    for line in lines:
        _write(one_line(line), sys.stderr)


def _write(line: str, stream: TextIO) -> None:
    """One line; where the reader has left, as `| head` does, nothing more is written and the work goes on."""
    try:
        typer.echo(line, file=stream)
    except BrokenPipeError:
        forget(stream)


def forget(stream: TextIO) -> None:
    """Send what is still to be written to nobody, so that no flush at the end fails, either."""
    nobody = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nobody, stream.fileno())
    os.close(nobody)


@contextmanager
def progress_bar(what: str, total: int, *, hidden: bool = False) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr while the block runs, if that is a terminal.

    Args:
        what: what is counted, e.g. "images".
        total: the number of them.
        hidden: show nothing.

    Yields:
        A function that takes how many more are done.
    """
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    hidden = hidden or not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.advance(task, done)


@contextmanager
def counted_bar(what: str, *, hidden: bool = False) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar as `progress_bar` does, for work that says how much is done, and of how much."""
    from rich.console import Console
    from rich.progress import Progress

    hidden = hidden or not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), transient=True, disable=hidden) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


class LogLines(logging.Handler):
    """What the program notes while it works, as plain lines on stderr, each said once."""

    def __init__(self) -> None:
        super().__init__()
        self.said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage() if record.levelno < logging.WARNING else f"warning: {record.getMessage()}"
        if line not in self.said:
            self.said.add(line)
            tell(line)


def hear_log(*, quiet: bool, silent: bool) -> None:
    """Show the program's notes, with `quiet` only its warnings, and with `silent` nothing."""
    log = logging.getLogger("streetseg")
    log.handlers = [handler for handler in log.handlers if not isinstance(handler, LogLines)] + [LogLines()]
    log.setLevel(logging.CRITICAL if silent else logging.WARNING if quiet else logging.INFO)


def print_json(value: object) -> None:
    """The one object of a `--json` command. NaN becomes null, a path its text."""
    text = json_text(_json_ready(value))
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:  # an escape of the console's would be no JSON
        text = re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found[0])[1:-1], text)
    _write(text, sys.stdout)


def print_error(error: StreetsegError, *, as_json: bool) -> None:
    """The error in the three-line shape on stderr; with `as_json`, as one object on stdout."""
    if as_json:
        print_json({"error": error.problem, "where": list(error.where), "hint": error.hint})
    else:
        _write(error_text(error), sys.stderr)


def error_text(error: StreetsegError) -> str:
    """`error:`, `where:` and `hint:`, one place a line."""
    lines = [f"error: {one_line(error.problem)}"]
    lines += [f"{'where:' if i == 0 else '      '} {one_line(place)}" for i, place in enumerate(error.where)]
    if error.hint:
        lines.append(f"hint:  {one_line(error.hint)}")
    return "\n".join(lines)


def _json_ready(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _json_ready(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_json_ready(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value
