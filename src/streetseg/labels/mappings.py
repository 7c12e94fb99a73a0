"""Mappings from one label space to another, as lookup tables of ids; also to the label ids of Cityscapes, which its
official evaluation script scores.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from streetseg.errors import RequestError
from streetseg.labels.space import IGNORE_INDEX, LabelSpace
from streetseg.labels.street_mappings import TO_CITYSCAPES_34
from streetseg.labels.tables import CAMVID_32, CITYSCAPES_8, CITYSCAPES_19, CITYSCAPES_34, STREET_11

log = logging.getLogger("streetseg")

# The 19 classes that the Cityscapes evaluation scores have the same name. It ignores the rest.
_CITYSCAPES_34_TO_19 = {name: name for name in CITYSCAPES_19.names}

# Category of each class in cityscapesScripts' label table.
_CITYSCAPES_34_TO_8 = {
    **dict.fromkeys(
        ("unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic", "ground"), "void"
    ),
    **dict.fromkeys(("road", "sidewalk", "parking", "rail track"), "flat"),
    **dict.fromkeys(("building", "wall", "fence", "guard rail", "bridge", "tunnel"), "construction"),
    **dict.fromkeys(("pole", "polegroup", "traffic light", "traffic sign"), "object"),
    **dict.fromkeys(("vegetation", "terrain"), "nature"),
    "sky": "sky",
    **dict.fromkeys(("person", "rider"), "human"),
    **dict.fromkeys(("car", "truck", "bus", "caravan", "trailer", "train", "motorcycle", "bicycle"), "vehicle"),
}

# The usual grouping of CamVid's 32 labels into the 11 that are scored (from MathWorks' CamVid example, after Brostow et
# al. and Sturgess et al.). Only Void is ignored.
_CAMVID_32_TO_STREET_11 = {
    "Sky": "sky",
    **dict.fromkeys(("Building", "Archway", "Bridge", "Tunnel", "Wall"), "building"),
    **dict.fromkeys(("Column_Pole", "TrafficCone"), "pole"),
    **dict.fromkeys(("Road", "LaneMkgsDriv", "LaneMkgsNonDriv"), "road"),
    **dict.fromkeys(("Sidewalk", "ParkingBlock", "RoadShoulder"), "pavement"),
    **dict.fromkeys(("Tree", "VegetationMisc"), "tree"),
    **dict.fromkeys(("SignSymbol", "Misc_Text", "TrafficLight"), "sign symbol"),
    "Fence": "fence",
    **dict.fromkeys(("Car", "SUVPickupTruck", "Truck_Bus", "Train", "OtherMoving"), "car"),
    **dict.fromkeys(("Pedestrian", "Child", "CartLuggagePram", "Animal"), "pedestrian"),
    **dict.fromkeys(("Bicyclist", "MotorcycleScooter"), "bicyclist"),
}

# Our own mapping; none is published. Each Cityscapes class is mapped like the CamVid label of the same things in the
# table above: walls, bridges and tunnels to building, grass (terrain) to tree, parking to pavement, all vehicles with
# four wheels and trains to car, riders and their two-wheelers to bicyclist. Void classes and rail track are ignored.
_CITYSCAPES_34_TO_STREET_11 = {
    "sky": "sky",
    **dict.fromkeys(("building", "wall", "bridge", "tunnel"), "building"),
    **dict.fromkeys(("pole", "polegroup"), "pole"),
    "road": "road",
    **dict.fromkeys(("sidewalk", "parking"), "pavement"),
    **dict.fromkeys(("vegetation", "terrain"), "tree"),
    **dict.fromkeys(("traffic sign", "traffic light"), "sign symbol"),
    **dict.fromkeys(("fence", "guard rail"), "fence"),
    **dict.fromkeys(("car", "truck", "bus", "caravan", "trailer", "train"), "car"),
    "person": "pedestrian",
    **dict.fromkeys(("rider", "motorcycle", "bicycle"), "bicyclist"),
}
_CITYSCAPES_19_TO_STREET_11 = {name: _CITYSCAPES_34_TO_STREET_11[name] for name in CITYSCAPES_19.names}
_CITYSCAPES_19_TO_8 = {name: _CITYSCAPES_34_TO_8[name] for name in CITYSCAPES_19.names}

_MAPPINGS: dict[tuple[str, str], Mapping[str, str]] = {
    (CITYSCAPES_34.name, CITYSCAPES_19.name): _CITYSCAPES_34_TO_19,
    (CITYSCAPES_34.name, CITYSCAPES_8.name): _CITYSCAPES_34_TO_8,
    (CITYSCAPES_34.name, STREET_11.name): _CITYSCAPES_34_TO_STREET_11,
    (CITYSCAPES_19.name, CITYSCAPES_8.name): _CITYSCAPES_19_TO_8,
    (CITYSCAPES_19.name, STREET_11.name): _CITYSCAPES_19_TO_STREET_11,
    (CAMVID_32.name, STREET_11.name): _CAMVID_32_TO_STREET_11,
}
_MAPPINGS |= {
    (name, target): {own: after[middle] for own, middle in to_34.items() if middle in after}
    for name, to_34 in TO_CITYSCAPES_34.items()
    for target, after in (
        (CITYSCAPES_34.name, {name: name for name in CITYSCAPES_34.names}),
        (CITYSCAPES_19.name, _CITYSCAPES_34_TO_19),
        (CITYSCAPES_8.name, _CITYSCAPES_34_TO_8),
        (STREET_11.name, _CITYSCAPES_34_TO_STREET_11),
    )
}


def label_mapping(source: LabelSpace, target: LabelSpace) -> NDArray[np.uint8]:
    """Return the lookup table (256,) uint8 from ids of `source` to ids of `target`. All other values become 255.

    `label_mapping(a, b)[labels]` maps a whole array of labels. A space mapped to itself keeps every id.

    Raises:
        RequestError: there is no label mapping from `source` to `target`; the hint names the possible targets.
    """
    if source == target:
        names: Mapping[str, str] = {name: name for name in source.names}
    elif (source.name, target.name) in _MAPPINGS:
        names = _MAPPINGS[source.name, target.name]
    else:
        reachable = mappings_from(source)
        raise RequestError(
            f"no label mapping from label space {source.name!r} to {target.name!r}",
            hint=f"{source.name} can become {', '.join(reachable)}" if reachable else "keep the data's own label space",
        )
    table = np.full(256, IGNORE_INDEX, np.uint8)
    for class_id, name in enumerate(source.names):
        known = next((part for part in _above(name) if part in names), None)
        if known is not None:
            table[class_id] = target.names.index(names[known])
    return table


def _above(name: str) -> Iterator[str]:
    """Yield the name of a class, and the names above it: Mapillary's are paths such as object--vehicle--car."""
    while name:
        yield name
        name = name.rpartition("--")[0]


