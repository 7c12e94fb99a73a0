"""Text: safe printing of names from files, command lines to type, and text files that people write.

Text files are UTF-8 with or without a byte order mark, or UTF-16 with one. Their lines end as on any system.
"""

import codecs
import json
import re
import shlex
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from streetseg.errors import DataError

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CURE = "save the file as UTF-8, which every editor offers"

# The folders of /home/me/x or C:\Users\me\x in a sentence, where a space ends the path. An address such as
# https://host/x stays.
ABSOLUTE_IN_TEXT = re.compile(r"(?<![\w.~:/\\])(?:~|[A-Za-z]:)?(?:[/\\][^\s/\\'\",;:()]+)+[/\\](?=[^\s/\\])")


def one_line(text: str) -> str:
    """Return a text in which every character that is not visible and not a space is an escape such as \\x1b.

    The result cannot control the terminal (ESC, BEL, CSI, OSC 8), change the direction of the text beside it (U+202E,
    the bidi marks) or begin a new line. So a file name cannot look like a message of the program.
    """
    return "".join(char if _is_visible(char) else _escaped(char) for char in text)


def wrapped(line: str, width: int) -> list[str]:
    """Return a line as lines of at most `width` characters, broken between words; a longer word, as a path, is kept."""
    indent = line[: len(line) - len(line.lstrip())]
    lines = textwrap.wrap(
        line,
        width,
        subsequent_indent=indent,
        expand_tabs=False,
        replace_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [""]


def counted(count: int, what: str, several: str | None = None) -> str:
    """Return "1 image" or "2 images"; `several` is the plural where it is not made with an s."""
    return f"{count} {what if count == 1 else several or f'{what}s'}"


def about(seconds: float) -> str:
    """Return a time as a person says it: "40 s", "12 min", "3 h 20 min"."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def size_text(count: float) -> str:
    """Return a number of bytes as a person says it: "340 kB", "21 MB", "14.4 GB"."""
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:,.1f} GB"


def json_text(value: object) -> str:
    """Return a value as indented JSON whose strings hold only visible characters and escapes."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return re.sub(r"[^\x20-\x7e\n]", lambda match: _json_char(match[0]), text)


def without_folders(text: str) -> str:
    """Return a sentence without the folders of this machine: x.png for /home/me/x.png."""
    return ABSOLUTE_IN_TEXT.sub("", text)


def without_secrets(text: str) -> str:
    """Return a text whose addresses have no name and password (//NAME:PASSWORD@) and no query (?token=…)."""
    return re.sub(r"(//[^?\s]*)\?\S*", r"\1", re.sub(r"//[^/\s]*@", "//", text))


def command_line(args: Sequence[str]) -> str:
    """Return arguments as the line that a person types: in double quotes on Windows, in single quotes elsewhere.

    The cmd of Windows does not know single quotes.
    """
    if sys.platform == "win32":
        from subprocess import list2cmdline

        return list2cmdline(args)
    return shlex.join(args)


def _is_visible(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"  # Zs: all spaces; isprintable accepts only U+0020


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _json_char(char: str) -> str:
    return char if _is_visible(char) else json.dumps(char)[1:-1]


def read_text(path: Path) -> str:
    """Return the text of a file without its byte order mark; each line ends with a line feed.

    Raises:
        DataError: the file cannot be read, or is neither UTF-8 nor UTF-16. `where` names the first line that cannot be
            decoded.
    """
    try:
        data = path.read_bytes()
    except OSError as failure:
        raise DataError(f"file cannot be read: {failure.strerror or failure}", where=path) from failure
    if not data.startswith(_UTF_16) and data.count(0) > len(data) // 4:
        raise DataError(
            "file cannot be read: every second byte is zero, as in UTF-16 without its byte order mark",
            where=path,
            hint=_CURE,
        )
    encoding = "utf-16" if data.startswith(_UTF_16) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as failure:
        line = data.count(b"\n", 0, failure.start) + 1
        raise DataError(
            f"file cannot be read: not UTF-8 (byte 0x{data[failure.start]:02x}, {failure.reason})",
            where=f"{path}:{line}",
            hint=_CURE,
        ) from failure
    return text.replace("\r\n", "\n").replace("\r", "\n")
