"""The kinds of data sets that DATA can name; `data.open` opens them.

They are in a separate module so that the help text needs no heavy imports.
"""

PATHS = {"camvid": "DIR", "cityscapes": "DIR", "folder": "FILE.yaml"}  # kind -> what follows the colon
STREETS = (  # kinds of further street data sets; a folder follows the colon
    "a2d2",
    "acdc",
    "ade20k",
    "ade20k-streets",
    "bdd100k",
    "carla-22",
    "carla-28",
    "comma10k",
    "gta5",
    "idd",
    "kitti",
    "mapillary-1.2",
    "mapillary-2.0",
    "synthia",
    "wilddash",
)

FORMS = ", ".join(["scenes", *(f"{kind}:{path}" for kind, path in PATHS.items()), "STREET:DIR", "or a DIR"])
DATA_HELP = f"{FORMS} whose layout is recognized"
