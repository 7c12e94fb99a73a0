"""Measure how fast training gets its images: from the store, on the fly, from shards, and from torch's DataLoader.

    python benchmarks/feed.py [--images 48] [--photo 3000x4000] [--size 384x480] [--batch 8] [--rounds 3] [--json]

Built-in scenes are written as JPEG photos with PNG masks. Then:

    disk    MB an image that the store takes, at the size of the photos and at `--size` (`data.size`).
    feed    augmented images per second, without a network. Store, on the fly and shards (of this machine, decoded on
            the fly): the batches of training. DataLoader: the usual Dataset class, which opens both files with Pillow,
            resizes them and applies torchvision's transforms, with one worker process per core.
    epoch   time of an epoch of training relative to its bare steps (see epoch.py), with each of the three.

Figures of feed are medians of alternating epochs, after one that is not measured.
"""

import argparse
import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from alternating import alternating
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2
from trainer import Trainer

from streetseg.arguments import as_size
from streetseg.arrays import Size
from streetseg.data.budget import budget
from streetseg.data.convert.shards import write_shards
from streetseg.data.open import open_source
from streetseg.data.source import Sample, Source
from streetseg.data.store import Store
from streetseg.machine import cores
from streetseg.recipe.schema import Augment, Data, Model, Recipe, Train
from streetseg.scenes.render import render

SCENES = 4  # rendered scenes; further photos are copies of their files
RENDERED = (384, 512)  # size of a rendered scene, which is enlarged to the size of the photos
CPU = torch.device("cpu")
YAML = "images: images/*.jpg\nmasks: masks/*.png\nspace: street-11\nsplits: {photos: 1.0}\n"


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--photo", type=as_size, default="3000x4000", help="size of the files, height x width")
    parser.add_argument("--size", type=as_size, default="384x480", help="data.size")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--encoder", default="mobilenetv2_100")
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    args = parser.parse_args()
    recipe = Recipe(
        augment=Augment(crop=args.size),
        model=Model(encoder=args.encoder, weights="none"),
        train=Train(batch=args.batch, precision="fp32", device="cpu", epochs=10_000),
    )
    with TemporaryDirectory(prefix="streetseg-") as name:
        folder = Path(name)
        source = photos(folder / "photos", args.images, args.photo)
        write_shards(source, folder / "tars")
        shards = open_source(Data(source=f"shards:{folder / 'tars'}"))
        stores = {
            "store": opened(source, args.size, folder / "cache", cache_gb=1000),
            "on the fly": opened(source, args.size, folder / "cache", cache_gb=0),
            "shards": opened(shards, args.size, folder / "cache", cache_gb=0),
        }
        whole = opened(source, None, folder / "cache", cache_gb=0)
        trainers = {way: Trainer(recipe, store, CPU, made(folder / way)) for way, store in stores.items()}
        figures = {
            "images": args.images,
            "photo": args.photo,
            "size": args.size,
            "cores": cores(),
            "load": os.getloadavg()[0],
            "disk": {
                "photo size, MB": whole.bytes / args.images / 1e6,
                "data.size, MB": stores["store"].bytes / args.images / 1e6,
            },
            "feed": feed(trainers, source, args.size, args.batch, args.rounds),
            "epoch": {f"{way}, epoch / steps": ratio(trainer, args.rounds) for way, trainer in trainers.items()},
        }
    if args.json:
        print(json.dumps(figures, indent=2))
        return
    print("{images} photos of {photo[0]}x{photo[1]}, data.size {size[0]}x{size[1]}, {cores} cores".format(**figures))
    for part in ("disk", "feed", "epoch"):
        print(part)
        for name, figure in figures[part].items():
            print(f"    {name:<34} {figure:9.2f}")


def photos(root: Path, images: int, size: Size) -> Source:
    """Write photos and masks; return them as a source."""
    for name in ("images", "masks"):
        made(root / name)
    for i in range(images):
        image, mask = root / f"images/{i:04}.jpg", root / f"masks/{i:04}.png"
        if i < SCENES:
            pixels, labels = render(0, i, RENDERED)
            enlarged = Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BICUBIC)
            grain = np.random.default_rng(i).integers(-6, 7, (*size, 1), dtype=np.int16)  # as a sensor has
            Image.fromarray((np.asarray(enlarged) + grain).clip(0, 255).astype(np.uint8)).save(image, quality=90)
            Image.fromarray(labels).resize((size[1], size[0]), Image.Resampling.NEAREST).save(mask)
        else:
            for original, copy in (
                (root / f"images/{i % SCENES:04}.jpg", image),
                (root / f"masks/{i % SCENES:04}.png", mask),
            ):
                shutil.copyfile(original, copy)
    (root / "data.yaml").write_text(YAML)
    return open_source(Data(source=f"folder:{root / 'data.yaml'}"))


def opened(source: Source, size: Size | None, cache: Path, *, cache_gb: float) -> Store:
    """Return the photos as training reads them."""
    limit = budget(cache_gb, cache)
    return Store.open(source, "photos", size=size, resize_labels=True, cache=cache, limit=limit)


def made(folder: Path) -> Path:
    """Create a folder."""
    folder.mkdir(parents=True)
    return folder


def feed(trainers: dict[str, Trainer], source: Source, size: Size, batch: int, rounds: int) -> dict[str, float]:
    """Return the augmented images per second of each way to read them."""
    samples = source.splits["photos"]
    loader = DataLoader(Photos(samples, size), batch, shuffle=True, num_workers=cores(), persistent_workers=True)
    ways: dict[str, Callable[[], object]] = {way: partial(list, one.batches) for way, one in trainers.items()}
    milliseconds = alternating(ways | {"DataLoader": partial(list, loader)}, rounds)
    return {f"{way}, images/s": 1000 * len(samples) / elapsed for way, elapsed in milliseconds.items()}


class Photos(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """The usual Dataset class: both files are opened, resized and augmented when an item is taken."""

    def __init__(self, samples: tuple[Sample, ...], size: Size) -> None:
        self.samples, self.size = samples, size
        self.transforms = v2.Compose(
            [
                v2.RandomResizedCrop(size, scale=(0.25, 1.0), antialias=True),
                v2.RandomHorizontalFlip(),
                v2.ColorJitter(0.3, 0.3, 0.3, 0.05),
            ]
        )

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        height, width = self.size
        with Image.open(self.samples[i].image) as file:
            image = np.array(file.convert("RGB").resize((width, height), Image.Resampling.BILINEAR))
        with Image.open(self.samples[i].mask) as file:
            mask = np.array(file.resize((width, height), Image.Resampling.NEAREST))
        pair: Any = self.transforms(
            tv_tensors.Image(torch.from_numpy(image).permute(2, 0, 1)), tv_tensors.Mask(torch.from_numpy(mask))
        )
        return pair


def ratio(trainer: Trainer, rounds: int) -> float:
    """Return the time of an epoch relative to that of its bare steps, the median over rounds."""
    epochs, bare = trainer.epochs_and_steps(rounds)
    return median(epoch / step for epoch, step in zip(epochs, bare, strict=True))


if __name__ == "__main__":
    main()
