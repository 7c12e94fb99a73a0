"""Run work in a fork whose stdout and stderr are a terminal of a given width, and read what stood on its screen."""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from forked import be_child, need_fork

_CONTROL = re.compile(r"\x1b\[\??([0-9;]*)([A-Za-z])")


@dataclass
class Screen:
    """A terminal that understands what rich writes: text, line feeds, cursor up, erased lines, colors.

    Args:
        columns: its width; a longer line goes on in the next row, as terminals break lines.
        rows: the text of each row, from the first that was written; nothing scrolls away.
        seen: every row as it was before it was erased.
    """

    columns: int
    rows: list[str] = field(default_factory=lambda: [""])
    seen: list[str] = field(default_factory=list)
    row: int = 0
    column: int = 0

    def write(self, text: str) -> None:
        """Show output of a program, in which no control sequence is cut."""
        place = 0
        while place < len(text):
            if match := _CONTROL.match(text, place):
                self._control(match[1], match[2])
                place = match.end()
                continue
            self._char(text[place])
            place += 1

    def _char(self, char: str) -> None:
        if char == "\r":
            self.column = 0
        elif char == "\n":
            self._down()
        else:
            if self.column == self.columns:
                self._down()
                self.column = 0
            line = self.rows[self.row].ljust(self.column)
            self.rows[self.row] = line[: self.column] + char + line[self.column + 1 :]
            self.column += 1

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append("")

    def _control(self, number: str, letter: str) -> None:
        if letter == "A":
            self.row -= int(number or 1)
        elif letter == "K":
            self.seen.append(self.rows[self.row])
            self.rows[self.row] = ""


def in_terminal(work: Callable[[], object], *, columns: int = 80, **environment: str) -> tuple[int, str]:
    """Run `work` in a fork with a terminal. Return its exit code and everything it wrote, with control sequences."""
    need_fork()
    import fcntl
    import pty
    import struct
    import termios

    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TERM"):
            os.environ.pop(name, None)
        os.environ |= {"TERM": "xterm-256color", **environment}
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        be_child(work)
    parts = []
    while part := _read(terminal):
        parts.append(part)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), b"".join(parts).decode()


def shown(output: str, columns: int = 80) -> Screen:
    """Return the screen of a terminal after some output."""
    screen = Screen(columns)
    screen.write(output)
    return screen


def _read(terminal: int) -> bytes:
    """Return what a terminal has to read; nothing when its program has ended."""
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux reports the end like this
        return b""
