"""What a study writes can be passed on: it holds no paths of the machine."""

from collections.abc import Callable
from pathlib import Path

import pytest

import tiny
from conftest import Finished
from networks import tiny_network
from streetseg.data.source import short_name
from streetseg.models.bundle import save_bundle
from streetseg.report.words import ABSOLUTE

Run = Callable[..., Finished]
SECRET = "SECRETPLACE"
KEEP_PATHS = {"recipe.yaml", "environment.json", "journal.jsonl"}  # and checkpoints: --resume needs them
START = {"kind": "random", "source": "", "text": "random weights"}


def telling(folder: Path) -> list[str]:
    """Return the files that contain a path of the machine, by their path below the folder."""
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in KEEP_PATHS and "checkpoints" not in path.parts
        if SECRET.encode() in path.read_bytes()
    ]


@pytest.mark.parametrize("layout", ["camvid", "folder"])
def test_a_study(layout: str, tmp_path: Path, streetseg: Run) -> None:
    place = tmp_path / SECRET
    if layout == "camvid":
        data = f"camvid:{tiny.camvid_segnet(place / 'CamVid', n_train=2, n_val=2)}"
    else:
        data = f"folder:{tiny.folder_yaml(place / 'own', n_train=2, n_val=2)}"
    weights = place / "trained"
    save_bundle(weights, tiny_network("test_efficientnet"), initial_weights=START, protocol={}, scores={})
    argv = (
        "--encoders", "test_efficientnet,test_resnet", "--weights", f"test_efficientnet={weights},test_resnet=none",
        "--epochs", "1", "--quiet", "train.batch=2", "model.decoder=classic",
        "model.channels=[16, 12, 8, 8, 8]", "--out", place / "study",
    )  # fmt: skip

    done = streetseg("study", data, *argv)

    assert done.code == 0, done.err
    assert telling(place / "study") == []
    report = (place / "study" / "report.html").read_text()
    assert short_name(data) in report
    assert "streetseg study" in report
    assert SECRET in (place / "study/runs/test_efficientnet_seed0/recipe.yaml").read_text()

    if layout == "camvid":
        done = streetseg("evaluate", place / "study/runs/test_resnet_seed0", data, "--out", place / "scores")
        assert done.code == 0, done.err
        assert telling(place / "scores") == []


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("scenes", "scenes"),
        ("camvid:/home/me/CamVid", "camvid:CamVid"),
        ("folder:/home/me/own data/data.yaml", "folder:data.yaml"),
        ("camvid:CamVid", "camvid:CamVid"),
        ("shards:s3://my-bucket/mine/streets", "shards:streets"),
    ],
)
def test_the_short_name_of_a_data_set(spec: str, name: str) -> None:
    assert short_name(spec) == name


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("camvid:/home/me/CamVid", "camvid:CamVid"),
        ("shards:s3://my-bucket/mine/streets", "shards:streets"),
        ("/home/me/run", "run"),
        ("/home/me/run/", "run/"),
        ("data.splits.val=/home/me/val.txt", "data.splits.val=val.txt"),
        ("a=/home/me/a.safetensors,b=/home/you/b.safetensors", "a=a.safetensors,b=b.safetensors"),
        ("runs/mobile", "runs/mobile"),
        ("optim.lr=3e-4", "optim.lr=3e-4"),
    ],
)
def test_the_words_of_a_command(word: str, shown: str) -> None:
    assert ABSOLUTE.sub("", word) == shown
