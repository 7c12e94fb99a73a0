"""Each published data set, in its true layout, is trained for one epoch by the command."""

from collections.abc import Callable
from pathlib import Path

import pytest

import street_sets
import tiny
from conftest import Finished
from street_sets import Made
from streetseg.data.open import open_source
from streetseg.recipe.schema import Data

Run = Callable[..., Finished]
TINY = (
    "--encoder", "test_efficientnet", "--weights", "none", "--epochs", "1", "--quiet", "train.batch=2",
    "train.precision=fp32", "model.channels=[16, 12, 8, 8]", "data.size=none", "augment.crop=none",
)  # fmt: skip


def cityscapes_coarse(folder: Path) -> Made:
    """Write Cityscapes with coarse masks alone."""
    tiny.cityscapes_folder(folder, n_train=2, n_val=2, size=street_sets.SIZE)
    for path in list((folder / "gtFine").rglob("*.png")):
        coarse = folder / "gtCoarse" / path.relative_to(folder / "gtFine")
        coarse.parent.mkdir(parents=True, exist_ok=True)
        path.rename(coarse.with_name(path.name.replace("gtFine", "gtCoarse")))
    (folder / "gtFine").rename(folder / "empty")
    return Made(f"cityscapes:{folder}", {"train": (0, 1), "val": (2, 3)}, ())


TWINS = ("ade20k-streets", "carla-28", "mapillary-1.2")  # kinds of a data set of which another kind is trained
MAKERS = {kind: make for kind, make in street_sets.MAKERS.items() if kind not in TWINS} | {
    "cityscapes-coarse": cityscapes_coarse
}


def split_lists(made: Made, folder: Path) -> list[str]:
    """Return the fields of a recipe that split a data set without train and val into halves."""
    if {"train", "val"} <= made.splits.keys():
        return []
    samples = [s.name for every in open_source(Data(source=made.data)).splits.values() for s in every]
    fields = []
    for split, names in (("train", samples[:2]), ("val", samples[2:])):
        (folder / f"{split}.lst").write_text("".join(f"{name}\n" for name in names))
        fields.append(f"data.splits.{split}={folder / f'{split}.lst'}")
    return fields


@pytest.mark.parametrize("kind", MAKERS)
def test_a_published_data_set_is_trained(
    kind: str, tmp_path: Path, streetseg: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streetseg.report.report.write_run_report", lambda *_, **__: None)  # other tests read reports
    made = MAKERS[kind](tmp_path / "data")
    done = streetseg("train", made.data, *split_lists(made, tmp_path), *TINY, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    assert (tmp_path / "run" / "best" / "weights.safetensors").is_file()