def mappings_from(source: LabelSpace) -> list[str]:
    """Return the names of the label spaces that labels of `source` can be mapped to."""
    return [target for start, target in _MAPPINGS if start == source.name]


def cityscapes_ids(space: LabelSpace) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Return the Cityscapes label id of each class of `space`, uint8 (C,).

    Raises:
        RequestError: a class is none of Cityscapes' labels.
    """
    missing = [name for name in space.names if name not in CITYSCAPES_34.names]
    if missing:
        raise RequestError(
            f"{space.name} cannot be written as Cityscapes label ids (no label for {', '.join(missing)})",
            hint="train in cityscapes-34 or cityscapes-19",
        )
    return np.array([CITYSCAPES_34.names.index(name) for name in space.names], dtype=np.uint8)


def own_ids(space: LabelSpace, mask_ids: Sequence[Sequence[int]] | None) -> NDArray[np.uint8]:
    """Return the id of each class of `space` in the masks that a model was trained on, uint8 (C,).

    Where a class has several ids there, it is the first one, and the log says so.

    Args:
        mask_ids: the ids of each class in those masks; None if they are not known.

    Raises:
        RequestError: the ids are not known, or one is no value of an 8-bit mask.
    """
    if mask_ids is None:
        problem = "the model does not know the ids of the masks that it was trained on"
        raise RequestError(problem, where="--ids own", hint="--ids model: the classes are numbered from 0")
    for name, ids in zip(space.names, mask_ids, strict=True):
        if not ids or not 0 <= ids[0] <= 255:
            problem = (
                f"class {name} has the id {ids[0]} in the masks" if ids else f"class {name} has no id in the masks"
            )
            raise RequestError(f"{problem}, expected 0..255", where="--ids own", hint="--ids model")
        if len(ids) > 1:
            log.info("class %s has the ids %s in the masks: %d is written", name, ", ".join(map(str, ids)), ids[0])
    return np.array([ids[0] for ids in mask_ids], dtype=np.uint8)
