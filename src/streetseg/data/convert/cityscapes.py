"""The layout of Cityscapes: leftImg8bit and gtFine with the label ids of cityscapesScripts."""

import re
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np

from streetseg.data.convert.layout import Item, Labels, Layout, write
from streetseg.data.sources.cityscapes import IMAGES, MASKS
from streetseg.errors import RequestError
from streetseg.labels.mappings import cityscapes_ids
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import CITYSCAPES_34
from streetseg.png import encode_png

_UNLABELED = CITYSCAPES_34.names[0]
_NAME = re.compile(r"(?P<city>[^/_]+)/(?P=city)_[^/_]+_[^/_]+")  # CITY/CITY_SEQUENCE_FRAME


class CityscapesLayout(Layout):
    """leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png and gtFine/SPLIT/CITY/NAME_gtFine_labelIds.png.

    Raises:
        RequestError: a class is none of Cityscapes' labels.
    """

    suffixes, turns = frozenset({".png"}), False

    def __init__(self, space: LabelSpace) -> None:
        super().__init__(space)
        try:
            ids = cityscapes_ids(space)
        except RequestError as error:
            hint = "--to folder keeps the classes as they are"
            raise RequestError(error.problem, where="--to cityscapes", hint=hint) from None
        # Ignored pixels are unlabeled, as in the published masks; where that is a class, they are 255, as plates are.
        ignored = 255 if _UNLABELED in space.names else CITYSCAPES_34.names.index(_UNLABELED)
        self.table = np.full(256, ignored, np.uint8)
        self.table[: space.num_classes] = ids

    def image(self, item: Item) -> str:
        """Return the path of an image in the new folder, without suffix."""
        return f"{IMAGES}/{item.split}/{_name(item)}_{IMAGES}"

    def write_labels(self, folder: Path, item: Item, image: str, labels: Labels) -> Counter[str]:
        """Write the labels as a gray PNG of label ids."""
        path = folder / f"{MASKS}/{item.split}/{_name(item)}_{MASKS}_labelIds.png"
        write(path, encode_png(self.table[labels]))
        return Counter()


def _name(item: Item) -> str:
    """Return CITY/CITY_SEQUENCE_FRAME: the key if it is such a name, else one that has the key as its sequence.

    cityscapesScripts takes a name apart at its underscores.
    """
    if _NAME.fullmatch(item.key):
        return item.key
    path = PurePosixPath(item.key.replace("_", "-"))
    city = path.parent.name or item.split.replace("_", "-")
    sequence = "-".join(path.parts[-1:] if len(path.parts) < 3 else (*path.parts[:-2], path.name))
    return f"{city}/{city}_{sequence}_{item.number:06d}"
