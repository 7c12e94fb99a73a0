"""The code blocks of docs/how-to/python.md run, one after another, on tiny data with tiny networks."""

import re
from pathlib import Path

import pytest

from tiny import camvid_segnet, save, street

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "python.md"
SIZE = (64, 96)

# What a reader has, and what stands for it here.
SMALLER = {
    '"mobilenetv2_100"': '"test_efficientnet"',
    '"resnext50_32x4d"': '"test_resnet"',
    '"resnet50"': '"test_resnet"',
    "pretrained=True": "pretrained=False",
    "epochs=20": "epochs=1",
}
SETTINGS = {
    "MODEL__ENCODER": "test_efficientnet",
    "MODEL__WEIGHTS": "none",
    "TRAIN__EPOCHS": "1",
    "TRAIN__BATCH": "2",
    "TRAIN__DEVICE": "cpu",
    "TRAIN__PRECISION": "fp32",
    "DATA__SIZE": "none",
}


def blocks() -> list[str]:
    text = PAGE.read_text("utf-8")
    for word, smaller in SMALLER.items():
        text = text.replace(word, smaller)
    return re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """A folder with what the page takes for granted, and the names that its code does."""
    import streetseg

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "cache"))
    for field, value in SETTINGS.items():
        monkeypatch.setenv(f"STREETSEG_{field}", value)
    camvid_segnet(tmp_path / "camvid", 4, 2, size=SIZE)
    for name in ("street.jpg", "street/a.jpg", "street/b.jpg"):
        save(tmp_path / name, street(len(name), SIZE)[0])
    streetseg.train("camvid:camvid", encoder="test_efficientnet", out="runs/mobile", quiet=True)
    pairs = [(image, (labels > 3).astype("uint8")) for image, labels in (street(i, SIZE) for i in range(6))]
    return {"train_pairs": pairs[:4], "val_pairs": pairs[4:]}


def test_the_page_runs(names: dict[str, object], tmp_path: Path) -> None:
    for block in blocks():
        exec(compile(block, str(PAGE), "exec"), names)

    assert (tmp_path / "own.onnx").is_file()
    assert (tmp_path / "shares.csv").read_text().count("\n") == 3
    assert names["study"].table.index.size == 2  # type: ignore[attr-defined]
