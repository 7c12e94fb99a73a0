"""Text on its way to a terminal: what came from outside, and commands to type."""

import json
import re
import shlex
import sys
import unicodedata
from collections.abc import Sequence


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
