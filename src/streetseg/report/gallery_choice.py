"""Which pictures are worth showing: where encoders differ most, where all fail, where all succeed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EACH = 2  # pictures of each kind


@dataclass(frozen=True)
class Choice:
    """A picture of the gallery.

    Args:
        index: its place in the split.
        reason: why it is shown.
    """

    index: int
    reason: str


def choose(scores: Sequence[NDArray[np.float64]], each: int = EACH) -> list[Choice]:
    """The most disputed, the worst and the best pictures, none of them twice.

    Args:
        scores: per encoder, one score a picture (N,), NaN where a picture has no truth.
        each: pictures of each kind; fewer where the split is too small. A single encoder disputes nothing.
    """
    table = np.stack(scores)
    usable = np.flatnonzero(np.isfinite(table).all(axis=0))
    mean = table.mean(axis=0)
    spread = table.max(axis=0) - table.min(axis=0)
    disputed = usable[np.argsort(-spread[usable], kind="stable")] if len(scores) > 1 else usable[:0]
    by_score = usable[np.argsort(mean[usable], kind="stable")]

    chosen: dict[int, Choice] = {}
    for reason, order in (("most disputed", disputed), ("worst", by_score), ("best", by_score[::-1])):
        fresh = [int(index) for index in order if int(index) not in chosen][:each]
        chosen |= {index: Choice(index, reason) for index in fresh}
    return list(chosen.values())
