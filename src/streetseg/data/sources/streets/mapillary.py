"""Mapillary Vistas 1.2 and 2.0. The classes are those of the config.json that it ships."""

from functools import partial
from pathlib import Path

from streetseg.data.mask_code import MaskCode
from streetseg.data.sources.streets.street_set import Form, StreetSet
from streetseg.data.sources.streets.tables import read_json, rgb, space_of
from streetseg.errors import DataError
from streetseg.labels.street_mappings import MAPILLARY_1, MAPILLARY_2


def _code(root: Path, name: str, files: tuple[str, ...]) -> MaskCode:
    """Return the code by the first table of `files` that exists: the id of a class is its place in the table."""
    path = next((root / file for file in files if (root / file).is_file()), None)
    if path is None:
        problem = f"no {' or '.join(files)} in this folder"
        raise DataError(problem, where=root, hint="it is in the archive of Mapillary Vistas")
    content = read_json(path)
    space = space_of(path, name, lambda: [(one["name"], rgb(one["color"])) for one in content["labels"]])
    code = MaskCode.of(space)
    return MaskCode(space, code.ids, code.colors, ids_only=True)


_V1 = partial(_code, name=MAPILLARY_1, files=("config_v1.2.json", "config.json"))
_V2 = partial(_code, name=MAPILLARY_2, files=("config_v2.0.json",))


def _vistas(version: str, *forms: Form) -> StreetSet:
    return StreetSet(
        kind=f"mapillary-{version}",
        title=f"Mapillary Vistas {version} (Neuhold et al. 2017)",
        forms=forms,
        license="CC BY-NC-SA 4.0 in the research edition",
        url="https://www.mapillary.com/dataset/vistas",
        splits={"train": "training", "val": "validation", "test": "testing"},
    )


MAPILLARY_VISTAS_1 = _vistas(
    "1.2",
    Form(
        "{split}/images/*",
        "{split}/v1.2/labels/*",
        _V1,
        "masks of version 1.2 in the release of 2.0",
        ("config_v1.2.json", "*/images", "*/v1.2/labels"),
    ),
    Form("{split}/images/*", "{split}/labels/*", _V1, "masks of version 1.2", ("config*.json", "*/images", "*/labels")),
)
MAPILLARY_VISTAS_2 = _vistas(
    "2.0",
    Form(
        "{split}/images/*",
        "{split}/v2.0/labels/*",
        _V2,
        "masks of version 2.0",
        ("config_v2.0.json", "*/images", "*/v2.0/labels"),
    ),
)
