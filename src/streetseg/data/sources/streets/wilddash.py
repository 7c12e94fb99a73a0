"""WildDash 2: hard road scenes of the whole world. The ids are those of the panoptic.json that it ships."""

from pathlib import Path

from streetseg.data.mask_code import MaskCode
from streetseg.data.sources.streets.street_set import Form, StreetSet
from streetseg.data.sources.streets.tables import read_json, rgb, space_of
from streetseg.labels.space import Color
from streetseg.labels.street_mappings import WILDDASH_2

_TABLE = "panoptic.json"


def _code(root: Path) -> MaskCode:
    """Return the code by the categories of the table; an id without category is no class."""
    path = root / _TABLE
    content = read_json(path)
    ids: dict[int, int] = {}

    def classes() -> list[tuple[str, Color]]:
        ids.update({int(one["id"]): class_id for class_id, one in enumerate(content["categories"])})
        return [(one["name"], rgb(one["color"])) for one in content["categories"]]

    space = space_of(path, WILDDASH_2, classes)
    return MaskCode(space, {255: space.ignore_index, **ids}, MaskCode.of(space).colors, ids_only=True)


WILDDASH = StreetSet(
    kind="wilddash",
    title="WildDash 2 (Zendel et al. 2022)",
    forms=(
        Form("images/*", "labels/*", _code, f"masks are the ids of {_TABLE}", (_TABLE, "images/*.jpg", "labels/*.png")),
    ),
    license="CC BY-NC 4.0",
    url="https://wilddash.cc",
)
