"""Draw docs/explanation/augmentation.jpg: a batch of the built-in scenes, as stored and as augmented for training.

Run it after changing the augmentation, its defaults or the scenes:  python tools/draw_augmentation.py
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from streetseg.data.augment.augment import training_crop
from streetseg.data.batches import Batch, TrainBatches
from streetseg.data.sources.scenes import ScenesSource
from streetseg.data.store import Store
from streetseg.recipe.schema import Augment

IMAGE = Path(__file__).parents[1] / "docs" / "explanation" / "augmentation.jpg"
COLUMNS = ("image", "labels", "image, augmented", "labels, augmented")
CELL = (300, 150)  # width and height of a drawn image
GAP, HEAD = 6, 30
PAPER, INK, IGNORED = (255, 255, 255), (20, 20, 20), (255, 255, 255)

Array = NDArray[np.uint8]


def first_batch(cache: Path) -> tuple[Store, Batch]:
    """Return a store of scenes and the first batch of epoch 1 with seed 0 and the default augmentation."""
    store = Store.open(ScenesSource(), "train", size=None, resize_labels=True, cache=cache)
    settings = Augment()
    height, width = store.sizes[0].tolist()
    crop = training_crop((height, width), settings)
    return store, next(iter(TrainBatches(store, 8, 0, 1, torch.device("cpu"), settings, crop)))


def sheet(store: Store, batch: Batch) -> Image.Image:
    """Return an image with one row for each image of the batch, under the names of the columns."""
    palette = np.full((256, 3), IGNORED, np.uint8)
    palette[: store.space.num_classes] = store.space.colors
    width = len(COLUMNS) * (CELL[0] + GAP) + GAP
    canvas = Image.new("RGB", (width, HEAD + len(batch.indices) * (CELL[1] + GAP)), PAPER)
    draw = ImageDraw.Draw(canvas)
    for column, name in enumerate(COLUMNS):
        x = GAP + column * (CELL[0] + GAP) + CELL[0] / 2
        draw.text((x, HEAD / 2), name, INK, ImageFont.load_default(17), anchor="mm")
    for row, i in enumerate(batch.indices):
        image, labels = store[i]
        augmented, augmented_labels = batch.images[row].permute(1, 2, 0).numpy(), batch.labels[row].numpy()
        for column, pixels in enumerate((image, palette[labels], augmented, palette[augmented_labels])):
            place = (GAP + column * (CELL[0] + GAP), HEAD + row * (CELL[1] + GAP))
            canvas.paste(Image.fromarray(pixels).resize(CELL, Image.Resampling.LANCZOS), place)
            draw.rectangle(
                (place[0] - 1, place[1] - 1, place[0] + CELL[0], place[1] + CELL[1]), outline=(150, 150, 150)
            )
    return canvas


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as cache:
        sheet(*first_batch(Path(cache))).save(IMAGE, quality=85, subsampling=0, optimize=True)
    print(IMAGE)
