"""The ids on disk that each class has in the masks of a source: what `predict --ids own` writes."""

from pathlib import Path

import tiny
from streetseg.data.issues import Survey
from streetseg.data.mask_code import MaskCode
from streetseg.data.open import open_source
from streetseg.data.source import FileSource, SourceView, mask_ids
from streetseg.data.sources.scenes import ScenesSource
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import CITYSCAPES_19, CITYSCAPES_34
from streetseg.recipe.schema import Recipe
from streetseg.training.own import Own
from streetseg.training.prepare import first_network

SPACE = LabelSpace("yard", ("road", "car"), ((0, 0, 0), (9, 9, 9)))


def source(code: MaskCode) -> FileSource:
    return FileSource("folder:yard.yaml", code, {}, Survey())


def test_a_class_may_have_several_ids_and_ignored_ids_are_none_of_them() -> None:
    assert mask_ids(source(MaskCode(SPACE, ids={7: 0, 3: 1, 2: 1, 0: 255}))) == [[7], [2, 3]]


def test_masks_that_are_colors_or_no_files_have_no_ids() -> None:
    colors = {(0, 0, 0): 0, (9, 9, 9): 1}
    assert mask_ids(source(MaskCode(SPACE, colors=colors))) is None
    assert mask_ids(source(MaskCode(SPACE, ids={0: 0, 1: 1}, colors=colors, ids_written=False))) is None
    assert mask_ids(source(MaskCode(SPACE, ids={5: 0, 6: 1}, colors=colors))) == [[5], [6]]
    assert mask_ids(ScenesSource()) is None


def test_ids_go_through_the_mapping_to_another_label_space() -> None:
    view = SourceView(source(MaskCode.of(CITYSCAPES_34)), space=CITYSCAPES_19, splits={})
    assert mask_ids(view) == [[CITYSCAPES_34.names.index(name)] for name in CITYSCAPES_19.names]
    merged = mask_ids(SourceView(view, space=tiny.STREET_11, splits={}))
    assert merged is not None
    assert merged[tiny.STREET_11.names.index("bicyclist")] == [25, 32, 33]  # rider, motorcycle, bicycle


def test_a_network_that_is_trained_knows_them(tmp_path: Path) -> None:
    data = tiny.camvid_segnet(tmp_path / "camvid", n_train=2, n_val=2)
    recipe = Recipe.model_validate(
        {
            "data": {"source": f"camvid:{data}"},
            "model": {"encoder": "test_efficientnet", "channels": [16, 12, 8, 8], "weights": "none"},
        }
    )
    network, _ = first_network(recipe, open_source(recipe.data), Own(), None)
    assert network.mask_ids == [[k] for k in range(11)]
