"""Valid inputs of every kind, generated without files. Mutations start from them."""

import io
import json
import zipfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import timm
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import save

from streetseg.atomic import without_nan
from streetseg.data.convert.shards import write_shards
from streetseg.data.sources.own import OwnSource
from streetseg.labels.tables import STREET_11
from streetseg.metrics.counts import Counts
from streetseg.models.description import FORMAT, SIZE_RULE, VERSION
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork
from streetseg.recipe.reading import AS_USUAL
from streetseg.recipe.resolved import recipe_yaml
from streetseg.recipe.schema import Recipe

ENCODER = "test_efficientnet"
CHANNELS = (8, 8, 8, 8, 8)
SAMPLES = tuple(
    f"{split}/{video}_{frame:05d}" for split in ("train", "val") for video in ("0006R0", "Seq05") for frame in (30, 60)
)

SPLITS_YAML = """\
splits:
  train: {images: images/train/*.jpg, masks: masks/train/*_mask.png}
  val:
    images:
    - images/val
    masks: [masks/val]
classes:
  - {name: sky, color: [128, 128, 128]}
  - road  # the rest
  - 'wall'
ignore: 255
"""
SPACE_YAML = """\
images: images
masks: masks
space: cityscapes-19
splits: {train: lists/train.txt, val: [a, 'b*', "c\\u00e9"]}
"""
RECIPE_YAML = """\
# mine
train: {epochs: 3, batch: 4}
optim:
  lr: 3e-4
  ema: none
loss: {ohem: 0.25, region: lovasz}
data:
  source: camvid:streets
"""


def pixels(height: int = 12, width: int = 17) -> Image.Image:
    """Return an RGB image of bands and noise."""
    rng = np.random.default_rng(0)
    bands = np.arange(height * width * 3).reshape(height, width, 3) % 200
    return Image.fromarray((bands + rng.integers(0, 56, bands.shape)).astype(np.uint8))


def ids(height: int = 12, width: int = 17) -> Image.Image:
    """Return a mask with all ids of street-11 and the ignore index."""
    values = np.arange(height * width).reshape(height, width) % 12
    return Image.fromarray(np.where(values == 11, 255, values).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def wide(image: Image.Image) -> Image.Image:
    """Return the image as 16-bit gray."""
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010E] = "a street"
    return tags


def png() -> list[bytes]:
    image, mask = pixels(), ids()
    about = PngImagePlugin.PngInfo()
    about.add_text("Comment", "somewhere", zip=True)
    about.add_itxt("Title", "Straße", "de", "Titel", zip=True)
    modes = [
        image,
        mask,
        image.convert("P"),
        image.convert("RGBA"),
        image.convert("LA"),
        image.convert("1"),
        wide(image),
    ]
    return [
        *(encoded(image, "PNG") for image in modes),
        encoded(mask.convert("P"), "PNG", bits=4, transparency=3),
        encoded(image, "PNG", pnginfo=about, exif=exif(6), icc_profile=b"profile" * 30, gamma=0.45),
        encoded(image, "PNG", save_all=True, append_images=[image.rotate(90)], duration=100),
    ]


def jpeg() -> list[bytes]:
    image = pixels(24, 33)
    return [
        encoded(image, "JPEG"),
        encoded(image, "JPEG", progressive=True, exif=exif(8), comment=b"a street", icc_profile=b"profile" * 30),
        encoded(image.convert("L"), "JPEG", optimize=True),
        encoded(image.convert("CMYK"), "JPEG", quality=95, subsampling=0, restart_marker_blocks=1),
        encoded(image, "MPO", save_all=True, append_images=[image]),  # MPO, several images in one
    ]


