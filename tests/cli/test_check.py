import json
from pathlib import Path

import tiny


def test_a_good_data_set_is_summed_up(tmp_path: Path, streetseg) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid", n_train=4, n_val=2)

    done = streetseg("check", f"camvid:{folder}")

    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == f"camvid:{folder}: nothing wrong, label space street-11"
    assert "train: 4 pictures" in lines
    assert "    sizes     48x64 (4)" in lines
    shares = [float(line.split()[-2]) for line in lines[lines.index(next(x for x in lines if "share" in x)) + 1 :]]
    assert len(shares) == 12
    assert abs(sum(shares) - 100) < 0.1


def test_every_wrong_file_is_listed(tmp_path: Path, streetseg) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid", n_train=30, n_val=2)
    pictures = sorted((folder / "train").iterdir())
    for path in pictures:
        path.write_bytes(b"")

    done = streetseg("check", f"camvid:{folder}")

    assert done.code == 2
    assert all(path.name in done.err for path in pictures)


def test_split_lists_are_looked_through(tmp_path: Path, streetseg) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    (tmp_path / "val.txt").write_text("*0001TP_*\n")
    (tmp_path / "train.txt").write_text("*0006R0_*\n")
    lists = [f"data.splits.{split}={tmp_path / split}.txt" for split in ("train", "val")]

    found = json.loads(streetseg("check", f"camvid:{folder}", "--json", *lists).out)

    assert {name: split["images"] for name, split in found["splits"].items()} == {"train": 3, "val": 3}
