"""The kinds of untrusted input that streetseg reads: their mutations, their place in a folder, and their readers."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from fuzzing import labels, valid
from fuzzing.mutate import (
    ANY,
    IMAGE_TOKENS,
    JSON_TOKENS,
    LIST_TOKENS,
    YAML_TOKENS,
    Mutation,
    Random,
    flip,
    floats,
    jpeg_segments,
    json_values,
    lines,
    npy_member,
    numbers,
    png_chunks,
    safetensors_header,
    tar_headers,
    tiff_fields,
    tokens,
    yaml_values,
    zip_members,
)

from streetseg.data.files import read_bytes, stamp, walk
from streetseg.data.images import read_image
from streetseg.data.issues import Survey
from streetseg.data.mask_code import MaskCode
from streetseg.data.masks import read_mask
from streetseg.data.source import FileSource, Sample
from streetseg.data.sources.cityscapes import open_cityscapes
from streetseg.data.sources.folder import mask_code
from streetseg.data.sources.folder_file import read_folder_file
from streetseg.data.sources.shards import open_shards
from streetseg.data.sources.streets.every import STREET_SETS
from streetseg.data.splits import SplitList, listed_splits
from streetseg.labels.tables import STREET_11
from streetseg.metrics.counts import Counts
from streetseg.metrics.scores import per_image, scores
from streetseg.models.bundle import load_bundle
from streetseg.models.description import VERSION, read_model_json
from streetseg.models.encoder import Encoder
from streetseg.models.initial_weights import load_encoder_file
from streetseg.recipe.load import resolve
from streetseg.recipe.resolved import read_resolved, recipe_yaml

CODE = MaskCode.of(STREET_11, ignored=(11, -1))
NAMED = replace(CODE, labels={name: i for i, name in enumerate(STREET_11.names)})
LENIENT = replace(CODE, tolerance=30, others_ignored=True)


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Args:
        share: share of all inputs.
        valid: returns the valid inputs that are mutated.
        ways: the mutations; one that is listed twice is chosen twice as often.
        place: writes an input into a folder, with the other files that its readers need.
        readers: each must read the folder or raise a StreetsegError.
    """

    share: float
    valid: Callable[[], list[bytes]]
    ways: Sequence[Mutation]
    place: Callable[[bytes, Path], None]
    readers: tuple[Callable[[Path], None], ...]

    @property
    def seeds(self) -> list[bytes]:
        """The valid inputs, computed once."""
        return _made(self.valid)


@cache
def _made(valid: Callable[[], list[bytes]]) -> list[bytes]:
    return valid()


def as_file(name: str) -> Callable[[bytes, Path], None]:
    """Return a `place` that writes the input as one file."""
    return lambda data, folder: _write(folder / name, data)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def image(folder: Path) -> None:
    pixels = read_image(str(folder / "input"))
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3


def mask(folder: Path) -> None:
    read_as(CODE, folder / "input")


def lenient_mask(folder: Path) -> None:
    read_as(LENIENT, folder / "input")
    read_as(replace(LENIENT, channel=0, colors={}), folder / "input")


def array(folder: Path) -> None:
    read_as(CODE, folder / "input.npy")


def polygons(folder: Path) -> None:
    read_as(NAMED, folder / "input.json")


def read_as(code: MaskCode, path: Path) -> None:
    ids = read_mask(str(path), code)
    assert ids.dtype == np.uint8
    assert ids.ndim == 2
    assert ((ids < 11) | (ids == 255)).all()


TABLES = {
    "mapillary-2.0": "config_v2.0.json",
    "a2d2": "class_list.json",
    "wilddash": "panoptic.json",
    "ade20k": "objectInfo150.txt",
}


def as_tables(data: bytes, folder: Path) -> None:
    for name in TABLES.values():
        _write(folder / name, data)


def table_of(kind: str) -> Callable[[Path], None]:
    """Return a reader of the table of classes that a street data set ships."""

    def read(folder: Path) -> None:
        code = STREET_SETS[kind].forms[0].code
        assert callable(code)
        assert {*code(folder).ids.values()} <= {*range(code(folder).space.num_classes), 255}

    return read


def folder_yaml(folder: Path) -> None:
    described = read_folder_file(folder / "input", print)
    code = mask_code(described, "input")
    assert set(code.ids.values()) <= {*range(code.space.num_classes), 255}


def recipe(folder: Path) -> None:
    resolved = resolve(folder / "input", environ={})
    (folder / "again").write_text(recipe_yaml(resolved.recipe), encoding="utf-8")
    assert read_resolved(folder / "again") == resolved.recipe


def split_list(folder: Path) -> None:
    samples = [Sample(name, f"{name}.png", f"{name}_mask.png") for name in valid.SAMPLES]
    listed = listed_splits(samples, {"val": SplitList.read(folder / "input")}, Survey())
    assert set(listed["val"]) <= set(samples)


def counts(folder: Path) -> None:
    loaded = Counts.load(folder / "input")
    assert (loaded.counts >= 0).all()
    assert len(loaded.names) == len(loaded.counts)
    scores(loaded.total)
    per_image(loaded.counts)


def beside_weights(data: bytes, folder: Path) -> None:
    """Write the input as model.json, next to the weights that it describes, with their SHA-256 filled in."""
    [weights] = _made(valid.weights)
    _write(folder / "weights.safetensors", weights)
    _write(folder / "model.json", data.replace(b"0" * 64, hashlib.sha256(weights).hexdigest().encode()))


def beside_description(data: bytes, folder: Path) -> None:
    """Write the input as weights, next to a model.json with their SHA-256, so that more than the checksum is tested."""
    description = json.loads(_made(valid.model_json)[0]) | {"sha256": hashlib.sha256(data).hexdigest()}
    _write(folder / "weights.safetensors", data)
    _write(folder / "model.json", json.dumps(description).encode())


