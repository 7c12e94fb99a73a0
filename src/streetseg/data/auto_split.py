"""Make a split into training and validation where the data has none, of groups of images that belong together.

The groups are given out by greedy iterative stratification (K. Sechidis, G. Tsoumakas, I. Vlahavas, "On the
Stratification of Multi-Label Data", ECML PKDD 2011): of the images with the rarest class first, each group to the side
that lacks that class most. Nothing depends on a clock, a seed, or the order of the files.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from streetseg.data.check.check import statistics_of
from streetseg.data.check.sample import SampleStats
from streetseg.data.groups import Group, cut, grouped, series_of
from streetseg.data.issues import MadeSplit, Survey
from streetseg.data.source import Sample, Source
from streetseg.data.splits import TEST_NAMES, VAL_NAMES, require_listable
from streetseg.errors import DataError
from streetseg.recipe.schema import Data

log = logging.getLogger("streetseg")

Splits = Mapping[str, tuple[Sample, ...]]


def split_names(data: Data) -> tuple[str, str]:
    """Return the names of the two splits that are made; a command that scores another one names it as val_split."""
    return data.train_split, data.val_split if data.val_split in VAL_NAMES else VAL_NAMES[0]


def to_divide(splits: Splits, data: Data) -> tuple[str, ...]:
    """Return the splits whose images are divided into training and validation; none if both are there."""
    train, val = split_names(data)
    if data.split == "auto":
        return tuple(name for name in (train, val) if name in splits) or tuple(splits)
    if list(splits) == ["all"]:
        return ("all",) if {data.train_split, data.val_split} <= {"train", "val"} else ()
    return (train,) if train in splits and data.val_split == "val" and not splits.keys() & set(VAL_NAMES) else ()


def made_split(source: Source, splits: Splits, divided: Sequence[str], data: Data) -> Splits:
    """Return `splits` with those named in `divided` as one for training and one for validation; log how.

    If there are fewer than two images, the splits are returned as they are.

    Raises:
        DataError: too many images look nearly the same, or no list can name one of them.
    """
    samples = sorted((s for name in divided for s in splits[name]), key=lambda sample: sample.name)
    if len(samples) < 2:
        return splits
    require_listable(samples)  # for the lists that a run keeps
    log.info("%s: the %d images are compared, to make a split of those that belong together", source.spec, len(samples))
    names = [s.name.partition("/")[2] if s.name.partition("/")[0] in divided else s.name for s in samples]
    held_out, how = _held_out(source, samples, names, data.val_share)
    train, val = split_names(data)
    made = {
        train: tuple(sample for index, sample in enumerate(samples) if index not in held_out),
        val: tuple(sample for index, sample in enumerate(samples) if index in held_out),
    }
    why = "data.split=auto" if data.split == "auto" else f"the data has no split {val}"
    of = "" if divided == ("all",) else f" of {' and '.join(divided)}"
    share = f"{len(held_out)} of the {len(samples)} images{of} ({100 * len(held_out) / len(samples):.0f} %)"
    how = f"{why}: {share} are taken for {val}, {how}"
    return with_made(source.survey, splits, divided, made, how, scored=data.split == "given")


def with_made(
    survey: Survey, splits: Splits, divided: Sequence[str], made: Splits, how: str, *, scored: bool
) -> Splits:
    """Return `splits` with the made ones in place of those that were divided. Log and keep how they were made.

    Args:
        scored: whether a test split is scored once at the end of a run.
    """
    rest = {name: samples for name, samples in splits.items() if name not in (*divided, *made)}
    test = next((name for name in TEST_NAMES if rest.get(name)), None) if scored else None
    survey.made = MadeSplit(f"{how}; {test} is scored once, at the end of a run" if test else how, test)
    survey.note(survey.made.text)
    survey.failures = [
        replace(failure, splits=failure.splits | made.keys()) if failure.splits & set(divided) else failure
        for failure in survey.failures
    ]
    return {**made, **rest}


def _held_out(source: Source, samples: Sequence[Sample], names: Sequence[str], share: float) -> tuple[set[int], str]:
    """Return the indices of the validation images, and how they were chosen; `names` are those within a split."""
    largest = share * len(samples)
    stats = [found if isinstance(found, SampleStats) else None for found in statistics_of(source, samples)]
    hashes = [None if found is None else found.perceptual_hash for found in stats]
    present = np.zeros((len(samples), source.space.num_classes), bool)
    for index, found in enumerate(stats):
        if found is not None:
            present[index] = found.counts[: source.space.num_classes] > 0
    series = series_of(samples, names, largest=largest, max_pixels=source.max_pixels)
    for whole in (True, False):
        groups = grouped(series if whole else cut(series, largest), hashes)
        keys = [_key(samples[group[0]].name) for group in groups]
        held_out = stratified(groups, present, keys, share)
        if max(1, largest / 2) <= len(held_out) <= max(1, 2 * largest) and len(held_out) < len(samples):
            together = "frames of a video, images of a folder, photos of a ride and near-duplicates stay together"
            parts = "near-duplicates stay together, and long videos and rides are cut, because whole ones are too large"
            return held_out, f"by {len(groups)} groups: {together if whole else parts}"
    raise DataError(
        f"no validation split can be made: too many of the {len(samples)} images look nearly the same",
        where=source.spec,
        hint="data.splits.train=FILE data.splits.val=FILE name the images of each in text files",
    )


def stratified(groups: Sequence[Group], present: NDArray[np.bool_], keys: Sequence[bytes], share: float) -> set[int]:
    """Return the indices of the images that are held out, about `share` of those of each class.

    Args:
        groups: indices of the images that stay together.
        present: bool (N, C), whether image n shows class c.
        keys: decides between equal groups.
        share: 0..1; one image is held out at least.
    """
    images = len(present)
    share = max(share, 1 / images)
    sizes = np.array([(*present[list(group)].sum(axis=0), len(group)) for group in groups])  # (G, C + 1), last: images
    lacked = np.array([[1 - share], [share]]) * sizes.sum(axis=0)  # what training and validation still lack
    left = np.ones(len(groups), bool)
    held_out = np.zeros(len(groups), bool)
    while left.any():
        remaining = sizes[left].sum(axis=0)
        # The rarest class that is left; the last column, all images, when no class is.
        column = int(np.where(remaining > 0, remaining, images + 1).argmin())
        with_it = np.flatnonzero(left & (sizes[:, column] > 0)).tolist()
        for group in sorted(with_it, key=lambda group: (-sizes[group, column], keys[group])):
            side = max((0, 1), key=lambda side: (lacked[side, column], lacked[side, -1], side))
            lacked[side] -= sizes[group]
            left[group], held_out[group] = False, side == 1
    _balance(held_out, sizes, share)
    return {index for group in np.flatnonzero(held_out) for index in groups[int(group)]}


def _balance(held_out: NDArray[np.bool_], sizes: NDArray[np.int64], share: float) -> None:
    """Move single groups to the other side as long as that brings the held-out shares nearer to `share`, in place.

    Few large groups need it: given out one by one, the last of them may miss the share by far. The share of the images
    weighs as much as those of all classes together.
    """
    shares = sizes[:, sizes.any(axis=0)] / sizes.sum(axis=0)[sizes.any(axis=0)]
    weights = np.array([*[1.0] * (shares.shape[1] - 1), max(1, shares.shape[1] - 1)])
    for _ in held_out:
        now = shares[held_out].sum(axis=0) - share
        moved = now + np.where(held_out, -1, 1)[:, None] * shares
        before, *after = (np.vstack([now, moved]) ** 2 @ weights).round(9).tolist()  # the same on every processor
        best = after.index(min(after))
        if after[best] >= before:
            return
        held_out[best] ^= True


def _key(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
