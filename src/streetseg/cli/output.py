"""The output of a command: lines of text on the terminal, or one JSON object on stdout."""

import io
import json
import logging
import math
import os
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import typer

from streetseg.errors import StreetsegError
from streetseg.text import json_text, one_line, wrapped

if TYPE_CHECKING:
    from streetseg.cli import outputs


def prepare_console() -> None:
    """Let stdout and stderr escape characters that they cannot encode, so that no name stops a command.

    Example: a class name in Greek on a Windows console with code page 1252.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(*lines: str, whole: bool = False, **style: Any) -> None:
    """Print lines of a command's result on stdout; control characters are escaped (see `text.one_line`).

    Args:
        lines: broken between words where the terminal is narrower.
        whole: leave long lines to the terminal, so that a command in them can be copied.
        style: as of `typer.style`, where the terminal shows it, e.g. bold=True.
    """
    _print(lines, sys.stdout, whole=whole, style=style)


def tell(*lines: str, whole: bool = False) -> None:
    """Print lines about the progress on stderr, so that they never mix with a result; else like `say`."""
    _print(lines, sys.stderr, whole=whole)


def _print(
    lines: Sequence[str], stream: TextIO, *, whole: bool = False, style: Mapping[str, Any] | None = None
) -> None:
    width = 0 if whole or not stream.isatty() else os.get_terminal_size(stream.fileno()).columns
    for line in map(one_line, lines):
        for part in wrapped(line, width) if width else [line]:
            _write(styled(part, stream, **style or {}), stream)


def styled(text: str, stream: TextIO, **style: Any) -> str:
    """Return a text in a color or in bold, as `typer.style` does, if the stream is a terminal that shows it.

    NO_COLOR (no-color.org) and TERM=dumb say that it does not.
    """
    style = {name: value for name, value in style.items() if value}
    shows = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return typer.style(text, **style) if shows and style else text


def _write(line: str, stream: TextIO) -> None:
    """Write one line. If the reader of a pipe has closed it, as `| head` does, discard the output and go on."""
    try:
        typer.echo(line, file=stream)
    except BrokenPipeError:
        discard_output(stream)


def discard_output(stream: TextIO) -> None:
    """Redirect a stream to the null device, so that neither later lines nor the flush at exit fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def aligned(rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> list[str]:
    """Return rows of texts as lines whose columns are aligned, two spaces apart.

    Args:
        rows: all of one length.
        right: numbers of the columns that are aligned to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [">" if number in right else "<" for number in range(len(widths))]
    lines = (
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)) for row in rows
    )
    return [line.rstrip() for line in lines]


@contextmanager
def progress_bar(what: str, total: int, *, hidden: bool = False) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr while the block runs, if stderr is a terminal.

    Args:
        what: the things that are counted, in the plural, e.g. "images".
        total: their number.
        hidden: show nothing.

    Yields:
        A function that takes the number of things done since its last call.
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
    """Show a progress bar as `progress_bar` does. The yielded function takes the number done so far and the total."""
    from rich.console import Console
    from rich.progress import Progress

    hidden = hidden or not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), transient=True, disable=hidden) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


class LogLines(logging.Handler):
    """Handler of the program's log: prints each message on stderr, the same message only once."""

    def __init__(self) -> None:
        super().__init__()
        self.printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        warns = record.levelno >= logging.WARNING
        line = f"warning: {record.getMessage()}" if warns else record.getMessage()
        if line not in self.printed:
            self.printed.add(line)
            _print([line], sys.stderr, style={"fg": "yellow"} if warns else {})


def show_log(*, quiet: bool, silent: bool) -> None:
    """Print the program's log on stderr; with `quiet` only its warnings, with `silent` nothing."""
    log = logging.getLogger("streetseg")
    log.handlers = [handler for handler in log.handlers if not isinstance(handler, LogLines)] + [LogLines()]
    log.setLevel(logging.CRITICAL if silent else logging.WARNING if quiet else logging.INFO)


def print_json(value: Mapping[str, object]) -> None:
    """Print the JSON object of a `--json` command. NaN and infinities become null, a path becomes a string.

    Args:
        value: of a type of `cli.outputs`, whose schema is published.
    """
    text = json_text(_json_ready(value))
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:  # the console's own escapes (`prepare_console`) are not valid JSON
        text = re.sub(r"[^\x00-\x7f]", lambda match: json.dumps(match[0])[1:-1], text)
    _write(text, sys.stdout)


def print_result(value: Mapping[str, object], failure: StreetsegError | None) -> NoReturn:
    """Print the JSON object of a command of which a part may have failed, and end with its exit code."""
    print_json(value if failure is None else {**value, **_error_json(failure)})
    raise typer.Exit(0 if failure is None else failure.exit_code)


def print_error(error: StreetsegError, *, as_json: bool) -> None:
    """Print an error in three lines on stderr; with `as_json` as one JSON object on stdout, if that takes it."""
    if as_json:
        try:
            print_json(_error_json(error))
            return
        except OSError:  # a file on a full disk
            discard_output(sys.stdout)
    _write(error_text(error, sys.stderr), sys.stderr)


def _error_json(error: StreetsegError) -> "outputs.Failure":
    return {"error": error.problem, "where": error.where, "hint": error.hint}


def error_text(error: StreetsegError, stream: TextIO) -> str:
    """Return the lines `error:`, `where:` and `hint:` of an error; further places follow `where:`, one per line."""
    head, hint = styled("error:", stream, fg="red", bold=True), styled("hint:", stream, fg="cyan")
    lines = [f"{head} {one_line(error.problem)}"]
    lines += [f"{'where:' if i == 0 else '      '} {one_line(place)}" for i, place in enumerate(error.where)]
    if error.hint:
        lines.append(f"{hint}  {one_line(error.hint)}")
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
