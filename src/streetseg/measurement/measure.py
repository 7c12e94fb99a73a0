"""Measure images: the share of each class, when and where each was taken, and what the shares are without the errors
of the network."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.arguments import OnImage
from streetseg.data.exif import Taken, read_taken
from streetseg.errors import RequestError
from streetseg.inference.inputs import find_images
from streetseg.inference.output import overlay
from streetseg.inference.predict_files import LabeledFile, UnreadError, predict_files
from streetseg.inference.predictor import Predictor
from streetseg.inference.remote import gathered
from streetseg.labels.space import LabelSpace
from streetseg.measurement.roles import Role, roles_of, sums_of
from streetseg.measurement.trust import doubts
from streetseg.measurement.validation import Validation
from streetseg.metrics.adjusted import AdjustedShares, adjusted_shares

SHOWN = 3  # lowest and highest images of each role that are kept
WIDEST = 320  # longest side of a kept image in pixels

Floats = NDArray[np.float64]
ImageArray = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class MeasuredImage:
    """What was measured on one image.

    Args:
        image: the file, pattern match or address, as it was named.
        size: height and width.
        shares: float64 (C,), the share of the pixels of each class, 0..1.
        confidence: mean over the pixels of the probability of their class, 0..1.
        taken: when and where.
    """

    image: str
    size: tuple[int, int]
    shares: Floats
    confidence: float
    taken: Taken


@dataclass(frozen=True, eq=False)
class Exemplar:
    """One of the lowest or highest images of a role, reduced, without and with the colors of its classes."""

    image: str
    share: float
    photo: ImageArray
    colored: ImageArray


@dataclass
class Extremes:
    """The images with the lowest and the highest share of each role, met one by one."""

    roles: Sequence[Role]
    space: LabelSpace
    _kept: dict[tuple[str, int], list[tuple[float, int, Exemplar]]] = field(default_factory=dict)

    def add(self, number: int, measured: MeasuredImage, file: LabeledFile) -> None:
        """Keep an image where it is among the extremes; `number` decides between equal ones: the earlier is kept."""
        small: tuple[ImageArray, ImageArray] | None = None
        for role in self.roles:
            share = float(measured.shares[list(role.classes)].sum())
            for sign in (-1, 1):
                heap = self._kept.setdefault((role.key, sign), [])
                if len(heap) == SHOWN and (sign * share, -number) < heap[0][:2]:
                    continue
                small = small or (_reduced(file.image), _reduced(overlay(file.image, file.labels, self.space)))
                push = heapq.heappush if len(heap) < SHOWN else heapq.heapreplace
                push(heap, (sign * share, -number, Exemplar(measured.image, share, *small)))

    def of(self, role: Role) -> tuple[list[Exemplar], list[Exemplar]]:
        """Return the lowest images of a role, the lowest first, and the highest, the highest first."""
        lowest, highest = (
            [exemplar for _, _, exemplar in sorted(self._kept.get((role.key, sign), []), key=_rank, reverse=True)]
            for sign in (-1, 1)
        )
        return lowest, highest


@dataclass(frozen=True, eq=False)
class Measures:
    """All that was measured.

    Args:
        space: the classes.
        images: one per image that could be read.
        roles: the sums of classes that are measured.
        validation: the known errors of the model; None if it has none.
        adjusted: the shares over all images: the classes, then the roles; None without a validation.
        sample: whether the images are a sample of what the intervals are about.
        doubts: why the adjusted shares are not to be trusted, one sentence each.
        extremes: images with the lowest and highest share of each role.
        unread: the images that could not be read; None if all could.
    """

    space: LabelSpace
    images: Sequence[MeasuredImage]
    roles: Sequence[Role]
    validation: Validation | None
    adjusted: AdjustedShares | None
    sample: bool
    doubts: Sequence[str]
    extremes: Extremes
    unread: UnreadError | None

    @property
    def raw(self) -> Floats:
        """The mean shares over the images, as predicted: the classes, then the roles."""
        mean: Floats = sums_of(self.space) @ np.mean([image.shares for image in self.images], axis=0)
        return mean


def measure(
    predictor: Predictor,
    inputs: Sequence[str],
    validation: Callable[[], Validation | None],
    *,
    sample: bool = False,
    max_megapixels: float,
    on_image: OnImage = lambda done, total: None,
) -> Measures:
    """Measure images.

    Args:
        predictor: the model; it sees each image as `predict` does.
        inputs: files, folders, patterns, `@LIST.txt`, addresses, or `-`.
        validation: gives the known errors of the model; called after the images were found.
        sample: the images are a sample: the intervals are about all that they could have been drawn from.
        max_megapixels: larger images are not read.
        on_image: called after each image with the number done and the total number.

    Raises:
        RequestError: an input is missing or holds no image.
        UnreadError: no image can be read.
    """
    roles = roles_of(predictor.space)
    extremes = Extremes(roles, predictor.space)
    images: list[MeasuredImage] = []
    unread: UnreadError | None = None
    with gathered(inputs) as (places, missing):
        files = find_images(list(places)) if places else {}
        known = validation()
        try:
            for number, file in enumerate(
                predict_files(
                    predictor,
                    files,
                    scores=["confidence"],
                    unread=missing,
                    max_megapixels=max_megapixels,
                    on_image=on_image,
                )
            ):
                name = places.get(str(file.path), str(file.path))
                measured = measured_image(name, file, predictor.space, max_pixels=round(max_megapixels * 1e6))
                images.append(measured)
                extremes.add(number, measured, file)
        except UnreadError as error:
            unread = error
    if not images:
        raise unread or RequestError("no image is measured", hint="name images or folders of images")
    shares, adjusted = np.array([image.shares for image in images]), None
    found: list[str] = []
    if known is not None:
        adjusted = adjusted_shares(known.counts, shares, sums_of(predictor.space), sample=sample)
        found = doubts(adjusted, known.counts, shares, predictor.space)
    return Measures(predictor.space, images, roles, known, adjusted, sample, found, extremes, unread)


def measured_image(name: str, file: LabeledFile, space: LabelSpace, *, max_pixels: int) -> MeasuredImage:
    """Return what is measured on one labeled image, which is called `name`."""
    confidence = float(file.scores["confidence"].mean(dtype=np.float64))
    height, width = file.labels.shape
    taken = read_taken(str(file.path), max_pixels)
    return MeasuredImage(name, (height, width), class_shares(file.labels, space.num_classes), confidence, taken)


def class_shares(labels: NDArray[np.uint8], classes: int) -> Floats:
    """Return the share of the pixels of each class, float64 (C,), in labels uint8 (H, W); they sum to 1.

    Raises:
        ValueError: a pixel is of no class.
    """
    counts = np.bincount(labels.ravel(), minlength=classes)
    if len(counts) > classes:
        raise ValueError(f"label {len(counts) - 1} is none of {classes} classes")
    shares: Floats = counts / labels.size
    return shares


def _rank(entry: tuple[float, int, Exemplar]) -> tuple[float, int]:
    return entry[0], entry[1]


def _reduced(image: ImageArray) -> ImageArray:
    """Return an image uint8 (H, W, 3), reduced to at most WIDEST pixels on the longer side."""
    small = Image.fromarray(image)
    small.thumbnail((WIDEST, WIDEST))
    return np.asarray(small)
