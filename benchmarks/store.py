"""The decode-once store beside what it replaces: how fast it is built, opened, and read in part.

    python benchmarks/store.py [--images 40] [--size 1024x2048] [--crop 512x512] [--files 2975] [--rounds 21] [--json]

Built-in scenes are written as PNG images and PNG masks in the layout of Cityscapes. Then:

    build   images a second of Store.open of a new store, beside a bare loop that decodes the same files with Pillow
            on as many threads and keeps nothing. What the build does besides: it checks and translates the masks' ids,
            writes everything, uncompressed, and waits until it lies on the disk.
    open    milliseconds until a store of so many tiny samples is ready, imports and the listing of the folder excluded;
            beside os.stat of its files alone, which is how a file that was edited is noticed.
    read    milliseconds until a random crop of image and label lies in memory (crop), beside the whole image and
            label (whole) and the same two files decoded (decode). Warm: the store is in the page cache. Cold: its
            pages were dropped before each read (posix_fadvise; a disk that caches them itself still does).

Medians of alternating rounds. Required: open under 50 ms, a warm crop under 1 ms.
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

SCENES = 4  # drawn; more images are copies of their files
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
IDS = np.zeros(256, np.uint8)  # street-11's classes in Cityscapes' ids, ignored pixels unlabeled
IDS[: len(NAMES)] = [CITYSCAPES_34.names.index(name) for name in NAMES]
OPEN_LIMIT, CROP_LIMIT = 50.0, 1.0  # milliseconds
Size = tuple[int, int]
Array = NDArray[np.uint8]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=40, help="of the store that is built and read")
    parser.add_argument("--size", default="1024x2048", help="of the images, height x width")
    parser.add_argument("--crop", default="512x512", help="height x width")
    parser.add_argument("--files", type=int, default=2975, help="tiny samples of the store that is opened")
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
    """So many labeled images in the layout of Cityscapes, as a source."""
    for folder in (root / "leftImg8bit/train/city", root / "gtFine/train/city"):
        folder.mkdir(parents=True)
    scenes: list[tuple[Path, Path]] = []
    for i in range(images):
        stem = f"city_{i:06d}_000019"
        image = root / "leftImg8bit/train/city" / f"{stem}_leftImg8bit.png"
        mask = root / "gtFine/train/city" / f"{stem}_gtFine_labelIds.png"
        if i < SCENES:
            pixels, label = render(0, i, (max(64, size[0]), max(128, size[1])))
            Image.fromarray(pixels[: size[0], : size[1]]).save(image)
            Image.fromarray(IDS[label[: size[0], : size[1]]]).save(mask)
            scenes.append((image, mask))
        else:
            for original, copy in zip(scenes[i % SCENES], (image, mask), strict=True):
                shutil.copyfile(original, copy)
    return open_source(Data(source=f"cityscapes:{root}", space=CITYSCAPES_19.name))


def build(source: Source, folder: Path, rounds: int) -> dict[str, float]:
    """Images a second."""
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
    """Milliseconds."""
    samples = opened(source, cache).samples
    places = [place for sample in samples for place in (sample.image, sample.mask)]

    def ask() -> None:
        for place in places:
            os.stat(place)  # noqa: PTH116

    taken = alternating({"open": lambda: opened(source, cache), "stat": ask}, rounds)
    return {"streetseg ms": taken["open"], "os.stat of the files alone ms": taken["stat"]}


def reading(source: Source, cache: Path, crop: Size, rounds: int) -> dict[str, float]:
    """Milliseconds."""
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
    del store  # what is mapped is not dropped
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
    """The store of the only split, images at their own size."""
    return Store.open(source, "train", size=None, resize_labels=True, cache=cache)


def _decoded(sample: Sample) -> tuple[Array, Array]:
    with Image.open(sample.image) as image, Image.open(sample.mask) as label:
        return np.asarray(image.convert("RGB")), np.asarray(label)


def _drop(cache: Path) -> None:
    """Take the pages of a store's files, which nobody may have mapped, out of the page cache."""
    for path in cache.rglob("*.u8"):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _size(text: str) -> Size:
    height, width = map(int, text.split("x"))
    return height, width


if __name__ == "__main__":
    main()
