"""Measure the decode-once store: building, opening, and reading crops, compared with decoding the files.

    python benchmarks/store.py [--images 40] [--size 1024x2048] [--crop 512x512] [--files 2975] [--rounds 21] [--json]

Built-in scenes are written as PNG images and PNG masks in the layout of Cityscapes. Then:

    build   images per second of Store.open for a new store, compared with a loop that only decodes the same files with
            Pillow on as many threads. The build also checks and maps the ids of the masks, writes uncompressed arrays,
            and waits until they are on the disk.
    open    milliseconds to open an existing store of `--files` tiny samples, without imports and folder listing,
            compared with os.stat of its files alone, which detects edited files.
    read    milliseconds to copy a random crop of image and labels to memory (crop), compared with whole image and
            labels (whole), and with decoding the two files (decode). Warm: the store is in the page cache. Cold: its
            pages are dropped before each read (posix_fadvise; a cache of the disk itself remains).

Figures are medians of alternating rounds. Required: open under 50 ms, a warm crop under 1 ms.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from alternating import alternating
from numpy.typing import NDArray
from PIL import Image

from streetseg.data.open import open_source
from streetseg.data.source import Sample, Source
from streetseg.data.store import Store
from streetseg.labels.tables import CITYSCAPES_19, CITYSCAPES_34
from streetseg.recipe.schema import Data
from streetseg.scenes.render import render

SCENES = 4  # rendered scenes; further images are copies of their files
NAMES = (
    "sky",
    "building",
    "pole",
    "road",
    "sidewalk",
    "vegetation",
    "traffic sign",
    "fence",
    "car",
    "person",
    "bicycle",
)
IDS = np.zeros(256, np.uint8)  # id of street-11 -> label id of Cityscapes; ignored pixels become "unlabeled"
IDS[: len(NAMES)] = [CITYSCAPES_34.names.index(name) for name in NAMES]
OPEN_LIMIT, CROP_LIMIT = 50.0, 1.0  # milliseconds
Size = tuple[int, int]
Array = NDArray[np.uint8]


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=40, help="images of the store for build and read")
    parser.add_argument("--size", default="1024x2048", help="size of the images, height x width")
    parser.add_argument("--crop", default="512x512", help="height x width")
    parser.add_argument("--files", type=int, default=2975, help="tiny samples of the store for open")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    args = parser.parse_args()
    size, crop = _size(args.size), _size(args.crop)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = data_set(folder / "large", args.images, size)
        figures = {
            "size": size,
            "crop": crop,
            "images": args.images,
            "files": args.files,
            "cores": os.cpu_count(),
            "build": build(source, folder / "builds", rounds=3),
            "open": opening(data_set(folder / "small", args.files, (8, 16)), folder / "tiny", args.rounds),
            "read": reading(source, folder / "cache", crop, args.rounds),
            "limit": {"open_ms": OPEN_LIMIT, "crop_ms": CROP_LIMIT},
        }
    if args.json:
        print(json.dumps(figures, indent=2))
        return
    for part in ("build", "open", "read"):
        print(part)
        for name, figure in figures[part].items():
            print(f"    {name:<34} {figure:9.2f}")


def data_set(root: Path, images: int, size: Size) -> Source:
    """Write labeled images in the layout of Cityscapes; return them as a source."""
    for folder in (root / "leftImg8bit/train/city", root / "gtFine/train/city"):
        folder.mkdir(parents=True)
    scenes: list[tuple[Path, Path]] = []
    for i in range(images):
        stem = f"city_{i:06d}_000019"
        image = root / "leftImg8bit/train/city" / f"{stem}_leftImg8bit.png"
        mask = root / "gtFine/train/city" / f"{stem}_gtFine_labelIds.png"
        if i < SCENES:
            pixels, labels = render(0, i, (max(64, size[0]), max(128, size[1])))
            Image.fromarray(pixels[: size[0], : size[1]]).save(image)
            Image.fromarray(IDS[labels[: size[0], : size[1]]]).save(mask)
            scenes.append((image, mask))
        else:
            for original, copy in zip(scenes[i % SCENES], (image, mask), strict=True):
                shutil.copyfile(original, copy)
    return open_source(Data(source=f"cityscapes:{root}", space=CITYSCAPES_19.name))


def build(source: Source, folder: Path, rounds: int) -> dict[str, float]:
    """Return images per second of building the store and of decoding alone, and their ratio."""
    samples = source.splits["train"]
    ours, peer = [], []
    for i in range(rounds):
        start = time.perf_counter()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(_decoded, samples, chunksize=1))
        peer.append(len(samples) / (time.perf_counter() - start))
        start = time.perf_counter()
        opened(source, folder / str(i))
        ours.append(len(samples) / (time.perf_counter() - start))
        shutil.rmtree(folder / str(i))
    built, decoded = statistics.median(ours), statistics.median(peer)
    return {"streetseg images/s": built, "Pillow alone images/s": decoded, "ours/theirs": built / decoded}


def opening(source: Source, cache: Path, rounds: int) -> dict[str, float]:
    """Return milliseconds of opening the store and of os.stat of its files."""
    samples = opened(source, cache).samples
    places = [place for sample in samples for place in (sample.image, sample.mask)]

    def stat_all() -> None:
        for place in places:
            os.stat(place)  # noqa: PTH116

    milliseconds = alternating({"open": lambda: opened(source, cache), "stat": stat_all}, rounds)
    return {"streetseg ms": milliseconds["open"], "os.stat of the files alone ms": milliseconds["stat"]}


def reading(source: Source, cache: Path, crop: Size, rounds: int) -> dict[str, float]:
    """Return milliseconds of each way to read a sample, warm and cold."""
    rng = np.random.default_rng(0)

    def a_crop(store: Store) -> None:
        i = int(rng.integers(len(store)))
        height, width = store[i][1].shape
        top, left = int(rng.integers(height - crop[0] + 1)), int(rng.integers(width - crop[1] + 1))
        for array in store[i]:
            array[top : top + crop[0], left : left + crop[1]].copy()

    def whole(store: Store) -> None:
        for array in store[int(rng.integers(len(store)))]:
            array.copy()

    def decode(store: Store) -> None:
        _decoded(store.samples[int(rng.integers(len(store)))])

    ways = {"crop": a_crop, "whole": whole}
    store = opened(source, cache)
    warm = alternating({name: partial(way, store) for name, way in (ways | {"decode": decode}).items()}, rounds)
    cold: dict[str, list[float]] = {name: [] for name in ways}
    del store  # mapped pages cannot be dropped
    for _ in range(rounds):
        for name, way in ways.items():
            _drop(cache)
            store = opened(source, cache)
            start = time.perf_counter()
            way(store)
            cold[name].append(1e3 * (time.perf_counter() - start))
            del store
    return {f"{name}, warm ms": value for name, value in warm.items()} | {
        f"{name}, cold ms": statistics.median(values) for name, values in cold.items()
    }


def opened(source: Source, cache: Path) -> Store:
    """Open the store of the split "train", with images at their own size."""
    return Store.open(source, "train", size=None, resize_labels=True, cache=cache)


def _decoded(sample: Sample) -> tuple[Array, Array]:
    with Image.open(sample.image) as image, Image.open(sample.mask) as label:
        return np.asarray(image.convert("RGB")), np.asarray(label)


def _drop(cache: Path) -> None:
    """Drop the pages of a store's files from the page cache. No process may have them mapped."""
    for path in cache.rglob("*.u8"):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _size(text: str) -> Size:
    height, width = map(int, text.split("x"))
    return height, width


if __name__ == "__main__":
    main()
