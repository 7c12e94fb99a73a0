"""The label spaces of street data sets whose classes are not in a table that they ship."""

from streetseg.labels.space import LabelSpace

# The classes of level 3 of IDD (Varma et al. 2019), ids and colors as in the label table of AutoNUE's public code.
IDD_26 = LabelSpace.of(
    "idd-26",
    ("road", (128, 64, 128)),
    ("drivable fallback", (81, 0, 81)),
    ("sidewalk", (244, 35, 232)),
    ("non-drivable fallback", (152, 251, 152)),
    ("person", (220, 20, 60)),
    ("rider", (255, 0, 0)),
    ("motorcycle", (0, 0, 230)),
    ("bicycle", (119, 11, 32)),
    ("autorickshaw", (255, 204, 54)),
    ("car", (0, 0, 142)),
    ("truck", (0, 0, 70)),
    ("bus", (0, 60, 100)),
    ("vehicle fallback", (136, 143, 153)),
    ("curb", (220, 190, 40)),
    ("wall", (102, 102, 156)),
    ("fence", (190, 153, 153)),
    ("guard rail", (180, 165, 180)),
    ("billboard", (174, 64, 67)),
    ("traffic sign", (220, 220, 0)),
    ("traffic light", (250, 170, 30)),
    ("pole", (153, 153, 153)),
    ("obs-str-bar-fallback", (169, 187, 214)),
    ("building", (70, 70, 70)),
    ("bridge", (150, 100, 100)),
    ("vegetation", (107, 142, 35)),
    ("sky", (70, 130, 180)),
)

# The colors of comma10k (comma.ai 2020), from the table in its README.
COMMA10K_5 = LabelSpace.of(
    "comma10k-5",
    ("road", (64, 32, 32)),
    ("lane markings", (255, 0, 0)),
    ("undrivable", (128, 128, 96)),
    ("movable", (0, 255, 102)),
    ("my car", (204, 0, 255)),
)

# The classes of SYNTHIA-RAND-CITYSCAPES (Ros et al. 2016), from the README that it ships. In the masks they count from
# 1, and 0 is void.
SYNTHIA_22 = LabelSpace.of(
    "synthia-22",
    ("sky", (70, 130, 180)),
    ("building", (70, 70, 70)),
    ("road", (128, 64, 128)),
    ("sidewalk", (244, 35, 232)),
    ("fence", (64, 64, 128)),
    ("vegetation", (107, 142, 35)),
    ("pole", (153, 153, 153)),
    ("car", (0, 0, 142)),
    ("traffic sign", (220, 220, 0)),
    ("pedestrian", (220, 20, 60)),
    ("bicycle", (119, 11, 32)),
    ("motorcycle", (0, 0, 230)),
    ("parking slot", (250, 170, 160)),
    ("road work", (128, 64, 64)),
    ("traffic light", (250, 170, 30)),
    ("terrain", (152, 251, 152)),
    ("rider", (255, 0, 0)),
    ("truck", (0, 0, 70)),
    ("bus", (0, 60, 100)),
    ("train", (0, 80, 100)),
    ("wall", (102, 102, 156)),
    ("lane marking", (102, 102, 156)),
)

# The tags of CARLA's semantic camera up to version 0.9.13, from its reference of sensors. They count from 1; 0 is
# unlabeled. Versions before 0.9.10 know only the first 12.
CARLA_22 = LabelSpace.of(
    "carla-22",
    ("building", (70, 70, 70)),
    ("fence", (100, 40, 40)),
    ("other", (55, 90, 80)),
    ("pedestrian", (220, 20, 60)),
    ("pole", (153, 153, 153)),
    ("road line", (157, 234, 50)),
    ("road", (128, 64, 128)),
    ("sidewalk", (244, 35, 232)),
    ("vegetation", (107, 142, 35)),
    ("vehicles", (0, 0, 142)),
    ("wall", (102, 102, 156)),
    ("traffic sign", (220, 220, 0)),
    ("sky", (70, 130, 180)),
    ("ground", (81, 0, 81)),
    ("bridge", (150, 100, 100)),
    ("rail track", (230, 150, 140)),
    ("guard rail", (180, 165, 180)),
    ("traffic light", (250, 170, 30)),
    ("static", (110, 190, 160)),
    ("dynamic", (170, 120, 50)),
    ("water", (45, 60, 150)),
    ("terrain", (145, 170, 100)),
)

# The tags from version 0.9.14 on, which begin with those of Cityscapes. They count from 1; 0 is unlabeled.
CARLA_28 = LabelSpace.of(
    "carla-28",
    ("road", (128, 64, 128)),
    ("sidewalk", (244, 35, 232)),
    ("building", (70, 70, 70)),
    ("wall", (102, 102, 156)),
    ("fence", (100, 40, 40)),
    ("pole", (153, 153, 153)),
    ("traffic light", (250, 170, 30)),
    ("traffic sign", (220, 220, 0)),
    ("vegetation", (107, 142, 35)),
    ("terrain", (145, 170, 100)),
    ("sky", (70, 130, 180)),
    ("pedestrian", (220, 20, 60)),
    ("rider", (255, 0, 0)),
    ("car", (0, 0, 142)),
    ("truck", (0, 0, 70)),
    ("bus", (0, 60, 100)),
    ("train", (0, 80, 100)),
    ("motorcycle", (0, 0, 230)),
    ("bicycle", (119, 11, 32)),
    ("static", (110, 190, 160)),
    ("dynamic", (170, 120, 50)),
    ("other", (55, 90, 80)),
    ("water", (45, 60, 150)),
    ("road line", (157, 234, 50)),
    ("ground", (81, 0, 81)),
    ("bridge", (150, 100, 100)),
    ("rail track", (230, 150, 140)),
    ("guard rail", (180, 165, 180)),
)

STREET_SPACES = (IDD_26, COMMA10K_5, SYNTHIA_22, CARLA_22, CARLA_28)
