"""Displays for a notebook beside results: curves that grow while a run trains, and a batch as training meets it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from streetseg.data.augment.augment import of_reduced, training_crop
from streetseg.data.batches import Batch, TrainBatches, steps_of_epoch
from streetseg.data.epoch_order import images_of_epoch
from streetseg.data.store import Store
from streetseg.recipe.schema import Recipe
from streetseg.report.charts.comparison import QUANTITIES
from streetseg.report.charts.curves import Learning, curves_chart, shared_axis
from streetseg.report.charts.svg import side_by_side
from streetseg.request import DataLike, RecipeLike, open_data, request
from streetseg.runs.folder import RunFolder
from streetseg.runs.schema import columns
from streetseg.training.optim import length_of
from streetseg.training.prepare import augment_of_epoch
from streetseg.training.splits import open_train_store

_COLUMNS = ("image", "labels", "image, augmented", "labels, augmented")
_GAP, _HEAD = 6, 30
_PAPER, _INK, _FRAME = (255, 255, 255), (20, 20, 20), (150, 150, 150)


class LiveCurves:
    """A callback that shows loss, accuracy and IoU in the notebook's cell, drawn anew after each epoch.

    >>> run = streetseg.train(data, epochs=20, callbacks=[streetseg.LiveCurves()])  # doctest: +SKIP
    """

    def __init__(self) -> None:
        self._folder = Path()
        self._display: Any = None

    def start(self, run: str, folder: Path, recipe: Mapping[str, object]) -> None:
        """Show the curves of earlier sessions, if the run goes on."""
        from IPython.display import HTML, display

        self._folder = folder
        self._display = display(HTML(self.html()), display_id=True)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Draw the curves anew after an epoch."""
        if "epoch" in values:
            from IPython.display import HTML

            self._display.update(HTML(self.html()))

    def html(self) -> str:
        """Return the three charts of the epochs so far as HTML; nothing before the first."""
        results = RunFolder(self._folder).results
        if not results.exists():
            return ""
        curves = columns(results.read_bytes())
        charts = []
        for quantity in QUANTITIES:
            train, val = (
                tuple(quantity.scale * value for value in curves[f"{split}_{quantity.name}"])
                for split in ("train", "val")
            )
            learning = Learning((train,), (val,))
            spoken = f"{quantity.heading} after each epoch, training and validation."
            span = shared_axis([learning])
            charts.append(curves_chart(quantity.heading, spoken, learning, series=0, span=span, best_epoch=None))
        return side_by_side(charts)


def show_batch(
    data: DataLike, *, images: int = 4, epoch: int = 1, recipe: RecipeLike = None, **fields: object
) -> Image.Image:
    """Return a sheet of training images and labels as they are stored, and as an epoch of training meets them.

    Args:
        data: as for `train`.
        images: number of rows.
        epoch: each epoch draws other random parameters.
        recipe: as for `train`.
        fields: sections of the recipe, augment={"rotate": 20}.

    Raises:
        RequestError, DataError: the request or the data are wrong.
    """
    config = request(data, recipe, {}, fields)
    source = open_data(data, config.data)
    store = open_train_store(source, config)
    return sheet(store, augmented_batch(store, images, epoch, config))


def augmented_batch(store: Store, images: int, epoch: int, recipe: Recipe) -> Batch:
    """Return the first images of an epoch, counted from 1, cropped and augmented as in a run of the recipe."""
    share = recipe.data.extra_share
    steps = steps_of_epoch(images_of_epoch(store.samples, share), recipe.train.batch, 1)
    epochs = length_of(recipe.train, steps).epochs
    settings, crop = augment_of_epoch(epoch, epochs, recipe.augment, training_crop(store.smallest, recipe.augment))
    settings = of_reduced(settings, store.reduced)
    cpu = torch.device("cpu")
    batches = TrainBatches(store, images, recipe.train.seed, epoch, cpu, settings, crop, extra_share=share)
    return next(iter(batches))


def sheet(store: Store, batch: Batch, *, width: int = 300) -> Image.Image:
    """Return a sheet with one row for each image of the batch, under the names of the columns.

    Args:
        width: of one image on the sheet, in pixels.
    """
    palette = np.full((256, 3), _PAPER, np.uint8)
    palette[: store.space.num_classes] = store.space.colors
    shape = store[batch.indices[0]][0].shape
    cell = (width, round(width * shape[0] / shape[1]))
    columns = len(_COLUMNS)
    size = (columns * (cell[0] + _GAP) + _GAP, _HEAD + len(batch.indices) * (cell[1] + _GAP))
    canvas = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(canvas)
    for column, name in enumerate(_COLUMNS):
        x = _GAP + column * (cell[0] + _GAP) + cell[0] / 2
        draw.text((x, _HEAD / 2), name, _INK, ImageFont.load_default(17), anchor="mm")
    for row, i in enumerate(batch.indices):
        image, labels = store[i]
        new_image, new_labels = batch.images[row].permute(1, 2, 0).numpy(), batch.labels[row].numpy()
        shown: tuple[NDArray[np.uint8], ...] = (image, palette[labels], new_image, palette[new_labels])
        for column, pixels in enumerate(shown):
            left, top = _GAP + column * (cell[0] + _GAP), _HEAD + row * (cell[1] + _GAP)
            canvas.paste(Image.fromarray(pixels).resize(cell, Image.Resampling.LANCZOS), (left, top))
            draw.rectangle((left - 1, top - 1, left + cell[0], top + cell[1]), outline=_FRAME)
    return canvas
