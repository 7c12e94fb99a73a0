"""Text: what came from outside on its way to a terminal, commands to type, and files that people write.

Files are UTF-8 or UTF-16, with or without a byte order mark, with the line ends of any system.
"""

import codecs
import json
import re
import shlex
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from streetseg.errors import DataError

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CURE = "save the file as UTF-8, which every editor offers"


def one_line(text: str) -> str:
    """The text with everything that is no visible character or space written out as an escape such as \\x1b.

    What is left can neither drive the terminal (ESC, BEL, CSI, OSC 8), nor turn the direction of the text beside it
    (U+202E, the bidi marks), nor begin a line of its own: a file's name cannot pass for a message.
    """
    return "".join(char if _is_visible(char) else _escaped(char) for char in text)


def json_text(value: object) -> str:
    """JSON, indented, whose strings hold visible characters and escapes only; read again, it is the same value."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return re.sub(r"[^\x20-\x7e\n]", lambda found: _json_char(found[0]), text)


def command_line(words: Sequence[str]) -> str:
    """Join words to the line that a person types: in double quotes on Windows, whose cmd takes no single ones,
    in single quotes elsewhere."""
    if sys.platform == "win32":
        from subprocess import list2cmdline

        return list2cmdline(words)
    return shlex.join(words)


def _is_visible(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"  # all spaces; isprintable knows only U+0020


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _json_char(char: str) -> str:
    return char if _is_visible(char) else json.dumps(char)[1:-1]


def read_text(path: Path) -> str:
    """Return the text of a file, without its byte order mark, lines ending with a line feed.

    Raises:
        DataError: the file cannot be read, or is neither UTF-8 nor UTF-16; with the line where the encoding breaks.
    """
    try:
        stored = path.read_bytes()
    except OSError as failure:
        raise DataError(f"file cannot be read: {failure.strerror or failure}", where=path) from failure
    if not stored.startswith(_UTF_16) and stored.count(0) > len(stored) // 4:
        raise DataError(
            "file cannot be read: every second byte is zero, as in UTF-16 without its byte order mark",
            where=path,
            hint=_CURE,
        )
    encoding = "utf-16" if stored.startswith(_UTF_16) else "utf-8-sig"
    try:
        text = stored.decode(encoding)
    except UnicodeDecodeError as failure:
        line = stored.count(b"\n", 0, failure.start) + 1
        raise DataError(
            f"file cannot be read: not UTF-8 (byte 0x{stored[failure.start]:02x}, {failure.reason})",
            where=f"{path}:{line}",
            hint=_CURE,
        ) from failure
    return text.replace("\r\n", "\n").replace("\r", "\n")
