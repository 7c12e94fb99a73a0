"""The kinds of data sets that DATA can name; `data.open` opens them.

They are in a separate module so that the help text needs no heavy imports.
"""

from pathlib import Path

# Kind of data -> what follows the colon.
PATHS = {"camvid": "DIR", "cityscapes": "DIR", "folder": "FILE.yaml", "shards": "DIR_or_URL"}
STREETS = (  # kinds of further street data sets; a folder follows the colon
    *("a2d2", "acdc", "ade20k", "ade20k-streets", "bdd100k", "carla-22", "carla-28", "comma10k", "gta5", "idd"),
    *("kitti", "mapillary-1.2", "mapillary-2.0", "synthia", "wilddash"),
)
TOOLS = {  # label tool -> what follows the colon
    "coco": "FILE.json",
    "yolo": "DATA.yaml",
    "labelme": "DIR",
    "cvat": "FILE.xml",
    "labelstudio": "FILE.json",
    "supervisely": "DIR",
    "voc": "DIR",
    "roboflow": "DIR",
    "via": "FILE",
    "kaggle": "FILE.csv",
}

FORMS = ", ".join(
    ["scenes", *(f"{kind}:{path}" for kind, path in PATHS.items()), "STREET:DIR", "TOOL:PATH", "or a DIR"]
)
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
    texts = (data, path) if colon and path and kind in {*PATHS, *STREETS, *TOOLS} else (data,)
    try:
        return any(Path(text).expanduser().exists() for text in texts)
    except (OSError, RuntimeError, ValueError):  # too long for the file system, no such user behind ~, a zero byte
        return False