def model_json(folder: Path) -> None:
    description = read_model_json(folder)
    assert description["version"] == VERSION


def bundle(folder: Path) -> None:
    network, _ = load_bundle(folder)
    assert all(bool(tensor.isfinite().all()) for tensor in network.state_dict().values())


@cache
def encoder() -> Encoder:
    return Encoder(valid.ENCODER)


def encoder_file(folder: Path) -> None:
    load_encoder_file(encoder(), folder / "input")
    assert all(bool(tensor.isfinite().all()) for tensor in encoder().state_dict().values())


def as_cityscapes(data: bytes, folder: Path) -> None:
    for tree in ("leftImg8bit", "gtFine"):
        _write(folder / f"{tree}_trainvaltest.zip", data)


def cityscapes(folder: Path) -> None:
    _read_all(open_cityscapes(folder))


def _read_all(source: FileSource) -> None:
    for samples in source.splits.values():
        for sample in samples:
            source.stamp(sample)
            source.read_image(sample)
            source.read_mask(sample)


def beside_shard(data: bytes, folder: Path) -> None:
    """Write the input as the index of shards, next to them."""
    for name, content in valid.shards().items():
        _write(folder / name, data if name == "index.json" else content)


def as_tar(data: bytes, folder: Path) -> None:
    """Write the input as a shard next to the index, with its size, so that more than the size is tested."""
    index = json.loads(valid.shards()["index.json"])
    index["shards"][0]["size"] = len(data)
    _write(folder / "index.json", json.dumps(index).encode())
    _write(folder / "train-00000.tar", data)


def shards(folder: Path) -> None:
    _read_all(open_shards(str(folder)))


def tar(folder: Path) -> None:
    for name in walk(folder / "train-00000.tar"):
        place = str(folder / "train-00000.tar" / name)
        stamp(place)
        read_bytes(place)


def png_in_zip(data: bytes, rng: Random) -> bytes:
    return zip_members(data, rng, png_chunks if rng.random() < 0.7 else flip)


def npy_in_zip(data: bytes, rng: Random) -> bytes:
    return zip_members(data, rng, npy_member)


IMAGES = (*ANY, tokens(IMAGE_TOKENS))
YAML = (*ANY, lines, lines, *[tokens(YAML_TOKENS)] * 6, *[yaml_values] * 8)
LABELS = (*ANY, lines, *[tokens(JSON_TOKENS + LIST_TOKENS)] * 2, *[numbers] * 6, *[json_values] * 8)

KINDS = {
    "png": Kind(0.13, valid.png, (*IMAGES, *[png_chunks] * 12), as_file("input"), (image, mask, lenient_mask)),
    "jpeg": Kind(0.09, valid.jpeg, (*IMAGES, *[jpeg_segments] * 8), as_file("input"), (image, mask)),
    "tiff": Kind(0.09, valid.tiff, (*IMAGES, *[tiff_fields] * 10), as_file("input"), (image, mask)),
    "bmp, gif, webp, ppm": Kind(0.09, valid.others, IMAGES, as_file("input"), (image, mask)),
    "folder YAML": Kind(
        0.12,
        valid.folder_yaml,
        YAML,
        as_file("input"),
        (folder_yaml,),
    ),
    "recipe YAML": Kind(
        0.12,
        valid.recipe_file,
        YAML,
        as_file("input"),
        (recipe,),
    ),
    "split list": Kind(
        0.05, valid.split_list, (*ANY, lines, *[tokens(LIST_TOKENS)] * 4), as_file("input"), (split_list,)
    ),
    "model.json": Kind(
        0.09,
        valid.model_json,
        (*ANY, *[tokens(JSON_TOKENS)] * 3, *[json_values] * 10),
        beside_weights,
        (model_json, bundle),
    ),
    "weights.safetensors": Kind(
        0.05, valid.weights, (*ANY, floats, *[safetensors_header] * 8), beside_description, (bundle,)
    ),
    "encoder weights": Kind(
        0.03, valid.encoder_weights, (*ANY, floats, *[safetensors_header] * 8), as_file("input"), (encoder_file,)
    ),
    "counts.npz": Kind(0.05, valid.counts_npz, (*ANY, *[npy_in_zip] * 8), as_file("input"), (counts,)),
    **{
        name: Kind(0.03, seeds, LABELS, labels.place(name), (labels.read(name),))
        for name, (_, _, seeds) in labels.FILES.items()
    },
    "npy": Kind(0.05, valid.npy, (*ANY, *[npy_member] * 8), as_file("input.npy"), (array,)),
    "polygons": Kind(
        0.05,
        valid.polygons,
        (*ANY, *[tokens(JSON_TOKENS)] * 3, *[json_values] * 10),
        as_file("input.json"),
        (polygons,),
    ),
    "tables of classes": Kind(
        0.05,
        valid.class_tables,
        (*ANY, lines, *[tokens(JSON_TOKENS)] * 3, *[json_values] * 8),
        as_tables,
        tuple(table_of(kind) for kind in TABLES),
    ),
    "Cityscapes zip": Kind(0.04, valid.cityscapes_zip, (*ANY, *[png_in_zip] * 8), as_cityscapes, (cityscapes,)),
    "index of shards": Kind(
        0.03,
        lambda: [valid.shards()["index.json"]],
        (*ANY, *[tokens(JSON_TOKENS)] * 3, *[json_values] * 10),
        beside_shard,
        (shards,),
    ),
    "tar": Kind(0.02, lambda: [valid.shards()["train-00000.tar"]], (*ANY, *[tar_headers] * 8), as_tar, (tar, shards)),
}
