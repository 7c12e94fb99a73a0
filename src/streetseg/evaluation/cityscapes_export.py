"""Predictions in the form the official Cityscapes script scores: one PNG of label ids a picture.

The script pairs by name: <city>_<sequence>_<frame>…png with <city>_<sequence>_<frame>_gtFine_labelIds.png
(github.com/mcordts/cityscapesScripts, evaluation/evalPixelLevelSemanticLabeling.py).
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from streetseg.atomic import atomic_write_bytes
from streetseg.errors import RequestError
from streetseg.evaluation.evaluate import Labelled, label_ids
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import LabelSpace
from streetseg.labels.spaces import CITYSCAPES_34


def export_cityscapes(
    folder: Path, predictor: Predictor, store: Labelled, progress: Callable[[int, int], None] | None = None
) -> None:
    """Writes folder/<sample>_predictionIds.png for every picture of `store`, at its label's resolution.

    Args:
        folder: made if missing.
        predictor: a network whose classes are Cityscapes' 34 labels or its 19 train ids.
        progress: called with (pictures done, pictures in all) after each.

    Raises:
        RequestError: the network's classes have no Cityscapes label ids.
    """
    cityscapes_ids = ids_of(predictor.space)
    folder.mkdir(parents=True, exist_ok=True)
    for i, sample in enumerate(store.samples):
        classes = label_ids(predictor, *store[i])
        image = io.BytesIO()
        Image.fromarray(cityscapes_ids[classes]).save(image, format="PNG")
        atomic_write_bytes(folder / f"{Path(sample.name).name}_predictionIds.png", image.getvalue())
        if progress is not None:
            progress(i + 1, len(store.samples))


def ids_of(space: LabelSpace) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Cityscapes label id of each class, uint8 (C,). Raises RequestError when a class has none."""
    missing = [name for name in space.names if name not in CITYSCAPES_34.names]
    if missing:
        raise RequestError(
            f"{space.name} cannot be written as Cityscapes label ids (no label for {', '.join(missing)})",
            hint="train in cityscapes-34 or cityscapes-19",
        )
    return np.array([CITYSCAPES_34.names.index(name) for name in space.names], dtype=np.uint8)
