"""`streetseg scenes`: files that Cityscapes readers understand."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from streetseg.data.sources.cityscapes import open_cityscapes
from streetseg.data.sources.scenes import ScenesSource
from streetseg.labels.mappings import label_mapping
from streetseg.labels.tables import CITYSCAPES_34, STREET_11
from streetseg.scenes.export import cityscapes_ids


def test_written_ids_lead_back_to_the_same_classes() -> None:
    back = label_mapping(CITYSCAPES_34, STREET_11)[cityscapes_ids()]
    assert back[: STREET_11.num_classes].tolist() == list(range(STREET_11.num_classes))
    assert (back[STREET_11.num_classes :] == STREET_11.ignore_index).all()


def test_command_writes_a_cityscapes_tree(tmp_path: Path, streetseg) -> None:
    out = tmp_path / "scenes [new]"
    done = streetseg("scenes", out, "--count", "6", "--size", "48x64", "--seed", "5", "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["splits"] == {"train": 5, "val": 1}
    written = open_cityscapes(out)
    assert {name: len(samples) for name, samples in written.splits.items()} == {"train": 5, "val": 1}
    drawn = ScenesSource(5, 1, (48, 64), seed=5)
    table = label_mapping(CITYSCAPES_34, STREET_11)
    for split in ("train", "val"):
        for ours, theirs in zip(drawn.splits[split], written.splits[split], strict=True):
            assert np.array_equal(drawn.read_image(ours), written.read_image(theirs))
            assert np.array_equal(drawn.read_mask(ours), table[written.read_mask(theirs)])


def test_color_masks_match_the_ids(tmp_path: Path, streetseg) -> None:
    streetseg("scenes", tmp_path, "--count", "1", "--size", "32x48")
    (ids,) = tmp_path.glob("gtFine/train/*/*_gtFine_labelIds.png")
    color = ids.with_name(ids.name.replace("labelIds", "color"))
    expected = np.array(CITYSCAPES_34.colors, np.uint8)[np.asarray(Image.open(ids))]
    assert np.array_equal(np.asarray(Image.open(color)), expected)


def test_all_cores_write_the_same_files_as_one(tmp_path: Path, streetseg) -> None:
    """Ten scenes are drawn by several processes, two by one."""
    assert streetseg("scenes", tmp_path / "ten", "--count", "10", "--size", "32x48").code == 0
    assert streetseg("scenes", tmp_path / "two", "--count", "2", "--size", "32x48").code == 0
    assert len(list((tmp_path / "ten").rglob("*.png"))) == 30
    for path in (tmp_path / "two").rglob("*.png"):
        assert path.read_bytes() == (tmp_path / "ten" / path.relative_to(tmp_path / "two")).read_bytes()


def test_refuses_a_folder_with_something_in_it(tmp_path: Path, streetseg) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    refused = streetseg("scenes", tmp_path)
    assert refused.code == 2
    assert str(tmp_path) in refused.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_refuses_a_file_and_a_wrong_size(tmp_path: Path, streetseg) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert streetseg("scenes", file).code == 2
    for size in ("3", "0x5", "16x16"):
        assert streetseg("scenes", tmp_path / "new", "--size", size).code == 2
    assert not (tmp_path / "new").exists()
