"""Labels that nothing can be learned from are refused before training, and a refused command leaves nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from conftest import Finished
from networks import tiny_network
from streetseg.models.bundle import save_bundle

Run = Callable[..., Finished]
TINY = ("--weights", "none", "--epochs", "1", "train.batch=2", "train.precision=fp32")


def camvid(folder: Path) -> tuple[str, Path]:
    return f"camvid:{tiny.camvid_segnet(folder, n_train=2, n_val=1)}", folder


def cityscapes(folder: Path) -> tuple[str, Path]:
    return f"cityscapes:{tiny.cityscapes_folder(folder, n_train=2, n_val=1)}", folder / "gtFine"


def own(folder: Path) -> tuple[str, Path]:
    return f"folder:{tiny.folder_yaml(folder, n_train=2, n_val=1)}", folder / "masks"


LAYOUTS = pytest.mark.parametrize(
    ("make", "ignored"), [(camvid, 11), (cityscapes, 0), (own, 255)], ids=["camvid", "cityscapes", "folder"]
)


def fill(folder: Path, part: str, value: int, other: int | None = None) -> None:
    """Give every pixel of the masks with `part` in their path one value, and the left half another."""
    for path in sorted(folder.rglob("*.png")):
        if part in str(path.relative_to(folder.parent)):
            mask = np.full_like(np.asarray(Image.open(path)), value)
            if other is not None:
                mask[:, : mask.shape[1] // 2] = other
            Image.fromarray(mask).save(path)


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.bad_input(55, "a split that is wholly ignored is refused before training and scoring; exit 2")
@LAYOUTS
@pytest.mark.parametrize("split", ["train", "val"])
def test_a_wholly_ignored_split(
    make: Callable[[Path], tuple[str, Path]], ignored: int, split: str, tmp_path: Path, streetseg: Run
) -> None:
    data, masks = make(tmp_path / "data")
    fill(masks, f"{split}annot" if make is camvid else f"/{split}/", ignored)
    for command in (
        ("train", data, "--encoder", "test_efficientnet"),
        ("study", data, "--encoders", "test_efficientnet"),
    ):
        done = streetseg(*command, *TINY, "--out", tmp_path / "deep" / "out")
        assert done.code == 2, done.out + done.err
        assert f"error: every pixel of split '{split}' is ignored" in done.err
        assert f"data.{split}_split=NAME" in done.err
        assert not (tmp_path / "deep").exists()
    assert streetseg("check", data).code == 0


@pytest.mark.bad_input(55, "a split that is wholly ignored is refused before training and scoring; exit 2")
def test_a_wholly_ignored_split_is_not_scored(tmp_path: Path, streetseg: Run) -> None:
    data, masks = camvid(tmp_path / "data")
    fill(masks, "valannot", 11)
    save_bundle(
        tmp_path / "bundle", tiny_network("test_resnet"),
        initial_weights={"kind": "random", "source": "", "text": "random weights"}, protocol={}, scores={},
    )  # fmt: skip
    done = streetseg("evaluate", tmp_path / "bundle", data, "--out", tmp_path / "out")
    assert done.code == 2, done.out + done.err
    assert "error: every pixel of split 'val' is ignored" in done.err
    assert "--split NAME" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.bad_input(
    55, "a single class is refused before training, with a background class as the cure; `check` warns"
)
@pytest.mark.parametrize(
    "declared", ["classes: [{name: road, id: 1}]\nignore: 255\n", "classes: [tree, road]\nignore: 255\n"]
)
def test_a_single_class(declared: str, tmp_path: Path, streetseg: Run) -> None:
    """It is the only class of the label space, or the only one in the masks."""
    data, masks = own(tmp_path / "data")
    fill(masks, "", 1, 255)
    file = tmp_path / "data" / "data.yaml"
    file.write_text(file.read_text().partition("classes:")[0] + declared)
    before = file.read_bytes()

    done = streetseg("train", data, "--encoder", "test_efficientnet", *TINY, "--out", tmp_path / "run")

    assert done.code == 2, done.out + done.err
    assert "error: split 'train' holds one class only (road)" in done.err
    assert "classes: [{name: road, id: ID}, {name: background, id: 255}]" in flat(done.err)
    assert not (tmp_path / "run").exists()
    assert file.read_bytes() == before
    checked = streetseg("check", data)
    assert checked.code == 0
    assert "warning: the masks hold one class only (road)" in checked.out


def test_with_the_cure_it_trains(tmp_path: Path, streetseg: Run) -> None:
    """The cure of the message works: the pixels that were ignored become a class of their own."""
    data, masks = own(tmp_path / "data")
    fill(masks, "", 1, 255)
    file = tmp_path / "data" / "data.yaml"
    cure = "classes: [{name: background, id: 255}, {name: road, id: 1}]\n"
    file.write_text(file.read_text().partition("classes:")[0] + cure)
    done = streetseg("train", data, "--encoder", "test_efficientnet", *TINY, "--quiet", "--out", tmp_path / "run")
    assert done.code == 0, done.err


def test_a_folder_that_a_person_made_stays(tmp_path: Path, streetseg: Run) -> None:
    data, masks = camvid(tmp_path / "data")
    fill(masks, "valannot", 11)
    (tmp_path / "out").mkdir()
    done = streetseg("study", data, "--encoders", "test_efficientnet", *TINY, "--out", tmp_path / "out")
    assert done.code == 2
    assert list((tmp_path / "out").iterdir()) == []
