"""Find the images and masks of a folder: by their names, then by their sizes and pixels."""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from streetseg.data.recognize.looks import PixelStats, pixel_stats
from streetseg.data.recognize.names import File, Pairing, pairings, words

_SAMPLED = 3  # pairs of a pairing whose pixels are looked at
_LEAST = 0.01  # a pairing of fewer pairs, as a share of those of the largest, is not looked at: there may be thousands
_OTHER = 0.5  # another reading explains at least this share of the pairs
_DRAWN_OVER = frozenset({"viz", "vis", "overlay", "overlays", "blend", "preview", "visualization"})

Pair = tuple[File, File]
Stats = Callable[[File], PixelStats | None]


@dataclass(frozen=True)
class Reading:
    """One way to read a folder: pairings that share no file, the largest first."""

    pairings: tuple[Pairing, ...]

    @property
    def pairs(self) -> list[Pair]:
        """The pairs of image and mask of all pairings."""
        return [pair for pairing in self.pairings for pair in pairing.pairs]

    @property
    def images(self) -> set[File]:
        """The images."""
        return {image for image, _ in self.pairs}

    @property
    def masks(self) -> set[File]:
        """The masks."""
        return {mask for _, mask in self.pairs}


def readings(
    root: Path, files: Sequence[File], images: Container[str] | None = None, masks: Container[str] | None = None
) -> list[Reading]:
    """Return every way to read a folder, the one that explains most files first; [] if nothing pairs.

    Two readings have other masks of the same images, or other images of the same masks.

    Args:
        root: the folder.
        files: its files that could be images or masks.
        images: the names of the files that may be images; None: all.
        masks: the names of the files that may be masks; None: all.
    """

    @cache
    def stats(file: File) -> PixelStats | None:
        return pixel_stats(root / file.name)

    candidates = [
        one
        for one in pairings(files)
        if all((images is None or i.name in images) and (masks is None or m.name in masks) for i, m in one.pairs)
    ]
    candidates = [one for one in candidates if len(one.pairs) >= _LEAST * len(candidates[0].pairs)]
    for same_size, photos in ((True, True), (True, False), (False, True), (False, False)):
        fitting = [one for one in candidates if _is_image_and_mask(one.pairs, stats, same_size, photos)]
        first = _cover(fitting)
        if first.pairings:
            found = [first, *_others(first, fitting, 1), *_others(first, fitting, 0)]
            return _without_instances([one for one in found if not _is_drawn_over(one)] or found, stats)
    return []


def _is_image_and_mask(pairs: Sequence[Pair], stats: Stats, same_size: bool, photos: bool) -> bool:
    """Return whether in most sampled pairs the second file looks like a mask, and the first has more values.

    Args:
        pairs: the pairs to sample.
        stats: what the pixels of a file look like.
        same_size: both files must have one size.
        photos: the first file must not look like a mask; drawn images of few colors do.
    """
    looks = [(stats(image), stats(mask)) for image, mask in pairs[:_SAMPLED]]
    readable = [(image, mask) for image, mask in looks if image and mask]
    fitting = [
        mask.like_a_mask
        and (not image.like_a_mask or (not photos and image.values > mask.values))
        and (image.size == mask.size or not same_size)
        for image, mask in readable
    ]
    return sum(fitting) > len(readable) / 2


def _cover(candidates: Iterable[Pairing]) -> Reading:
    """Return the pairings that explain the files: the largest, then those that explain most of the rest."""
    taken: list[Pairing] = []
    used: set[File] = set()
    for candidate in candidates:
        pairs = [pair for pair in candidate.pairs if used.isdisjoint(pair)]
        if pairs and (len(pairs) > 1 or not taken or candidate.complexity <= taken[0].complexity):
            taken.append(replace(candidate, pairs=pairs))
            used.update(file for pair in pairs for file in pair)
    return Reading(tuple(taken))


def _others(first: Reading, candidates: Sequence[Pairing], side: int) -> Iterator[Reading]:
    """Yield the readings in which one side of each pair, 0 its image or 1 its mask, is another file."""
    used, known = first.images | first.masks, first.images if side else first.masks
    while True:
        rest = [
            replace(one, pairs=pairs)
            for one in candidates
            if (pairs := [pair for pair in one.pairs if pair[side] not in used and pair[1 - side] in known])
        ]
        other = _cover(sorted(rest, key=lambda one: -len(one.pairs)))
        if len(other.pairs) < _OTHER * len(first.pairs):
            return
        used = used | {pair[side] for pair in other.pairs}
        yield other


def _is_drawn_over(reading: Reading) -> bool:
    """Return whether the names say that the images are drawings of the masks over images."""
    marks = (reading.pairings[0].image.role.part, reading.pairings[0].image.prefix, reading.pairings[0].image.suffix)
    return bool(_DRAWN_OVER & {word for mark in marks for word in words(mark)})


def _without_instances(found: list[Reading], stats: Stats) -> list[Reading]:
    """Return the readings whose masks hold ids up to 255, if there are such: larger ones number instances."""
    narrow = [one for one in found if not any((look := stats(mask)) and look.wide for _, mask in one.pairs[:_SAMPLED])]
    return narrow or found
