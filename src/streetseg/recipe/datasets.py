"""The kinds of data set that DATA can name; `data.open` opens them. Apart, so that help imports nothing heavy."""

PATHS = {"camvid": "DIR", "cityscapes": "DIR", "folder": "FILE.yaml"}  # kind -> what follows its colon

FORMS = ", ".join(["scenes", *(f"{kind}:{path}" for kind, path in PATHS.items()), "or a DIR"])
DATA_HELP = f"{FORMS} whose layout is recognized"
