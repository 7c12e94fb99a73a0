"""From the classes of a model to Cityscapes' label ids, which the official evaluation script scores."""

import numpy as np

from streetseg.errors import RequestError
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import CITYSCAPES_34


def cityscapes_ids(space: LabelSpace) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Cityscapes label id of each class, uint8 (C,).

    Raises:
        RequestError: a class has none.
    """
    missing = [name for name in space.names if name not in CITYSCAPES_34.names]
    if missing:
        raise RequestError(
            f"{space.name} cannot be written as Cityscapes label ids (no label for {', '.join(missing)})",
            hint="train in cityscapes-34 or cityscapes-19",
        )
    return np.array([CITYSCAPES_34.names.index(name) for name in space.names], dtype=np.uint8)
