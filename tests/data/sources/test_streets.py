"""Each street data set in its true layout: its splits, its labels, and its mapping to street-11."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest

import street_sets
import tiny
from own_splits import own_splits
from street_sets import MAKERS, Made
from streetseg.data.check.check import check_source
from streetseg.data.mask_code import MaskCode
from streetseg.data.masks import read_mask
from streetseg.data.open import open_source
from streetseg.data.source import Source
from streetseg.data.sources.streets.every import STREET_SETS
from streetseg.errors import DataError
from streetseg.labels.mappings import label_mapping
from streetseg.labels.street_mappings import TO_CITYSCAPES_34
from streetseg.labels.tables import CITYSCAPES_34, STREET_11, space
from streetseg.recipe.datasets import STREETS
from streetseg.recipe.schema import Data

KINDS = pytest.mark.parametrize("kind", MAKERS)


def opened(made: Made, **fields: object) -> Source:
    return own_splits(open_source(Data.model_validate({"source": made.data, **fields})))


def require_read(source: Source, made: Made) -> None:
    """Assert that the data set has the splits and, in its own space, the labels that were written."""
    assert {split: len(samples) for split, samples in source.splits.items()} == {
        split: len(streets) for split, streets in made.splits.items()
    }
    for split, streets in made.splits.items():
        for sample, street in zip(source.splits[split], streets, strict=True):
            expected = tiny.street(street, street_sets.SIZE)[1]
            labels = source.read_mask(sample)
            assert source.read_image(sample).shape == (*street_sets.SIZE, 3)
            for own, name in enumerate(made.classes):
                if name in source.space.names:
                    assert (labels[expected == own] == source.space.names.index(name)).all()


def test_the_help_names_every_kind() -> None:
    assert tuple(STREET_SETS) == STREETS == tuple(MAKERS)


@KINDS
def test_the_masks_mean_what_the_publisher_says(kind: str, tmp_path: Path) -> None:
    made = MAKERS[kind](tmp_path)
    own = {"acdc": "cityscapes-34", "gta5": "cityscapes-34", "kitti": "cityscapes-34"}.get(kind)
    source = opened(made, space=own)
    require_read(source, made)
    check_source(source, list(made.splits))


@pytest.mark.parametrize(
    "kind", [kind for kind in MAKERS if kind != "comma10k"]
)  # its classes are no classes of others
def test_the_mapping_to_street_11_gives_the_street_that_was_drawn(kind: str, tmp_path: Path) -> None:
    made = MAKERS[kind](tmp_path)
    source = opened(made, space="street-11")
    kept = [own for own, name in enumerate(made.classes) if name not in ("", "signboard", "bicycle")]
    for split, streets in made.splits.items():
        for sample, street in zip(source.splits[split], streets, strict=True):
            expected = tiny.street(street, street_sets.SIZE)[1]
            labels = source.read_mask(sample)
            for own in kept:
                if made.classes.count(made.classes[own]) == 1:
                    assert (labels[expected == own] == own).all(), STREET_11.names[own]
            assert (labels[expected == tiny.VOID] == tiny.VOID).all()


@KINDS
def test_a_folder_of_it_is_recognized_or_asked_about(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = MAKERS[kind](tmp_path)
    with caplog.at_level(logging.INFO, "streetseg"):
        if kind.startswith("carla"):
            with pytest.raises(DataError, match="this folder could be carla-22 or carla-28") as caught:
                open_source(Data(source=str(tmp_path)))
            assert caught.value.hint == f"choose one: carla-22:{tmp_path} or carla-28:{tmp_path}"
        elif kind == "ade20k-streets":
            assert open_source(Data(source=str(tmp_path))).spec == f"ade20k:{tmp_path}"
        else:
            assert open_source(Data(source=str(tmp_path))).spec == made.data
            assert f"{tmp_path} is read as {made.data}" in caplog.text
            assert STREET_SETS[kind].license in caplog.text


@KINDS
def test_an_empty_folder_names_the_layout(kind: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no masks of") as caught:
        open_source(Data(source=f"{kind}:{tmp_path}"))
    assert STREET_SETS[kind].forms[0].masks in (caught.value.hint or "")


def test_the_folder_above_names_the_one_below(tmp_path: Path) -> None:
    street_sets.gta5(tmp_path / "GTA5")
    with pytest.raises(DataError) as caught:
        open_source(Data(source=f"gta5:{tmp_path}"))
    assert caught.value.hint == f"did you mean gta5:{tmp_path / 'GTA5'}?"


def test_samples_know_their_recording(tmp_path: Path) -> None:
    samples = {kind: next(iter(opened(MAKERS[kind](tmp_path / kind)).splits.values()))[1] for kind in MAKERS}
    moments = {kind: (sample.sequence, sample.frame) for kind, sample in samples.items() if sample.sequence}
    assert moments == {
        "acdc": ("GOPR0475", 1),
        "a2d2": ("20180807_145028", 1),
        "comma10k": ("0085e9e41513078a_2018-08-19--13-26-08", 14),
        "idd": ("12", None),
    }


def test_masks_of_train_ids_are_read_where_there_are_no_others(tmp_path: Path) -> None:
    made = street_sets.acdc(tmp_path, "labelTrainIds")
    require_read(opened(made), made)


def test_two_channels_of_16_bits(tmp_path: Path) -> None:
    made = street_sets.synthia(tmp_path, channels=2)
    require_read(opened(made), made)


def test_version_1_of_mapillary_vistas_in_its_first_layout(tmp_path: Path) -> None:
    made = street_sets.mapillary_1(tmp_path)
    (tmp_path / "config_v1.2.json").rename(tmp_path / "config.json")
    for part in ("training", "validation"):
        (tmp_path / part / "v1.2" / "labels").rename(tmp_path / part / "labels")
        (tmp_path / part / "v1.2").rmdir()
    require_read(opened(made), made)
    assert open_source(Data(source=str(tmp_path))).spec == made.data


def test_both_versions_of_mapillary_vistas_in_one_folder_are_asked_about(tmp_path: Path) -> None:
    street_sets.mapillary_1(tmp_path)
    street_sets.mapillary_2(tmp_path)
    with pytest.raises(DataError, match=r"could be mapillary-1\.2 or mapillary-2\.0"):
        open_source(Data(source=str(tmp_path)))


@pytest.mark.parametrize("text", ["", "[]", '{"labels": [{"name": "sky"}]}', '{"labels": 7}', '{"labels": []}'])
def test_a_table_of_another_form_is_an_error(text: str, tmp_path: Path) -> None:
    made = street_sets.mapillary_2(tmp_path)
    (tmp_path / "config_v2.0.json").write_text(text)
    with pytest.raises(DataError, match="table of classes") as caught:
        opened(made)
    assert caught.value.where == (str(tmp_path / "config_v2.0.json"),)


def test_polygons_of_idd_are_drawn(tmp_path: Path) -> None:
    made = street_sets.idd(tmp_path, "polygons")
    require_read(opened(made), made)


def test_polygons_are_drawn_as_cityscapesscripts_does(tmp_path: Path) -> None:
    from cityscapesscripts.helpers.annotation import Annotation
    from cityscapesscripts.preparation.json2labelImg import createLabelImage

    rng = np.random.default_rng(0)
    names = ("road", "car", "cargroup", "sky", "pole", "polegroup", "out of roi")
    objects = [
        {"label": names[i % len(names)], "polygon": rng.integers(-9, 70, (int(rng.integers(3, 9)), 2)).tolist()}
        for i in range(40)
    ]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"imgHeight": 48, "imgWidth": 64, "objects": objects}))
    annotation = Annotation()
    annotation.fromJsonFile(str(path))
    official = np.asarray(createLabelImage(annotation, "ids"))
    code = MaskCode(CITYSCAPES_34, labels={name: i for i, name in enumerate(CITYSCAPES_34.names)})
    drawn = read_mask(str(path), code)
    assert (np.where(drawn == 255, 0, drawn) == official).all()  # there, what no polygon covers is unlabeled, 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "no polygons in Cityscapes' format"),
        ("[]", "no polygons in Cityscapes' format"),
        ('{"imgHeight": 4, "imgWidth": 4, "objects": [{"label": "sky", "polygon": [[1]]}]}', "no polygons"),
        (
            '{"imgHeight": 4, "imgWidth": 4, "objects": [{"label": "ufo", "polygon": []}]}',
            "object that the label space",
        ),
        ('{"imgHeight": 90000, "imgWidth": 90000, "objects": []}', "larger than 100 megapixels"),
    ],
)
def test_files_of_other_polygons_are_errors(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=problem):
        read_mask(str(tmp_path / "a.json"), MaskCode(CITYSCAPES_34, labels={"sky": 23}))


@pytest.mark.parametrize("target", ["cityscapes-34", "cityscapes-19", "cityscapes-8", "street-11"])
def test_every_mapping_names_classes_of_cityscapes(target: str) -> None:
    for names in TO_CITYSCAPES_34.values():
        assert set(names.values()) <= set(CITYSCAPES_34.names)
    for name in ("idd-26", "synthia-22", "carla-22", "carla-28"):
        assert set(TO_CITYSCAPES_34[name]) <= set(space(name).names)
        assert len(set(label_mapping(space(name), space(target)).tolist()) - {255}) >= 6
