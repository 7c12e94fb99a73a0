"""What label tools write is read in place, with the same labels from each."""

from pathlib import Path

import pytest

import label_tools
from streetseg.data.open import open_source
from streetseg.data.source import Source
from streetseg.recipe.schema import Data


def opened(path: str | Path) -> Source:
    """Open a data set."""
    return open_source(Data(source=str(path)))


@pytest.mark.parametrize("kind", label_tools.KINDS)
def test_each_tool_gives_the_same_labels(tmp_path: Path, kind: str) -> None:
    path = label_tools.KINDS[kind](tmp_path / "data")
    named, bare = opened(f"{kind.split()[0]}:{path}"), opened(path)
    assert named.spec == bare.spec
    assert not named.survey.failures
    assert named.space.names[0] == "background"
    samples = {label_tools.scene_of(sample.image): sample for split in named.splits.values() for sample in split}
    assert sorted(samples) == list("abcde")
    for scene, sample in samples.items():
        drawn, expected = named.read_mask(sample), label_tools.labels(scene)
        for index, one in enumerate(("background", *label_tools.CLASSES)):
            one = f"class {index}" if kind == "kaggle" and index else one
            assert ((drawn == named.space.names.index(one)) == (expected == index)).all()
        assert named.read_image(sample).shape[:2] == drawn.shape
        assert named.stamp(sample) == bare.stamp(sample)
    if len(named.splits) > 1:
        assert {split: len(several) for split, several in named.splits.items()} == {"train": 3, "val": 2}
