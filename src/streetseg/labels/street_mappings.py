"""Which class of Cityscapes' 34 the classes of other street data sets are; a class that is not here is none of them.

Where the authors publish no such table, classes are mapped by the definitions of Cityscapes' labeling policy (Cordts et
al. 2016): markings and bicycle lanes are road, curbs belong to the sidewalk, vans are cars and pickups are trucks, the
back of a sign is no sign.
"""

from collections.abc import Mapping

from streetseg.labels.street_tables import CARLA_22, CARLA_28, IDD_26, SYNTHIA_22
from streetseg.labels.tables import CITYSCAPES_34

A2D2, ADE20K, MAPILLARY_1, MAPILLARY_2, WILDDASH_2 = (
    "a2d2",
    "ade20k-150",
    "mapillary-vistas-1.2",
    "mapillary-vistas-2.0",
    "wilddash-2",
)

# AutoNUE's own column for Cityscapes, for the classes of level 3. Those that join a class of Cityscapes with something
# else (drivable fallback with parking, vehicle fallback with trailers) are none.
_IDD = {
    **{name: name for name in IDD_26.names if name in CITYSCAPES_34.names},
    "non-drivable fallback": "terrain",
}

_SYNTHIA = {
    **{name: name for name in SYNTHIA_22.names if name in CITYSCAPES_34.names},
    "pedestrian": "person",
    "parking slot": "parking",
    "lane marking": "road",
}

_CARLA_28 = {
    **{name: name for name in CARLA_28.names if name in CITYSCAPES_34.names},
    "pedestrian": "person",
    "road line": "road",
}
_CARLA_22 = {
    **{name: name for name in CARLA_22.names if name in CITYSCAPES_34.names},
    "pedestrian": "person",
    "road line": "road",
    "vehicles": "car",
}

# Names of Mapillary Vistas are paths, such as object--vehicle--car; an entry holds for everything below it.
_MAPILLARY = {
    "construction--barrier--curb": "sidewalk",
    "construction--barrier--fence": "fence",
    "construction--barrier--guard-rail": "guard rail",
    "construction--barrier--wall": "wall",
    **dict.fromkeys(
        (
            "construction--flat--bike-lane",
            "construction--flat--crosswalk-plain",
            "construction--flat--road",
            "construction--flat--service-lane",
            "marking",
            "marking-only",
        ),
        "road",
    ),
    **dict.fromkeys(("construction--flat--parking", "construction--flat--parking-aisle"), "parking"),
    **dict.fromkeys(
        ("construction--flat--curb-cut", "construction--flat--pedestrian-area", "construction--flat--sidewalk"),
        "sidewalk",
    ),
    "construction--flat--rail-track": "rail track",
    "construction--structure--bridge": "bridge",
    "construction--structure--building": "building",
    "construction--structure--tunnel": "tunnel",
    "human--person": "person",
    "human--rider": "rider",
    "nature--sky": "sky",
    "nature--terrain": "terrain",
    "nature--vegetation": "vegetation",
    "object--support--pole": "pole",
    "object--support--pole-group": "polegroup",
    "object--support--utility-pole": "pole",
    "object--traffic-light": "traffic light",
    **dict.fromkeys(
        (
            "object--traffic-sign--front",
            "object--traffic-sign--direction-front",
            "object--traffic-sign--information-parking",
            "object--traffic-sign--temporary-front",
        ),
        "traffic sign",
    ),
    "object--vehicle--bicycle": "bicycle",
    "object--vehicle--bus": "bus",
    "object--vehicle--car": "car",
    "object--vehicle--caravan": "caravan",
    "object--vehicle--motorcycle": "motorcycle",
    "object--vehicle--on-rails": "train",
    "object--vehicle--trailer": "trailer",
    "object--vehicle--truck": "truck",
}

_A2D2 = {
    **dict.fromkeys(
        (
            "RD normal street",
            "RD restricted area",
            "Slow drive area",
            "Drivable cobblestone",
            "Speed bumper",
            "Zebra crossing",
            "Solid line",
            "Dashed line",
            "Painted driv. instr.",
        ),
        "road",
    ),
    **dict.fromkeys(("Sidewalk", "Curbstone"), "sidewalk"),
    "Parking area": "parking",
    "Buildings": "building",
    "Poles": "pole",
    "Traffic signal": "traffic light",
    "Traffic sign": "traffic sign",
    "Nature object": "vegetation",
    "Sky": "sky",
    "Pedestrian": "person",
    "Car": "car",
    "Truck": "truck",
    "Small vehicles": "motorcycle",
    "Bicycle": "bicycle",
}

# Walls of ADE20K are those of rooms, too, and its signboards are those of shops: neither is a class of Cityscapes.
_ADE20K = {
    "road": "road",
    "sidewalk": "sidewalk",
    **dict.fromkeys(("building", "house", "skyscraper"), "building"),
    "fence": "fence",
    "bridge": "bridge",
    "pole": "pole",
    "traffic light": "traffic light",
    **dict.fromkeys(("tree", "plant", "palm"), "vegetation"),
    **dict.fromkeys(("grass", "earth", "field"), "terrain"),
    "sky": "sky",
    "person": "person",
    **dict.fromkeys(("car", "van"), "car"),
    "truck": "truck",
    "bus": "bus",
    "minibike": "motorcycle",
    "bicycle": "bicycle",
}

_WILDDASH = {**{name: name for name in CITYSCAPES_34.names}, "van": "car", "pickup": "truck"}

TO_CITYSCAPES_34: Mapping[str, Mapping[str, str]] = {
    IDD_26.name: _IDD,
    SYNTHIA_22.name: _SYNTHIA,
    CARLA_22.name: _CARLA_22,
    CARLA_28.name: _CARLA_28,
    MAPILLARY_1: _MAPILLARY,
    MAPILLARY_2: _MAPILLARY,
    A2D2: _A2D2,
    ADE20K: _ADE20K,
    WILDDASH_2: _WILDDASH,
}
