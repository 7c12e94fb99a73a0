"""The kinds of data sets that DATA can name; `data.open` opens them.

They are in a separate module so that the help text needs no heavy imports.
"""

PATHS = {
    "camvid": "DIR",
    "cityscapes": "DIR",
    "folder": "FILE.yaml",
    "shards": "DIR_or_URL",
}  # kind -> what follows the colon

FORMS = ", ".join(["scenes", *(f"{kind}:{path}" for kind, path in PATHS.items()), "or a DIR"])
DATA_HELP = f"{FORMS} whose layout is recognized"
