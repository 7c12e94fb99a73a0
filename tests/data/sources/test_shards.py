"""Shards: tar files with an index, written from any source, read on this machine and from a loopback object store."""

import json
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import streetseg.data.shards_ahead as ahead
from loopback import loopback_http, loopback_s3, upload
from own_splits import own_splits
from streetseg.atomic import sha256
from streetseg.data.check.check import check_source
from streetseg.data.convert.convert import convert
from streetseg.data.convert.shards import write_shards
from streetseg.data.files import read_bytes
from streetseg.data.open import open_source
from streetseg.data.shards_ahead import ShardsAhead
from streetseg.data.source import Sample, Source, short_name
from streetseg.data.sources.own import OwnSource
from streetseg.data.sources.scenes import ScenesSource
from streetseg.data.store import Store
from streetseg.errors import DataError, RequestError
from streetseg.recipe.schema import Data
from tiny import camvid_segnet

SMALL = 30_000  # bytes of a shard: three samples


@pytest.fixture(scope="module")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return camvid_segnet(tmp_path_factory.mktemp("camvid"), n_train=8, n_val=3)


@pytest.fixture(scope="module")
def shards(camvid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write CamVid as four shards, three of them of the training split."""
    folder = tmp_path_factory.mktemp("data") / "streets"
    write_shards(open_source(Data(source=f"camvid:{camvid}")), folder, shard_bytes=SMALL)
    return folder


@pytest.fixture(scope="module")
def bucket(shards: Path) -> Iterator[str]:
    """Serve the shards as s3://streets/tiny."""
    with pytest.MonkeyPatch.context() as patch, loopback_s3(patch) as address:
        upload(shards, f"{address}/tiny")
        yield address


@pytest.fixture
def copy(shards: Path, tmp_path: Path) -> Path:
    """Return a copy of the shards that a test may damage."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in shards.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def opened(place: Path | str) -> Source:
    return own_splits(open_source(Data(source=f"shards:{place}")))


def assert_same(source: Source, expected: Source) -> None:
    assert source.space == expected.space
    assert list(source.splits) == list(expected.splits)
    for split, samples in expected.splits.items():
        for one, other in zip(source.splits[split], samples, strict=True):
            assert replace(one, image="", mask="") == replace(other, image="", mask="")
            assert np.array_equal(source.read_image(one), expected.read_image(other))
            assert np.array_equal(source.read_mask(one), expected.read_mask(other))


def test_a_bare_folder_of_shards_is_recognized(shards: Path) -> None:
    assert open_source(Data(source=str(shards))).spec == f"shards:{shards}"


def test_shards_hold_what_the_folder_holds(camvid: Path, shards: Path, tmp_path: Path) -> None:
    folder, source = open_source(Data(source=f"camvid:{camvid}")), opened(shards)
    assert_same(source, folder)
    stores = [Store.open(one, "train", size=None, resize_labels=True, cache=tmp_path) for one in (folder, source)]
    assert stores[0].fingerprint == stores[1].fingerprint
    assert check_source(source, ["train", "val"]).notes == (f"{shards}: 4 shards, 11 samples",)


def test_shards_have_the_layout_of_webdataset(shards: Path) -> None:
    index = json.loads((shards / "index.json").read_text())
    assert [shard["file"] for shard in index["shards"]] == [
        "train-00000.tar", "train-00001.tar", "train-00002.tar", "val-00003.tar",
    ]  # fmt: skip
    assert all(sha256(shards / shard["file"]) == shard["sha256"] for shard in index["shards"])
    sample = index["splits"]["val"][0]
    with tarfile.open(shards / "val-00003.tar") as tar:
        names = tar.getnames()
        facts = tar.extractfile("val/0016E5_07959.json")
        assert facts is not None
        assert json.load(facts)["sequence"] == sample["sequence"] == "0016E5"
        member = tar.getmember(sample["image"][0])
        assert [member.offset_data, member.size] == sample["image"][1:3]
    assert names[0].endswith(".png")
    assert names[1] == names[0].replace(".png", ".mask.png")
    assert names[2] == names[0].replace(".png", ".json")


def test_the_same_data_gives_the_same_bytes(camvid: Path, shards: Path, tmp_path: Path) -> None:
    write_shards(open_source(Data(source=f"camvid:{camvid}")), tmp_path / "again", shard_bytes=SMALL)
    for path in shards.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_image_files_are_copied_unless_they_are_read_by_rules_of_their_own(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 30), (200, 10, 10))
    exif = image.getexif()
    exif[0x0112] = 6
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    image.save(tmp_path / "images/a.b.jpg", exif=exif)
    Image.new("L", (30, 40), 1).save(tmp_path / "masks/a.b.png")
    text = "images: images\nmasks: masks\nclasses: [road, sky]\n"
    (tmp_path / "data.yaml").write_text(text)
    data = Data(source=f"folder:{tmp_path / 'data.yaml'}")

    write_shards(open_source(data), tmp_path / "copied")
    copied = opened(tmp_path / "copied")
    [sample] = copied.splits["all"]
    assert sample.name == "a.b"
    assert sample.image.endswith("all-00000.tar!a%2Eb.jpg")  # a dot would end the key of WebDataset
    assert read_bytes(sample.image) == (tmp_path / "images/a.b.jpg").read_bytes()
    assert_same(copied, open_source(data))

    as_stored = open_source(data.model_copy(update={"exif": "ignore"}))
    Image.new("L", (40, 30), 1).save(tmp_path / "masks/a.b.png")
    write_shards(as_stored, tmp_path / "encoded")
    assert opened(tmp_path / "encoded").splits["all"][0].image.endswith(".png")
    assert_same(opened(tmp_path / "encoded"), as_stored)


@pytest.mark.parametrize("kind", ["scenes", "own"])
def test_sources_without_files_can_be_written(kind: str, tmp_path: Path) -> None:
    image, labels = np.full((32, 40, 3), 9, np.uint8), np.zeros((32, 40), np.uint8)
    own = SimpleNamespace(
        classes=["road", "sky"], splits={"train": [(image, labels)], "val": [(image + 1, labels + 1)]}
    )
    source: Source = ScenesSource(2, 1, (32, 64)) if kind == "scenes" else OwnSource(own)
    write_shards(source, tmp_path / "shards")
    assert_same(opened(tmp_path / "shards"), source)


def test_convert_writes_shards_or_nothing(camvid: Path, shards: Path, tmp_path: Path) -> None:
    converted = convert(open_source(Data(source=f"camvid:{camvid}")), "shards", tmp_path / "shards")
    assert (converted.data, converted.copied, converted.encoded) == (f"shards:{tmp_path / 'shards'}", 11, 0)
    assert_same(opened(tmp_path / "shards"), opened(shards))

    source = open_source(Data(source=f"camvid:{camvid_segnet(tmp_path / 'camvid', n_train=3)}"))
    for sample in source.splits["train"][:2]:
        Path(sample.image).write_bytes(b"no image")
    with pytest.raises(DataError, match="no image") as caught:
        convert(source, "shards", tmp_path / "again")
    assert len(caught.value.where) == 2
    assert not (tmp_path / "again").exists()
    with pytest.raises(RequestError, match="no empty folder"):
        convert(source, "shards", tmp_path / "shards")


# Damaged shards


def test_a_missing_and_a_truncated_shard_are_named_together(copy: Path) -> None:
    (copy / "train-00001.tar").unlink()
    (copy / "train-00002.tar").write_bytes((copy / "train-00002.tar").read_bytes()[:5000])
    with pytest.raises(DataError, match="2 files cannot be used") as caught:
        check_source(opened(copy), ["train", "val"])
    text = str(caught.value)
    assert f"{copy / 'train-00001.tar'}: shard not found" in text
    assert f"{copy / 'train-00002.tar'}: shard has another size (5,000 bytes, expected " in text
    assert "copy the shards again" in text
    check_source(opened(copy), ["val"])  # the shards of other splits are not needed


def test_a_changed_byte_is_named(copy: Path) -> None:
    damage(copy / "val-00003.tar")
    source = opened(copy)
    with pytest.raises(DataError, match="wrong CRC-32") as caught:
        source.read_image(first_in(source, "val-00003.tar"))
    assert "val-00003.tar!val/" in str(caught.value)


def test_a_shard_that_is_cut_while_it_is_in_use(copy: Path) -> None:
    source = opened(copy)
    (copy / "val-00003.tar").write_bytes((copy / "val-00003.tar").read_bytes()[:600])
    with pytest.raises(DataError, match="the shard is cut off"):
        source.read_image(first_in(source, "val-00003.tar"))
    (copy / "val-00003.tar").unlink()
    with pytest.raises(DataError, match="file not found"):
        source.read_image(first_in(source, "val-00003.tar"))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (None, "no shards here"),
        ({"version": 2}, "version: Input should be 1"),
        ({"shards": [{"file": "../a.tar", "size": 1, "sha256": "0" * 64}]}, "shards.0.file"),
        ({"shards": []}, "there are 0"),
        ({"classes": [{"name": "a", "color": [0, 0, 0]}, {"name": "a", "color": [0, 0, 0]}]}, "a class name repeats"),
    ],
)
def test_mistakes_of_the_index_are_named(copy: Path, change: dict[str, object] | None, problem: str) -> None:
    index = copy / "index.json"
    if change is None:
        index.unlink()
    else:
        index.write_text(json.dumps(json.loads(index.read_text()) | change))
    with pytest.raises(DataError) as caught:
        opened(copy)
    assert problem in str(caught.value)
    assert caught.value.where == (str(index),)


# At an address


def test_shards_of_an_object_store_are_read_in_place(bucket: str, camvid: Path) -> None:
    source = opened(f"{bucket}/tiny")
    assert_same(source, open_source(Data(source=f"camvid:{camvid}")))
    check_source(source, ["train", "val"])
    assert short_name(source.spec) == "shards:tiny"


def test_what_is_wrong_in_an_object_store_is_named(bucket: str, copy: Path) -> None:
    (copy / "train-00001.tar").write_bytes(b"cut")
    (copy / "train-00002.tar").unlink()
    damage(copy / "val-00003.tar")
    upload(copy, f"{bucket}/damaged")
    with pytest.raises(DataError) as caught:
        check_source(opened(f"{bucket}/damaged"), ["train", "val"])
    found = str(caught.value)
    assert f"{bucket}/damaged/train-00001.tar: shard has another size (3 bytes" in found
    assert f"{bucket}/damaged/train-00002.tar: shard not found" in found
    assert f"{bucket}/damaged/val-00003.tar!val/" in found
    assert "wrong CRC-32" in found
    with pytest.raises(DataError, match="file not found"):
        opened(f"{bucket}/nothing")


def test_who_has_no_credentials_is_told_which(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(DataError, match="no access") as caught:
        opened(f"{bucket}/tiny")
    assert "AWS_ACCESS_KEY_ID" in str(caught.value.hint)
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize(
    ("address", "problem"),
    [("gs://streets/tiny", "needs a package"), ("sftt://streets/tiny", "the address cannot be used")],
)
def test_addresses_of_other_kinds(address: str, problem: str) -> None:
    with pytest.raises(RequestError, match=problem):
        opened(address)


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)  # as if it were not installed
    with pytest.raises(RequestError, match="needs a package") as caught:
        opened("s3://streets/tiny")
    assert caught.value.hint == "pip install 'streetseg[remote]'"


def test_an_address_without_its_kind_gets_it_in_the_hint() -> None:
    with pytest.raises(RequestError, match="this is an address") as caught:
        open_source(Data(source="s3://streets/tiny"))
    assert "shards:s3://streets/tiny" in str(caught.value.hint)


def test_a_cut_connection_is_named(copy: Path) -> None:
    cuts: list[str] = []
    with loopback_http(copy, cuts) as address:
        source = opened(address)
        sample = first_in(source, "train-00000.tar")
        cuts += ["train-00000.tar"]
        with pytest.raises(DataError, match="cannot be read over the network") as caught:
            source.read_image(sample)
        assert source.read_image(sample).shape == (48, 64, 3)
    assert caught.value.where == (f"{address}/train-00000.tar",)
    with pytest.raises(DataError, match="cannot be read over the network"):
        opened("http://127.0.0.1:1")  # nobody serves there


# Whole shards, fetched ahead


def by_shard(source: Source) -> list[Sample]:
    return sorted(source.splits["train"], key=lambda sample: sample.image)


def test_shards_are_fetched_one_window_ahead(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_PAUSES", (0.0, 0.0))
    cuts: list[str] = []
    with loopback_http(copy, cuts) as address:
        source = opened(address)
        cuts += ["train-00001.tar", "train-00001.tar"]  # two cuts are survived
        with ShardsAhead(by_shard(source), tmp_path) as samples:
            seen = []
            for sample in samples:
                for copied in samples._copies.values():
                    copied.result()
                seen.append(sample)
                on_disk = {path.name for path in tmp_path.glob("shards/*/*/*.tar")}
                assert len(on_disk) <= 3
            read = [source.read_image(sample) for sample in seen[-2:]]
    local = [not sample.image.startswith("http") for sample in seen]
    assert local == ["train-00000" not in sample.image for sample in by_shard(source)]
    original = opened(copy)
    assert all(
        np.array_equal(one, original.read_image(other))
        for one, other in zip(read, by_shard(original)[-2:], strict=True)
    )
    assert not list(tmp_path.glob("shards/*/*"))


def test_a_fetched_shard_with_another_sum_is_an_error(copy: Path, tmp_path: Path) -> None:
    damage(copy / "train-00001.tar")
    with loopback_http(copy, []) as address:
        source = opened(address)
        with ShardsAhead(by_shard(source), tmp_path) as samples, pytest.raises(DataError, match="SHA-256") as caught:
            for _ in samples:
                for copied in samples._copies.values():
                    copied.exception()
    assert caught.value.where == (f"{address}/train-00001.tar",)


def test_processes_share_what_they_fetch(copy: Path, tmp_path: Path) -> None:
    with loopback_http(copy, []) as address:
        source = opened(address)
        with ShardsAhead(by_shard(source), tmp_path) as one, ShardsAhead(by_shard(source), tmp_path) as other:
            first = one._fetch(f"{address}/train-00001.tar")
            (copy / "train-00001.tar").unlink()  # it cannot be fetched again
            second = other._fetch(f"{address}/train-00001.tar")
            assert first.samefile(second)
        assert not first.exists()
        assert not second.exists()


def test_local_samples_stay_as_they_are(shards: Path, tmp_path: Path) -> None:
    samples = by_shard(opened(shards))
    with ShardsAhead(samples, tmp_path) as same:
        assert list(same) == samples
    assert not list(tmp_path.iterdir())


def first_in(source: Source, shard: str) -> Sample:
    """Return the sample whose image is the first in a shard."""
    return next(
        sample
        for samples in source.splits.values()
        for sample in samples
        if f"{shard}!" in sample.image and tar_offset(sample) == tarfile.BLOCKSIZE
    )


def tar_offset(sample: Sample) -> int:
    from streetseg.data.shards import find_member, shard_and_member

    place = shard_and_member(sample.image)
    assert place is not None
    return find_member(*place).start


def damage(shard: Path) -> None:
    """Change one byte of the first image."""
    content = bytearray(shard.read_bytes())
    content[tarfile.BLOCKSIZE + 100] ^= 1
    shard.write_bytes(content)
