"""The label tables, compared with those of their publishers."""

import pytest
from cityscapesscripts.helpers.labels import labels as published

from streetseg.errors import RequestError
from streetseg.labels.tables import CAMVID_32, CITYSCAPES_8, CITYSCAPES_19, CITYSCAPES_34, STREET_11, space

# CamVid's label_colors.txt, as its authors publish it.
CAMVID_COLORS = """
64 128 64     Animal
192 0 128     Archway
0 128 192     Bicyclist
0 128 64      Bridge
128 0 0       Building
64 0 128      Car
64 0 192      CartLuggagePram
192 128 64    Child
192 192 128   Column_Pole
64 64 128     Fence
128 0 192     LaneMkgsDriv
192 0 64      LaneMkgsNonDriv
128 128 64    Misc_Text
192 0 192     MotorcycleScooter
128 64 64     OtherMoving
64 192 128    ParkingBlock
64 64 0       Pedestrian
128 64 128    Road
128 128 192   RoadShoulder
0 0 192       Sidewalk
192 128 128   SignSymbol
128 128 128   Sky
64 128 192    SUVPickupTruck
0 0 64        TrafficCone
0 64 64       TrafficLight
192 64 128    Train
128 128 0     Tree
192 128 192   Truck_Bus
64 0 64       Tunnel
192 192 0     VegetationMisc
0 0 0         Void
64 192 0      Wall
"""


def test_cityscapes_ids_are_those_of_cityscapes_scripts() -> None:
    by_id = {label.id: label for label in published if label.id >= 0}
    assert CITYSCAPES_34.names == tuple(by_id[i].name for i in range(34))
    assert CITYSCAPES_34.colors == tuple(by_id[i].color for i in range(34))


def test_cityscapes_train_ids_are_those_of_cityscapes_scripts() -> None:
    scored = sorted((label for label in published if not label.ignoreInEval), key=lambda label: label.trainId)
    assert [label.trainId for label in scored] == list(range(19))
    assert CITYSCAPES_19.names == tuple(label.name for label in scored)
    assert CITYSCAPES_19.colors == tuple(label.color for label in scored)


def test_cityscapes_categories_are_those_of_cityscapes_scripts() -> None:
    categories = {label.categoryId: label.category for label in published}
    assert CITYSCAPES_8.names == tuple(categories[i] for i in range(8))
    own_colors = {label.color for label in published}
    assert set(CITYSCAPES_8.colors) <= own_colors


def test_camvid_is_its_published_table() -> None:
    rows = [line.split() for line in CAMVID_COLORS.split("\n") if line]
    assert CAMVID_32.names == tuple(row[3] for row in rows)
    assert CAMVID_32.colors == tuple(tuple(map(int, row[:3])) for row in rows)


def test_street_11_has_the_order_of_segnets_masks() -> None:
    assert STREET_11.names == (
        "sky", "building", "pole", "road", "pavement", "tree", "sign symbol", "fence", "car", "pedestrian", "bicyclist",
    )  # fmt: skip
    # SegNet kept CamVid's colors but for the pavement.
    camvid = {"pole": "Column_Pole", "sign symbol": "SignSymbol"}
    for name, color in zip(STREET_11.names, STREET_11.colors, strict=True):
        if name != "pavement":
            assert color == CAMVID_32.colors[CAMVID_32.names.index(camvid.get(name, name.capitalize()))]


def test_each_space_is_found_by_its_name() -> None:
    for known in (STREET_11, CITYSCAPES_34, CITYSCAPES_19, CITYSCAPES_8, CAMVID_32):
        assert space(known.name) is known


def test_an_unknown_space_is_refused_with_the_closest() -> None:
    with pytest.raises(RequestError) as caught:
        space("street11")
    assert caught.value.hint == "did you mean street-11?"
