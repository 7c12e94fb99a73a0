"""A split that lies whole in the device's memory, so that nothing is copied to it while it is trained on."""

from collections.abc import Sequence

import numpy as np
import torch

from streetseg.data.reader import Raw, read_pair
from streetseg.data.store import Store


def resident_bytes(store: Store) -> int | None:
    """What `Resident` would take of the device's memory; None if the pictures differ in size, and so fit no batch."""
    sizes = np.unique(store.sizes, axis=0)
    return len(store) * 4 * int(sizes[0].prod()) if len(sizes) == 1 else None


class Resident:
    """All pictures and labels of a store on a device.

    Args:
        store: a split of pictures of one size, whose labels have that size.
        device: takes `resident_bytes`.

    Raises:
        TrainingError: a sample cannot be read.
        DataError: a label has another size than its picture.
    """

    def __init__(self, store: Store, device: torch.device) -> None:
        self._size = store.sizes[:1]
        height, width = self._size[0].tolist()
        self._pictures = torch.empty((len(store), height, width, 3), dtype=torch.uint8, device=device)
        self._labels = torch.empty((len(store), height, width), dtype=torch.uint8, device=device)
        for i in range(len(store)):
            picture, label = read_pair(store, i)
            self._pictures[i] = torch.from_numpy(picture.copy())  # torch takes no view that is read-only
            self._labels[i] = torch.from_numpy(label.copy())

    def batch(self, indices: Sequence[int]) -> Raw:
        """These samples, as the reader would have read them."""
        chosen = torch.tensor(indices).to(self._labels.device, non_blocking=True)
        pictures = self._pictures.index_select(0, chosen).permute(0, 3, 1, 2)
        return Raw(pictures, self._labels.index_select(0, chosen), self._size.repeat(len(indices), axis=0))
