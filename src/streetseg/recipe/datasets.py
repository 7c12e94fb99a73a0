"""The kinds of data sets that DATA can name; `data.open` opens them.

They are in a separate module so that the help text needs no heavy imports.
"""

# Kind -> what follows the colon.
PATHS = {
    "camvid": "DIR",
    "cityscapes": "DIR",
    "folder": "FILE.yaml",
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

FORMS = ", ".join(["scenes", *(f"{kind}:{path}" for kind, path in PATHS.items()), "or a DIR"])
DATA_HELP = f"{FORMS} whose layout is recognized"
