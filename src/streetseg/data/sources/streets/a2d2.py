"""A2D2: German streets, masks in the colors of the class_list.json that it ships."""

import re
from itertools import groupby
from pathlib import Path

from streetseg.data.mask_code import MaskCode
from streetseg.data.sources.streets.street_set import Form, StreetSet
from streetseg.data.sources.streets.tables import read_json, space_of
from streetseg.labels.space import Color
from streetseg.labels.street_mappings import A2D2 as A2D2_SPACE

_TABLE = "class_list.json"


def _code(root: Path) -> MaskCode:
    """Return the code by the table. "Car 1" to "Car 4" are instances side by side: one class of several colors."""
    path = root / _TABLE
    content = read_json(path)

    def classes() -> list[tuple[str, list[Color]]]:
        named = [(re.sub(r" \d+$", "", name), _hex(color)) for color, name in content.items()]
        order = list(dict.fromkeys(name for name, _ in named))
        grouped = groupby(sorted(named, key=lambda one: order.index(one[0])), key=lambda one: one[0])
        return [(name, [color for _, color in group]) for name, group in grouped]

    space = space_of(path, A2D2_SPACE, lambda: [(name, colors[0]) for name, colors in classes()])
    return MaskCode(space, colors={color: i for i, (_, colors) in enumerate(classes()) for color in colors})


def _hex(text: str) -> Color:
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


A2D2 = StreetSet(
    kind="a2d2",
    title="A2D2 (Geyer et al. 2020)",
    forms=(
        Form(
            "*/camera/*/*_camera_*.png",
            "*/label/*/*_label_*.png",
            _code,
            f"masks are the colors of {_TABLE}",
            (_TABLE, "*/camera/cam_*", "*/label/cam_*"),
        ),
    ),
    license="CC BY-ND 4.0",
    url="https://www.a2d2.audi",
    moment=r"(?P<sequence>[^/]+)/.*_(?P<frame>\d+)",
)