def tiff() -> list[bytes]:
    image, mask = pixels(), ids()
    return [
        *(
            encoded(image, "TIFF", compression=how)
            for how in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
        ),
        *(
            encoded(image, "TIFF")
            for image in (mask, image.convert("P"), image.convert("RGBA"), wide(image), image.convert("F"))
        ),
        encoded(Image.fromarray(np.array([[-1, 7], [3, 70000]], np.int32)), "TIFF"),
        encoded(image.convert("1"), "TIFF", compression="group4"),
        encoded(image, "TIFF", save_all=True, append_images=[mask], exif=exif(3), big_tiff=True),
    ]


def others() -> list[bytes]:
    """Return BMP, GIF, WebP and PPM files."""
    image, mask = pixels(), ids()
    return [
        *(encoded(image, "BMP") for image in (image, mask, image.convert("P"), image.convert("1"))),
        encoded(image.convert("P"), "GIF", transparency=3),
        encoded(
            image.convert("P"),
            "GIF",
            save_all=True,
            append_images=[image.rotate(5).convert("P")],
            loop=0,
            duration=20,
        ),
        encoded(image, "WEBP"),
        encoded(image.convert("RGBA"), "WEBP", lossless=True, exif=exif(6)),
        *(encoded(image, "PPM") for image in (image, mask, image.convert("1"), wide(image))),
        b"P3\n# plain\n2 2\n255\n1 2 3 4 5 6 7 8 9 10 11 12\n",
    ]


def folder_yaml() -> list[bytes]:
    classes = [
        {"name": name, "color": list(color), "id": [i, i + 100]}
        for i, (name, color) in enumerate(zip(STREET_11.names, STREET_11.colors, strict=True))
    ]
    described = {
        "images": ["images/**/*.jpg"],
        "masks": "masks",
        "classes": classes,
        "ignore": [255, -1],
        "ignore_color": [0, 0, 0],
    }
    return [
        json.dumps(described | {"splits": {"train": 0.8, "val": 0.2}, "name": "my streets"}, indent=1).encode(),
        SPLITS_YAML.encode(),
        SPACE_YAML.encode(),
    ]


def recipe_file() -> list[bytes]:
    return [
        recipe_yaml(Recipe()).encode(),
        recipe_yaml(
            Recipe.model_validate(
                {"data": {"size": "360x480", "splits": {"val": "a.txt"}}, "augment": {"crop": "64x64"}}
            )
        ).encode(),
        RECIPE_YAML.encode(),
    ]


def split_list() -> list[bytes]:
    return [
        "\n".join(["# the first two", *SAMPLES[:2], "Seq05_*", "val/*", ""]).encode(),
        "".join(f"/data/{name}.png /data/{name}_mask.png\n" for name in SAMPLES).encode(),
        b"\xef\xbb\xbftrain/0006R0_00030\r\nval/0006R0_00060.png\r\n\r\n",
    ]


def npy() -> list[bytes]:
    ids = np.arange(12).reshape(3, 4) % 11
    written = []
    for array in (ids.astype(np.uint8), ids.astype(np.float32), np.array(STREET_11.colors, np.uint8)[ids]):
        data = io.BytesIO()
        np.save(data, array)
        written.append(data.getvalue())
    return written


def polygons() -> list[bytes]:
    objects = [
        {"label": "road", "polygon": [[0, 4], [15, 4], [15.5, 11], [0, 11]]},
        {"label": "cargroup", "polygon": [[3, 3], [9, 3], [6, 8]], "deleted": 0},
        {"label": "sky", "polygon": [[2, 2]]},
    ]
    return [json.dumps({"imgHeight": 12, "imgWidth": 16, "objects": objects}).encode()]


def class_tables() -> list[bytes]:
    names = STREET_11.names[:3]
    return [
        json.dumps({"labels": [{"name": name, "color": [9, i, 8]} for i, name in enumerate(names)]}).encode(),
        json.dumps({f"#00ff0{i}": f"{name} 1" for i, name in enumerate(names)}).encode(),
        json.dumps({"categories": [{"id": i, "name": n, "color": [1, 2, i]} for i, n in enumerate(names)]}).encode(),
        "\n".join(["Idx\tName", *(f"{i}\t{name}, it" for i, name in enumerate(names, start=1))]).encode(),
    ]


