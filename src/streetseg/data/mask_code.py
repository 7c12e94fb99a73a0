"""The code of a data set's masks: which value or color on disk means which class."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streetseg.labels.space import IGNORE_INDEX, Color, LabelSpace

UNKNOWN = -1  # in an array of class ids: neither a class nor ignored
CHANNELS = ("red", "green", "blue")


@dataclass(frozen=True)
class MaskCode:
    """Encoding of the class of a pixel in the masks of a data set.

    Args:
        space: the classes.
        ids: value on disk -> class id or 255, for masks with one channel; empty if the classes have no ids.
        colors: color on disk -> class id or 255, for RGB masks; empty if the classes have no colors.
        ids_only: RGB masks are errors, and `colors` only serve to find palettes that contradict their indices.
        ids_written: the user or the layout specifies the ids; otherwise they follow the order of the classes.
        asks_255: 255 is ignored by default only, as the data set does not say what it means.
        channel: 0, 1 or 2: masks with several channels hold the ids in this one, and the others mean nothing; None:
            they hold colors.
        tolerance: largest RGB distance of a color from the nearest one in `colors`, whose class it then has.
        others_ignored: ids and colors without a meaning are ignored; otherwise they are errors.
        labels: name of an object in a file of polygons -> class id or 255.
    """

    space: LabelSpace
    ids: Mapping[int, int] = field(default_factory=dict)
    colors: Mapping[Color, int] = field(default_factory=dict)
    ids_only: bool = False
    ids_written: bool = True
    asks_255: bool = False
    channel: int | None = None
    tolerance: int = 0
    others_ignored: bool = False
    labels: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, space: LabelSpace, *, ignored: tuple[int, ...] = ()) -> "MaskCode":
        """Return the code in which values are class ids and colors are those of the label space.

        A color that several classes share means the first of them.

        Args:
            space: the classes.
            ignored: values on disk that are ignored besides 255.
        """
        ids = {value: value for value in range(space.num_classes)}
        colors = {color: value for value, color in reversed(list(enumerate(space.colors)))}
        return cls(space, ids | dict.fromkeys((*ignored, IGNORE_INDEX), IGNORE_INDEX), colors)

    def classes_of(self, colors: NDArray[np.uint8]) -> NDArray[np.int16]:
        """Return the class id or 255 of each color, int16 (N,); -1 where no known color is within the tolerance.

        Of several known colors at the same distance, the first counts.

        Args:
            colors: uint8 (N, 3).
        """
        classes = np.full(len(colors), UNKNOWN, np.int16)
        nearest = np.full(len(colors), self.tolerance**2 + 1, np.int32)
        for color, class_id in self.colors.items():
            distance = ((colors.astype(np.int32) - color) ** 2).sum(axis=1, dtype=np.int32)
            closer = distance < nearest
            classes[closer], nearest[closer] = class_id, distance[closer]
        return classes
