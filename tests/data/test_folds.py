"""Folds: every image in one of them, frames of a video together, the same on every machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streetseg.data.folds import divided, fold_splits
from streetseg.data.source import Sample
from streetseg.errors import RequestError
from streetseg.recipe.schema import Data, Recipe

VIDEOS = st.lists(st.one_of(st.none(), st.sampled_from("abcdefgh")), min_size=2, max_size=40)


def samples_of(videos: list[str | None]) -> list[Sample]:
    return [Sample(f"val/{i:03d}", f"{i}.png", f"{i}.png", sequence=video) for i, video in enumerate(videos)]


@given(videos=VIDEOS, folds=st.integers(2, 6), data=st.data())
def test_every_image_is_in_one_fold_and_videos_stay_together(videos: list, folds: int, data: st.DataObject) -> None:
    samples = samples_of(videos)
    groups = {sample.sequence or sample.name for sample in samples}
    if len(groups) < folds:
        with pytest.raises(RequestError, match=f"cannot be divided into {folds} folds"):
            divided(samples, folds)
        return
    parts = divided(samples, folds)
    assert sorted(sample.name for part in parts for sample in part) == [sample.name for sample in samples]
    assert all(parts) and len(parts) == folds
    for group in groups:
        assert sum(any((s.sequence or s.name) == group for s in part) for part in parts) == 1
    assert divided(data.draw(st.permutations(samples)), folds) == parts, "the order of the files changes nothing"


def test_images_of_no_video_are_divided_evenly_and_not_in_their_order() -> None:
    parts = divided(samples_of([None] * 50), 5)
    assert [len(part) for part in parts] == [10] * 5
    assert [sample.name for sample in parts[0]] != [f"val/{i:03d}" for i in range(10)]


def test_a_fold_replaces_train_and_val_and_leaves_test_alone() -> None:
    every = samples_of([None] * 10)
    splits = {"train": tuple(every[:6]), "val": tuple(every[6:8]), "test": tuple(every[8:])}
    folded = [fold_splits(splits, Data(fold=(k, 4))) for k in range(1, 5)]
    assert all(split["test"] == splits["test"] for split in folded)
    assert sorted(sample.name for split in folded for sample in split["val"]) == [s.name for s in every[:8]]
    for split in folded:
        assert {*split["train"], *split["val"]} == {*every[:8]} and not {*split["train"]} & {*split["val"]}
    assert fold_splits(splits, Data()) is splits


@pytest.mark.parametrize("fold", ["0/5", "6/5", "1/1", "2", "a/b", [1, 2, 3]])
def test_what_is_no_fold_is_refused(fold: object) -> None:
    with pytest.raises(ValueError, match="fold"):
        Recipe.model_validate({"data": {"fold": fold}})
