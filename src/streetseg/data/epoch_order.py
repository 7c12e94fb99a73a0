"""Order of the images of an epoch: those of the data itself, and some of the extra data set."""

from collections.abc import Sequence

from streetseg.data.augment.rng import dealt, mixed, shuffled, shuffled_by_shard
from streetseg.data.shards import shard_numbers
from streetseg.data.source import Sample
from streetseg.data.sources.with_extra import without_extra


def images_of_epoch(samples: Sequence[Sample], extra_share: float | None) -> int:
    """Return the number of images of an epoch. `extra_share` is that of the recipe."""
    main, extra = _counts(samples)
    return main + _extra_of_epoch(main, extra, extra_share)


def epoch_order(samples: Sequence[Sample], extra_share: float | None, seed: int, epoch: int) -> list[int]:
    """Return the indices of the samples of an epoch, counted from 1, in its order.

    The images of the data itself come once. They are shuffled for each epoch, those in shards by windows of shards.
    Those of the extra data set come between them at random places. They are dealt from one shuffled deck after another,
    so that each was used before one is used again.
    """
    main, extra = _counts(samples)
    shards = shard_numbers([sample.image for sample in samples[:main]])
    order = shuffled(seed, epoch, main) if shards is None else shuffled_by_shard(seed, epoch, shards)
    if extra:
        of_epoch = _extra_of_epoch(main, extra, extra_share)
        order = mixed(seed, epoch, order, main + dealt(seed, extra, (epoch - 1) * of_epoch, of_epoch))
    return [int(index) for index in order]


def _counts(samples: Sequence[Sample]) -> tuple[int, int]:
    """Return the number of samples of the data itself, which come first, and of the extra data set."""
    main = len(without_extra(samples))
    return main, len(samples) - main


def _extra_of_epoch(main: int, extra: int, share: float | None) -> int:
    return extra if share is None or not extra else max(1, round(main * share / (1 - share)))
