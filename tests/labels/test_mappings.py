"""Every label mapping, compared with the published tables."""

import numpy as np
import pytest
from cityscapesscripts.helpers.labels import labels as published

from streetseg.errors import RequestError
from streetseg.labels.mappings import label_mapping
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import CAMVID_32, CITYSCAPES_8, CITYSCAPES_19, CITYSCAPES_34, STREET_11

MAPPINGS = [
    (CITYSCAPES_34, CITYSCAPES_19),
    (CITYSCAPES_34, CITYSCAPES_8),
    (CITYSCAPES_34, STREET_11),
    (CITYSCAPES_19, STREET_11),
    (CAMVID_32, STREET_11),
]


@pytest.mark.parametrize(("source", "target"), MAPPINGS, ids=lambda space: space.name)
def test_ids_without_meaning_become_ignored_and_no_class_is_unreachable(source: LabelSpace, target: LabelSpace) -> None:
    table = label_mapping(source, target)
    assert table.shape == (256,)
    assert table.dtype == np.uint8
    assert (table[source.num_classes :] == 255).all()
    assert set(table.tolist()) - {255} == set(range(target.num_classes))


def test_34_to_19_is_the_train_id_column() -> None:
    table = label_mapping(CITYSCAPES_34, CITYSCAPES_19)
    assert {label.id: label.trainId for label in published if label.id >= 0} == dict(enumerate(table[:34].tolist()))


def test_34_to_8_is_the_category_column() -> None:
    table = label_mapping(CITYSCAPES_34, CITYSCAPES_8)
    assert {label.id: label.categoryId for label in published if label.id >= 0} == dict(enumerate(table[:34].tolist()))


def test_both_ways_from_34_to_street_11_agree_where_both_lead_there() -> None:
    direct = label_mapping(CITYSCAPES_34, STREET_11)[:34]
    train_ids = label_mapping(CITYSCAPES_34, CITYSCAPES_19)[:34]
    through_19 = label_mapping(CITYSCAPES_19, STREET_11)[train_ids]
    scored = train_ids != 255
    assert (direct[scored] == through_19[scored]).all()
    assert (direct[:7] == 255).all()  # void


def test_things_of_one_name_stay_what_they_are() -> None:
    for source, renamed in (
        (CITYSCAPES_34, {"sidewalk": "pavement", "vegetation": "tree", "person": "pedestrian", "rider": "bicyclist"}),
        (CAMVID_32, {"Sidewalk": "pavement", "Column_Pole": "pole", "SignSymbol": "sign symbol"}),
    ):
        table = label_mapping(source, STREET_11)
        for i, name in enumerate(source.names):
            expected = renamed.get(name, name.lower())
            if expected in STREET_11.names:
                assert STREET_11.names[table[i]] == expected


def test_camvid_void_alone_is_ignored() -> None:
    table = label_mapping(CAMVID_32, STREET_11)
    assert [CAMVID_32.names[i] for i in range(32) if table[i] == 255] == ["Void"]


def test_a_space_mapped_to_itself_keeps_every_id() -> None:
    table = label_mapping(STREET_11, STREET_11)
    assert table[:11].tolist() == list(range(11))
    assert (table[11:] == 255).all()


def test_where_no_label_mapping_leads_the_known_ones_are_named() -> None:
    with pytest.raises(
        RequestError, match="no label mapping from label space 'camvid-32' to 'cityscapes-19'"
    ) as caught:
        label_mapping(CAMVID_32, CITYSCAPES_19)
    assert caught.value.hint == "camvid-32 can become street-11"


def test_spaces_of_one_name_but_other_classes_are_not_the_same() -> None:
    mine = LabelSpace("street-11", ("road", "rest"), ((1, 1, 1), (2, 2, 2)))
    with pytest.raises(RequestError):
        label_mapping(mine, STREET_11)


# The grouping by color, as MathWorks publishes it for SegNet's training (camvidPixelLabelIDs).
GROUPS = {
    "sky": [(128, 128, 128)],
    "building": [(0, 128, 64), (128, 0, 0), (64, 192, 0), (64, 0, 64), (192, 0, 128)],
    "pole": [(192, 192, 128), (0, 0, 64)],
    "road": [(128, 64, 128), (128, 0, 192), (192, 0, 64)],
    "pavement": [(0, 0, 192), (64, 192, 128), (128, 128, 192)],
    "tree": [(128, 128, 0), (192, 192, 0)],
    "sign symbol": [(192, 128, 128), (128, 128, 64), (0, 64, 64)],
    "fence": [(64, 64, 128)],
    "car": [(64, 0, 128), (64, 128, 192), (192, 128, 192), (192, 64, 128), (128, 64, 64)],
    "pedestrian": [(64, 64, 0), (192, 128, 64), (64, 0, 192), (64, 128, 64)],
    "bicyclist": [(0, 128, 192), (192, 0, 192)],
}


def test_32_to_11_is_the_published_grouping() -> None:
    table = label_mapping(CAMVID_32, STREET_11)
    for i, name in enumerate(STREET_11.names):
        assert {color for color, id in zip(CAMVID_32.colors, table[:32], strict=True) if id == i} == set(GROUPS[name])
