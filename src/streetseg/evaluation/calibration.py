"""Fit the calibration of a network on a sample of the pixels of labeled images."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from streetseg.data.source import short_name
from streetseg.data.store import in_order
from streetseg.evaluation.evaluate import Labeled
from streetseg.inference.backend import operations
from streetseg.inference.predictor import Predictor
from streetseg.metrics.temperature import fit
from streetseg.models.calibration import Calibration

if TYPE_CHECKING:
    from streetseg.runtime.distributed import Ranks

log = logging.getLogger("streetseg")

LOGITS = 2**19  # numbers in the sample: 47,662 pixels of 11 classes; 4 MB, and 20 MB while they are fitted
SEED = 0  # of the positions of the pixels


def fit_calibration(
    predictor: Predictor,
    store: Labeled,
    *,
    dataset: str,
    split: str,
    on_image: Callable[[int, int], None] = lambda done, total: None,
    ranks: "Ranks | None" = None,
) -> Calibration | None:
    """Return the calibration of a network; None if no pixel of the sample has ground truth, or a logit is not finite.

    The same number of positions is drawn in each image, so that images weigh the same; those without ground truth are
    left out. The positions depend on nothing but the number and the size of the images.

    Args:
        predictor: the network, which sees each image once, without TTA.
        store: images that the network was not trained on.
        dataset: the data set as on the command line.
        split: the name of the split.
        on_image: called after each image with the number done and the number of all.
        ranks: the processes that share the images; all return the same.
    """
    images, space = len(store.samples), predictor.space
    share = max(1, LOGITS // space.num_classes // images)
    logits = np.zeros((space.num_classes, images, share))
    labels = np.zeros((images, share), np.int64)  # of one more than the id: 0 where there is no ground truth
    rank, world = (ranks.rank, ranks.world) if ranks else (0, 1)
    for i, (image, ground_truth) in in_order(store, range(rank, images, world)):
        count = min(share, ground_truth.size)
        chosen = np.random.default_rng((SEED, i)).choice(ground_truth.size, count, replace=False, shuffle=False)
        logits[:, i, :count] = _logits_at(predictor, image, ground_truth, chosen)
        ids = ground_truth.ravel()[chosen].astype(np.int64)
        labels[i, :count] = np.where(ids == space.ignore_index, 0, ids + 1)
        on_image(min(i - rank + world, images), images)
    if ranks:
        logits, labels = ranks.sum(logits), ranks.sum(labels)
    image_of_pixel, position = np.nonzero(labels)
    if not len(position):
        return None
    if not np.isfinite(logits).all():
        log.warning("the confidence is not calibrated: the network returns logits that are not finite numbers")
        return None
    fitted = fit(
        logits[:, image_of_pixel, position], (labels[image_of_pixel, position] - 1).astype(np.uint8), image_of_pixel
    )
    return Calibration(
        method=fitted.method,
        temperature=[float(f"{1 / number:.6g}") for number in fitted.scale],
        bias=fitted.bias.tolist(),
        dataset=short_name(dataset),
        split=split,
        images=len(np.unique(image_of_pixel)),
        pixels=len(position),
        before=fitted.before,
        after=fitted.after,
        cross_validated=fitted.cross_validated,
        folds=fitted.folds,
    )


def _logits_at(
    predictor: Predictor, image: NDArray[np.uint8], labels: NDArray[np.uint8], chosen: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the logits of the chosen pixels, (C, n).

    Args:
        image: uint8 (H, W, 3).
        labels: uint8 (h, w), at whose resolution the pixels are.
        chosen: (n,), the numbers of the pixels, row by row.
    """
    height, width = labels.shape
    y, x = np.divmod(chosen, width)
    found = np.empty((predictor.space.num_classes, len(chosen)), np.float32)
    for (rows, columns), logits in predictor.regions(image.transpose(2, 0, 1)[None], own=(height, width)):
        here = (rows.start <= y) & (y < rows.stop) & (columns.start <= x) & (x < columns.stop)
        found[:, here] = operations(logits).in_memory(logits[0][:, y[here] - rows.start, x[here] - columns.start])
    return found