def counts_npz() -> list[bytes]:
    def written(images: int, classes: int, **how: object) -> bytes:
        data = io.BytesIO()
        matrices = np.arange(images * classes * classes, dtype=np.int64).reshape(images, classes, classes) * 2**31
        Counts(SAMPLES[:images], ("0006R0", None, "é")[:images], matrices, np.arange(images)).save(data)
        if not how:
            return data.getvalue()
        plain = io.BytesIO()
        with np.load(io.BytesIO(data.getvalue()), allow_pickle=False) as arrays:
            np.savez(plain, **arrays)
        return plain.getvalue()

    return [written(3, 4), written(1, 2), written(2, 3, stored=True)]


def network() -> SegmentationNetwork:
    torch.manual_seed(0)
    return SegmentationNetwork(Encoder(ENCODER), STREET_11, decoder="classic", channels=CHANNELS, size=(48, 64))


def weights() -> list[bytes]:
    """Return weights.safetensors of a bundle."""
    return [save({name: tensor.contiguous() for name, tensor in network().state_dict().items()})]


def model_json() -> list[bytes]:
    """Return model.json files for `weights`; `kinds.beside_weights` fills in the SHA-256."""
    tiny = network()
    description = {
        **{
            "format": FORMAT,
            "version": VERSION,
            "encoder": ENCODER,
            "decoder": "classic",
            "channels": list(CHANNELS),
        },
        **{
            "size": [48, 64],
            "size_rule": SIZE_RULE,
            "images": AS_USUAL.model_dump(),
            "space": STREET_11.name,
            "classes": STREET_11.names,
            "colors": STREET_11.colors,
        },
        **{"ignore_index": 255, "normalization": {"input": "RGB 0..255", "mean": tiny.mean.flatten().tolist()}},
        **{"initial_weights": {"kind": "random", "source": "", "text": "random weights"}},
        **{"protocol": {"dataset": "scenes", "tile": None}, "scores": {"mean": {"iou": 0.5}, "ece": float("nan")}},
        "sha256": "0" * 64,
    }
    text = json.dumps(without_nan(description), indent=2)
    return [text.encode(), json.dumps(without_nan(description | {"size": None})).encode()]


def encoder_weights() -> list[bytes]:
    """Return the weights of a complete classifier in timm's naming, as timm publishes them."""
    torch.manual_seed(0)
    tensors = timm.create_model(ENCODER).state_dict()
    return [save(tensors), save({name: tensor.half() for name, tensor in tensors.items()}, {"format": "pt"})]


def cityscapes_zip() -> list[bytes]:
    """Return archives with both leftImg8bit and gtFine; `kinds.as_cityscapes` writes each under both names."""

    def written(method: int) -> bytes:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", method) as archive:
            archive.writestr("README", "Cityscapes\n")
            for split, city in (("train", "aachen"), ("val", "ulm")):
                for frame in (19, 20):
                    stem = f"{split}/{city}/{city}_000000_{frame:06d}"
                    archive.writestr(f"leftImg8bit/{stem}_leftImg8bit.png", encoded(pixels(), "PNG"))
                    archive.writestr(
                        f"gtFine/{stem}_gtFine_labelIds.png", encoded(ids(), "PNG").replace(b"\xff\xff", b"\x00\x00")
                    )
        return data.getvalue()

    return [written(method) for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)]


@cache
def shards() -> dict[str, bytes]:
    """Return name -> content of the files of a folder of shards."""
    pair = np.asarray(pixels()), np.where(np.asarray(ids()) > 10, 255, np.asarray(ids())).astype(np.uint8)
    data = SimpleNamespace(classes=STREET_11.names, splits={"train": [pair, pair]})
    with TemporaryDirectory() as folder:
        write_shards(OwnSource(data), Path(folder, "shards"))
        return {path.name: path.read_bytes() for path in Path(folder, "shards").iterdir()}
