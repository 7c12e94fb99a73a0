"""The built-in label spaces, with their published ids and colors."""

from streetseg.errors import RequestError, did_you_mean
from streetseg.labels.space import LabelSpace
from streetseg.labels.street_tables import STREET_SPACES

# The 11 classes of the CamVid masks that came with SegNet (Badrinarayanan et al. 2015), with SegNet's colors.
# Void, 11 in the masks, is no class.
STREET_11 = LabelSpace.of(
    "street-11",
    ("sky", (128, 128, 128)),
    ("building", (128, 0, 0)),
    ("pole", (192, 192, 128)),
    ("road", (128, 64, 128)),
    ("pavement", (60, 40, 222)),
    ("tree", (128, 128, 0)),
    ("sign symbol", (192, 128, 128)),
    ("fence", (64, 64, 128)),
    ("car", (64, 0, 128)),
    ("pedestrian", (64, 64, 0)),
    ("bicyclist", (0, 128, 192)),
)

# Cityscapes (Cordts et al. 2016), ids as in cityscapesScripts' label table. The license plate is no class, because its
# id -1 does not fit into an 8-bit mask.
CITYSCAPES_34 = LabelSpace.of(
    "cityscapes-34",
    ("unlabeled", (0, 0, 0)),
    ("ego vehicle", (0, 0, 0)),
    ("rectification border", (0, 0, 0)),
    ("out of roi", (0, 0, 0)),
    ("static", (0, 0, 0)),
    ("dynamic", (111, 74, 0)),
    ("ground", (81, 0, 81)),
    ("road", (128, 64, 128)),
    ("sidewalk", (244, 35, 232)),
    ("parking", (250, 170, 160)),
    ("rail track", (230, 150, 140)),
    ("building", (70, 70, 70)),
    ("wall", (102, 102, 156)),
    ("fence", (190, 153, 153)),
    ("guard rail", (180, 165, 180)),
    ("bridge", (150, 100, 100)),
    ("tunnel", (150, 120, 90)),
    ("pole", (153, 153, 153)),
    ("polegroup", (153, 153, 153)),
    ("traffic light", (250, 170, 30)),
    ("traffic sign", (220, 220, 0)),
    ("vegetation", (107, 142, 35)),
    ("terrain", (152, 251, 152)),
    ("sky", (70, 130, 180)),
    ("person", (220, 20, 60)),
    ("rider", (255, 0, 0)),
    ("car", (0, 0, 142)),
    ("truck", (0, 0, 70)),
    ("bus", (0, 60, 100)),
    ("caravan", (0, 0, 90)),
    ("trailer", (0, 0, 110)),
    ("train", (0, 80, 100)),
    ("motorcycle", (0, 0, 230)),
    ("bicycle", (119, 11, 32)),
)

# The 19 classes that Cityscapes scores, in the order of their train ids.
CITYSCAPES_19 = LabelSpace.of(
    "cityscapes-19",
    ("road", (128, 64, 128)),
    ("sidewalk", (244, 35, 232)),
    ("building", (70, 70, 70)),
    ("wall", (102, 102, 156)),
    ("fence", (190, 153, 153)),
    ("pole", (153, 153, 153)),
    ("traffic light", (250, 170, 30)),
    ("traffic sign", (220, 220, 0)),
    ("vegetation", (107, 142, 35)),
    ("terrain", (152, 251, 152)),
    ("sky", (70, 130, 180)),
    ("person", (220, 20, 60)),
    ("rider", (255, 0, 0)),
    ("car", (0, 0, 142)),
    ("truck", (0, 0, 70)),
    ("bus", (0, 60, 100)),
    ("train", (0, 80, 100)),
    ("motorcycle", (0, 0, 230)),
    ("bicycle", (119, 11, 32)),
)

# The 8 Cityscapes categories, in the order of their category ids. Cityscapes publishes no colors for them: each has the
# color of its most frequent class.
CITYSCAPES_8 = LabelSpace.of(
    "cityscapes-8",
    ("void", (0, 0, 0)),
    ("flat", (128, 64, 128)),
    ("construction", (70, 70, 70)),
    ("object", (153, 153, 153)),
    ("nature", (107, 142, 35)),
    ("sky", (70, 130, 180)),
    ("human", (220, 20, 60)),
    ("vehicle", (0, 0, 142)),
)

# The 32 labels of CamVid (Brostow et al. 2009) in the order of its label_colors.txt, void among them.
CAMVID_32 = LabelSpace.of(
    "camvid-32",
    ("Animal", (64, 128, 64)),
    ("Archway", (192, 0, 128)),
    ("Bicyclist", (0, 128, 192)),
    ("Bridge", (0, 128, 64)),
    ("Building", (128, 0, 0)),
    ("Car", (64, 0, 128)),
    ("CartLuggagePram", (64, 0, 192)),
    ("Child", (192, 128, 64)),
    ("Column_Pole", (192, 192, 128)),
    ("Fence", (64, 64, 128)),
    ("LaneMkgsDriv", (128, 0, 192)),
    ("LaneMkgsNonDriv", (192, 0, 64)),
    ("Misc_Text", (128, 128, 64)),
    ("MotorcycleScooter", (192, 0, 192)),
    ("OtherMoving", (128, 64, 64)),
    ("ParkingBlock", (64, 192, 128)),
    ("Pedestrian", (64, 64, 0)),
    ("Road", (128, 64, 128)),
    ("RoadShoulder", (128, 128, 192)),
    ("Sidewalk", (0, 0, 192)),
    ("SignSymbol", (192, 128, 128)),
    ("Sky", (128, 128, 128)),
    ("SUVPickupTruck", (64, 128, 192)),
    ("TrafficCone", (0, 0, 64)),
    ("TrafficLight", (0, 64, 64)),
    ("Train", (192, 64, 128)),
    ("Tree", (128, 128, 0)),
    ("Truck_Bus", (192, 128, 192)),
    ("Tunnel", (64, 0, 64)),
    ("VegetationMisc", (192, 192, 0)),
    ("Void", (0, 0, 0)),
    ("Wall", (64, 192, 0)),
)

_SPACES = {
    space.name: space for space in (STREET_11, CITYSCAPES_34, CITYSCAPES_19, CITYSCAPES_8, CAMVID_32, *STREET_SPACES)
}


def is_built_in(space: LabelSpace) -> bool:
    """Return whether a label space is one of these."""
    return _SPACES.get(space.name) == space


def space_names() -> list[str]:
    """Return the names of these label spaces."""
    return list(_SPACES)


def space(name: str) -> LabelSpace:
    """Return the label space with this name.

    Raises:
        RequestError: there is none; the hint names similar ones.
    """
    try:
        return _SPACES[name]
    except KeyError:
        hint = did_you_mean(name, _SPACES) or f"known: {', '.join(_SPACES)}"
        raise RequestError(f"unknown label space {name!r}", hint=hint) from None
