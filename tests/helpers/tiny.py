"""Makers of tiny data sets, in the true layouts on disk, with shapes that a network can learn. Deterministic.

Each maker fills a folder and returns the path that a user would name on the command line (a folder or a YAML file).
"""

import shutil
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import CAMVID_32, CITYSCAPES_19, CITYSCAPES_34, STREET_11

Size = tuple[int, int]
Array = NDArray[np.uint8]

VOID = 255

# Fields of the recipe of a run on such data, for a network whose encoder is one of timm's test_*.
RUN = {
    "train.batch": 2,
    "model.channels": [16, 12, 8, 8],
    "train.device": "cpu",
    "train.precision": "fp32",
    "data.size": "none",
}

# For each street-11 class, the class of another label space that stands for it in masks.
CAMVID_NAMES = (
    "Sky", "Building", "Column_Pole", "Road", "Sidewalk", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian",
    "Bicyclist",
)  # fmt: skip
CITYSCAPES_NAMES = (
    "sky", "building", "pole", "road", "sidewalk", "vegetation", "traffic sign", "fence", "car", "person", "bicycle",
)  # fmt: skip


def street(index: int, size: Size = (48, 64)) -> tuple[Array, Array]:
    """Return an image uint8 (H, W, 3) and its street-11 labels uint8 (H, W).

    All 11 classes are there as bands and rectangles, each in its class's color with noise. The bottom rows are void
    (255).
    """
    height, width = size
    rng = np.random.default_rng(index)
    label = np.zeros(size, np.uint8)

    def box(name: str, top: float, bottom: float, left: float, right: float) -> None:
        rows = slice(round(top * height), max(round(bottom * height), round(top * height) + 1))
        columns = slice(round(left * width), max(round(right * width), round(left * width) + 1))
        label[rows, columns] = STREET_11.names.index(name)

    def shifted(left: float, right: float) -> tuple[float, float]:
        shift = rng.uniform(-0.04, 0.04)
        return left + shift, right + shift

    box("building", rng.uniform(0.1, 0.25), 0.55, 0.0, rng.uniform(0.4, 0.6))
    box("tree", rng.uniform(0.1, 0.3), 0.55, 0.65, 1.0)
    box("fence", 0.45, 0.55, *shifted(0.45, 0.7))
    box("pavement", 0.55, 0.65, 0.0, 1.0)
    box("road", 0.65, 1.0, 0.0, 1.0)
    box("car", 0.6, 0.8, *shifted(0.15, 0.4))
    box("bicyclist", 0.5, 0.75, *shifted(0.5, 0.6))
    box("pedestrian", 0.4, 0.65, *shifted(0.7, 0.77))
    box("pole", 0.15, 0.62, *shifted(0.85, 0.89))
    box("sign symbol", 0.15, 0.28, *shifted(0.8, 0.94))

    image = np.asarray(STREET_11.colors, np.float64)[label] + rng.normal(rng.uniform(-15, 15), 20, (*size, 3))
    label[-max(1, height // 24) :] = VOID
    return image.clip(0, 255).astype(np.uint8), label


def camvid_segnet(folder: Path, n_train: int = 6, n_val: int = 3, size: Size = (48, 64), n_test: int = 0) -> Path:
    """Write CamVid as SegNet's authors packed it: id masks with void 11, and the lists beside the folders."""
    train = [f"0001TP_{6690 + 30 * i:06d}" if i % 2 else f"0006R0_f{930 + 30 * i:05d}" for i in range(n_train)]
    splits = {
        "train": train,
        "val": [f"0016E5_{7959 + 2 * i:05d}" for i in range(n_val)],
        "test": [f"Seq05VD_f{30 * i:05d}" for i in range(n_test)],
    }
    index = 0
    for split, stems in splits.items():
        if not stems:
            continue
        for stem in stems:
            image, label = street(index, size)
            save(folder / split / f"{stem}.png", image)
            save(folder / f"{split}annot" / f"{stem}.png", np.where(label == VOID, 11, label).astype(np.uint8))
            index += 1
        lines = [f"/SegNet/CamVid/{split}/{stem}.png /SegNet/CamVid/{split}annot/{stem}.png\n" for stem in stems]
        (folder / f"{split}.txt").write_text("".join(lines))
    return folder


def camvid_original(folder: Path, n_train: int = 6, n_val: int = 3, size: Size = (48, 64)) -> Path:
    """Write CamVid as its authors publish it: all images in one folder, RGB masks in the 32 colors in another, and a
    list for each of the two splits."""
    train = [f"0001TP_{6690 + 30 * i:06d}" for i in range(n_train)]
    val = [f"0016E5_{7959 + 2 * i:05d}" for i in range(n_val)]
    for index, stem in enumerate(train + val):
        image, label = street(index, size)
        save(folder / "701_StillsRaw_full" / f"{stem}.png", image)
        save(
            folder / "LabeledApproved_full" / f"{stem}_L.png",
            painted(in_space(label, CAMVID_32, CAMVID_NAMES), CAMVID_32),
        )
    (folder / "train.txt").write_text("".join(f"{stem}\n" for stem in train))
    (folder / "val.txt").write_text("".join(f"{stem}\n" for stem in val))
    return folder


def cityscapes_folder(
    folder: Path, n_train: int = 6, n_val: int = 3, size: Size = (48, 64), *, kind: str = "labelIds", n_test: int = 0
) -> Path:
    """Write Cityscapes' two trees, leftImg8bit and gtFine. `kind` is labelIds, labelTrainIds or color; the masks of
    the test split are void, as the published ones are."""
    cities = {"train": ("aachen", "bochum"), "val": ("frankfurt",), "test": ("berlin",)}
    index = 0
    for split, count in (("train", n_train), ("val", n_val), ("test", n_test)):
        for i in range(count):
            city = cities[split][i % len(cities[split])]
            stem = f"{city}_{i // 4:06d}_{19 + i:06d}"
            image, label = street(index, size)
            save(folder / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png", image)
            mask = np.full(size, VOID, np.uint8) if split == "test" else label
            save(folder / "gtFine" / split / city / f"{stem}_gtFine_{kind}.png", cityscapes_mask(mask, kind))
            index += 1
    return folder


def cityscapes_zips(folder: Path, n_train: int = 6, n_val: int = 3, size: Size = (48, 64), *, n_test: int = 0) -> Path:
    """Write the two official archives, named and filled as on the download page."""
    trees = cityscapes_folder(folder / "unpacked", n_train, n_val, size, n_test=n_test)
    for tree in ("leftImg8bit", "gtFine"):
        with zipfile.ZipFile(folder / f"{tree}_trainvaltest.zip", "w") as archive:
            archive.writestr("README", "Cityscapes\n")
            archive.writestr("license.txt", "see the website\n")
            for path in sorted((trees / tree).rglob("*.png")):
                archive.write(path, path.relative_to(trees).as_posix())
    shutil.rmtree(trees)
    return folder


def folder_yaml(folder: Path, n_train: int = 6, n_val: int = 3, size: Size = (48, 64)) -> Path:
    """Write a user's own data: JPEG images, id masks whose names end differently, and the YAML file that describes
    them."""
    for split, count, first in (("train", n_train, 0), ("val", n_val, n_train)):
        for index in range(first, first + count):
            image, label = street(index, size)
            save(folder / "images" / split / f"street {index:03d}.jpg", image)
            save(folder / "masks" / split / f"street {index:03d}_mask.png", label)
    classes = "".join(
        f"  - {{name: {name}, color: {list(color)}}}\n"
        for name, color in zip(STREET_11.names, STREET_11.colors, strict=True)
    )
    path = folder / "data.yaml"
    path.write_text(
        "splits:\n"
        "  train: {images: images/train/*.jpg, masks: masks/train/*_mask.png}\n"
        "  val: {images: images/val/*.jpg, masks: masks/val/*_mask.png}\n"
        f"classes:\n{classes}"
        "ignore: 255\n"
    )
    return path


def cityscapes_mask(label: Array, kind: str) -> Array:
    """Return street-11 labels as Cityscapes would store them."""
    if kind == "labelTrainIds":
        return in_space(label, CITYSCAPES_19, CITYSCAPES_NAMES)
    ids = in_space(label, CITYSCAPES_34, CITYSCAPES_NAMES)
    ids[label == VOID] = CITYSCAPES_34.names.index("out of roi")
    if kind == "labelIds":
        return ids
    rgb = painted(ids, CITYSCAPES_34)
    return np.dstack([rgb, np.full(ids.shape, 255, np.uint8)])  # the published color masks are RGBA


def in_space(label: Array, space: LabelSpace, names: tuple[str, ...]) -> Array:
    """Return street-11 labels in the ids of another label space; void stays 255."""
    translate = np.full(256, VOID, np.uint8)
    translate[: len(names)] = [space.names.index(name) for name in names]
    return translate[label]


def painted(label: Array, space: LabelSpace) -> Array:
    """Return labels as RGB uint8 (H, W, 3) in the colors of the space, void in black."""
    colors = np.zeros((256, 3), np.uint8)
    colors[: space.num_classes] = space.colors
    return colors[label]


def save(path: Path, pixels: Array) -> None:
    """Write an image in the format that its suffix names. Make its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def png(pixels: NDArray[np.integer], *, bits: int) -> bytes:
    """Return a PNG of a depth that Pillow does not write: gray of 2 or 4 bits, gray with alpha or RGB(A) of 16 bits.

    Args:
        pixels: (H, W) or (H, W, channels).
        bits: number of bits of each value.
    """
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    height, width = pixels.shape[:2]
    flat = pixels.reshape(height, -1)
    if bits == 16:
        rows = [row.astype(">u2").tobytes() for row in flat]
    else:
        each = (flat[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
        rows = [np.packbits(row.ravel()).tobytes() for row in each]

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def tiff(pixels: NDArray[np.integer], *, extra: tuple[int, ...] | None = None, order: str = "<") -> bytes:
    """Return an uncompressed RGB TIFF with further bands, which Pillow does not write.

    Args:
        pixels: uint8 or uint16 (H, W, bands).
        extra: the meaning of each band beyond the third (0 unknown, 2 transparency); None writes no such tag.
        order: byte order, "<" or ">".
    """
    height, width, bands = pixels.shape
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    short, long = "H", "I"
    tags = {
        256: (short, [width]),
        257: (short, [height]),
        258: (short, [8 * pixels.itemsize] * bands),
        259: (short, [1]),
        262: (short, [2]),
        273: (long, [0]),
        277: (short, [bands]),
        278: (short, [height]),
        279: (long, [len(data)]),
    }
    if extra is not None:
        tags[338] = (short, list(extra))
    packed = {tag: struct.pack(order + kind * len(values), *values) for tag, (kind, values) in tags.items()}
    start = 8 + 2 + 12 * len(tags) + 4
    outside = sum(len(value) for value in packed.values() if len(value) > 4)
    packed[273] = struct.pack(order + long, start + outside)
    entries, more = b"", b""
    for tag, value in packed.items():
        kind, values = tags[tag]
        entries += struct.pack(order + "HHI", tag, 3 if kind == short else 4, len(values))
        if len(value) > 4:
            entries += struct.pack(order + long, start + len(more))
            more += value
        else:
            entries += value.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + long, 8)
    return head + struct.pack(order + short, len(tags)) + entries + bytes(4) + more + data
