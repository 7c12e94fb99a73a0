"""Text that people write: in UTF-8 or UTF-16, with or without a byte order mark, with the line ends of any system."""

import codecs
from pathlib import Path

from streetseg.errors import DataError

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CURE = "save the file as UTF-8, which every editor offers"


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
