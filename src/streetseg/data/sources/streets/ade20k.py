"""ADE20K in the form of the scene parsing challenge: 150 classes, named by the objectInfo150.txt that it ships."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

from streetseg.data.mask_code import MaskCode
from streetseg.data.sources.streets.street_set import Form, StreetSet
from streetseg.data.sources.streets.tables import space_of
from streetseg.labels.space import IGNORE_INDEX, Color, fresh_colors
from streetseg.labels.street_mappings import ADE20K as ADE20K_SPACE
from streetseg.text import read_text

_TABLE, _SCENES = "objectInfo150.txt", "sceneCategories.txt"


def _code(root: Path) -> MaskCode:
    """Return the code by the table. The masks count from 1; 0 is none of the 150. The table has no colors."""
    path = root / _TABLE

    def classes() -> list[tuple[str, Color]]:
        rows = [line.split("\t") for line in read_text(path).splitlines()[1:] if line.strip()]
        if [int(row[0]) for row in rows] != list(range(1, len(rows) + 1)):
            raise ValueError("the classes are not numbered from 1")
        names = [row[-1].split(",")[0].strip() for row in rows]
        return list(zip(names, islice(fresh_colors(()), len(names)), strict=True))

    space = space_of(path, ADE20K_SPACE, classes)
    return MaskCode(space, {0: IGNORE_INDEX, **{i + 1: i for i in range(space.num_classes)}})


def _streets(root: Path) -> Callable[[str, str], bool]:
    """Return which samples are streets, by the table of scenes."""
    scenes = dict(line.split(maxsplit=1) for line in read_text(root / _SCENES).splitlines() if " " in line.strip())
    return lambda _, key: scenes.get(key, "").strip() == "street"


ADE20K = StreetSet(
    kind="ade20k",
    title="ADE20K (Zhou et al. 2017)",
    forms=(
        Form(
            "images/{split}/*",
            "annotations/{split}/*",
            _code,
            f"masks are the classes of {_TABLE}",
            (_TABLE, "images/training", "annotations/training"),
        ),
    ),
    license="for research and education that are not commercial",
    url="https://github.com/CSAILVision/sceneparsing",
    splits={"train": "training", "val": "validation"},
)
_FORM = ADE20K.forms[0]
ADE20K_STREETS = replace(
    ADE20K,
    kind="ade20k-streets",
    forms=(replace(_FORM, what=f"{_FORM.what}, of the scenes only those called street", marks=()),),
    chosen=_streets,
)
