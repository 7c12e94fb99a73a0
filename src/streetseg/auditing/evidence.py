"""The evidence of an audit: what a network says about every image of a data set, gathered image by image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streetseg.arguments import OnImage
from streetseg.arrays import Size
from streetseg.auditing.reading import Reading, read
from streetseg.auditing.regions import Region, regions_of
from streetseg.data.source import Sample
from streetseg.data.store import in_order
from streetseg.evaluation.evaluate import Labeled
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import LabelSpace
from streetseg.metrics.confusion import confusion
from streetseg.metrics.counts import Counts


@dataclass(frozen=True, eq=False)
class Part:
    """Labeled images and the network that judges them.

    Args:
        predictor: the network.
        store: the images, at their own size or at the size at which the network sees them.
        split_of: name of an image -> its split in the data set.
    """

    predictor: Predictor
    store: Labeled
    split_of: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a network, or one of several, says about N images.

    Args:
        space: the classes.
        samples: the images.
        splits: the split of each image.
        places: number of the part that each image is in, and its number there.
        shapes: height and width of the labels of each image.
        counts: confusion matrices of the images.
        entropy: float64 (N,), mean entropy over the pixels of each image, 0..1.
        own: float64 (N, C), sum of the probabilities that the pixels of a class get for that class.
        regions: of all images, not yet ranked.
    """

    space: LabelSpace
    samples: tuple[Sample, ...]
    splits: tuple[str, ...]
    places: tuple[tuple[int, int], ...]
    shapes: tuple[Size, ...]
    counts: Counts
    entropy: NDArray[np.float64]
    own: NDArray[np.float64]
    regions: tuple[Region, ...]


class Gathering:
    """Evidence that grows image by image.

    Args:
        space: the classes.
    """

    def __init__(self, space: LabelSpace) -> None:
        self.space = space
        self._samples: list[Sample] = []
        self._splits: list[str] = []
        self._places: list[tuple[int, int]] = []
        self._shapes: list[Size] = []
        self._counts: list[NDArray[np.int64]] = []
        self._ignored: list[int] = []
        self._entropy: list[float] = []
        self._own: list[NDArray[np.float64]] = []
        self._regions: list[Region] = []

    def add(self, sample: Sample, split: str, place: tuple[int, int], reading: Reading) -> None:
        """Add one image."""
        num_classes, ignore = self.space.num_classes, self.space.ignore_index
        labels, known = reading.labels, reading.labels != ignore
        self._regions += regions_of(len(self._samples), reading, num_classes, ignore)
        self._samples.append(sample)
        self._splits.append(split)
        self._places.append(place)
        self._shapes.append((labels.shape[0], labels.shape[1]))
        self._counts.append(confusion(labels, reading.predicted, num_classes, ignore))
        self._ignored.append(int(labels.size - known.sum()))
        self._entropy.append(float(reading.entropy.mean()))
        of_label = (reading.confidence - reading.margin)[known]
        self._own.append(np.bincount(labels[known], of_label, num_classes).astype(np.float64))

    def evidence(self) -> Evidence:
        """Return all that was added, one image at least."""
        counts = Counts(
            names=tuple(sample.name for sample in self._samples),
            sequences=tuple(sample.sequence for sample in self._samples),
            counts=np.stack(self._counts),
            ignored=np.array(self._ignored, np.int64),
        )
        return Evidence(
            space=self.space,
            samples=tuple(self._samples),
            splits=tuple(self._splits),
            places=tuple(self._places),
            shapes=tuple(self._shapes),
            counts=counts,
            entropy=np.array(self._entropy),
            own=np.stack(self._own),
            regions=tuple(self._regions),
        )


def gather(parts: Sequence[Part], on_image: OnImage) -> Evidence:
    """Return what the networks say about the images of all parts, each network about its own part.

    Args:
        on_image: called after each image with the number done and the number of all.
    """
    gathering = Gathering(parts[0].predictor.space)
    total, done = sum(len(part.store.samples) for part in parts), 0
    for number, part in enumerate(parts):
        for i, pair in in_order(part.store, range(len(part.store.samples))):
            sample, reading = part.store.samples[i], read(part.predictor, *pair)
            gathering.add(sample, part.split_of[sample.name], (number, i), reading)
            done += 1
            on_image(done, total)
    return gathering.evidence()
