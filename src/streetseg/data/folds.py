"""k folds: the images of training and validation, divided into parts of which each is validated on once.

The frames of a video stay together. The parts depend only on the names of the images and their videos, so they are the
same on every machine and for every seed.
"""

from collections.abc import Mapping, Sequence
from zlib import crc32

from streetseg.data.source import Sample
from streetseg.errors import RequestError
from streetseg.recipe.schema import Data


def fold_splits(splits: Mapping[str, tuple[Sample, ...]], data: Data) -> Mapping[str, tuple[Sample, ...]]:
    """Return the splits with those of training and validation as `data.fold` divides their images.

    Raises:
        RequestError: there are fewer groups of images than folds.
    """
    if data.fold is None:
        return splits
    number, folds = data.fold
    pool = {sample.name: sample for name in (data.train_split, data.val_split) for sample in splits.get(name, ())}
    parts = divided(list(pool.values()), folds)
    held_out = {sample.name for sample in parts[number - 1]}
    train = tuple(sample for sample in pool.values() if sample.name not in held_out)
    return {**splits, data.train_split: train, data.val_split: parts[number - 1]}


def divided(samples: Sequence[Sample], folds: int) -> list[tuple[Sample, ...]]:
    """Return samples as so many parts of about equal size, the frames of a video in one part.

    The largest groups are placed first, each into the part with the fewest images.
    """
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.sequence or sample.name, []).append(sample)
    if len(groups) < folds:
        several = "videos" if any(sample.sequence for sample in samples) else "images"
        raise RequestError(
            f"{len(groups)} {several} cannot be divided into {folds} folds; the frames of a video stay together",
            where=f"{folds} folds",
            hint=f"take {len(groups)} folds or fewer",
        )
    # Equal sizes are ordered by a hash, so that neighbors in an alphabetical list do not share a part.
    largest_first = sorted(groups, key=lambda name: (-len(groups[name]), crc32(name.encode()), name))
    parts: list[list[Sample]] = [[] for _ in range(folds)]
    for name in largest_first:
        min(parts, key=len).extend(groups[name])
    return [tuple(sorted(part, key=lambda sample: sample.name)) for part in parts]
