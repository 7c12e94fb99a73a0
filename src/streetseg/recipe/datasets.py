"""The kinds of data sets that DATA can name; `data.open` opens them.

They are in a separate module so that the help text needs no heavy imports.
"""

from pathlib import Path

PATHS = {
    "camvid": "DIR",
    "cityscapes": "DIR",
    "folder": "FILE.yaml",
    "shards": "DIR_or_URL",
}  # kind -> what follows the colon

FORMS = ", ".join(["scenes", *(f"{kind}:{path}" for kind, path in PATHS.items()), "or a DIR"])
DATA_HELP = f"{FORMS} whose layout is recognized; DATA+DATA joins"


def parts_of(data: str) -> list[str]:
    """Return the data sets that DATA joins: A and B of A+B. In a path that exists, + is a character like any other."""
    pieces, parts = data.split("+"), []
    while pieces:
        longest = next((n for n in range(len(pieces), 1, -1) if _exists("+".join(pieces[:n]))), 1)
        parts.append("+".join(pieces[:longest]))
        pieces = pieces[longest:]
    return parts


def _exists(data: str) -> bool:
    """Return whether DATA, with or without a kind, names a file or folder."""
    kind, colon, path = data.partition(":")
    texts = (data, path) if colon and path and kind.isidentifier() else (data,)
    try:
        return any(Path(text).expanduser().exists() for text in texts)
    except (OSError, RuntimeError, ValueError):  # too long for the file system, no such user behind ~, a zero byte
        return False
