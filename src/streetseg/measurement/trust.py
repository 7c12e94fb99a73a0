"""Whether the validation of a network says enough about the images that it is used on."""

from collections.abc import Sequence

import numpy as np

from streetseg.errors import first
from streetseg.labels.space import LabelSpace
from streetseg.metrics.adjusted import AdjustedShares, Floats
from streetseg.metrics.student import FEWEST
from streetseg.metrics.validation_counts import ValidationCounts

LARGEST_CONDITION = 100.0  # of the inverted confusion: errors of the counts grow by up to this factor
NAMED = 5  # classes that a sentence names


def doubts(adjusted: AdjustedShares, validation: ValidationCounts, shares: Floats, space: LabelSpace) -> list[str]:
    """Return why adjusted shares are not to be trusted, one sentence each; none if nothing speaks against them.

    Args:
        adjusted: the classes first.
        validation: the counts behind them.
        shares: predicted shares of the images, float64 (M, C).
        space: the classes.
    """
    classes, found = space.num_classes, []
    units = int(validation.units.max()) + 1
    if units < FEWEST:
        found.append(f"the validation has {units} {validation.unit}s, too few for an interval")
    unseen = [name for name, never in zip(space.names, adjusted.never_true, strict=True) if never]
    found += _about(unseen, "not in the ground truth of the validation and taken as predicted")
    never = adjusted.never_predicted & ~adjusted.never_true & (shares.mean(axis=0) > 0)
    found += _about(_names(space, never), "never predicted in the validation, but here")
    apart = (adjusted.olofsson.low > adjusted.inverse.high) | (adjusted.inverse.low > adjusted.olofsson.high)
    found += _about(_names(space, apart[:classes]), "not the same by the two estimators, beyond their intervals")
    known, here = validation.predicted_shares, shares.mean(axis=0)
    outside = (here < known.min(axis=0)) | (here > known.max(axis=0))
    found += _about(_names(space, outside), "predicted here in a share that no validation image has")
    if adjusted.condition > LARGEST_CONDITION:
        number = f"{adjusted.condition:,.0f}" if adjusted.condition < 1e6 else "above a million"
        found.append(f"the confusion of the network can hardly be inverted (condition number {number})")
    return found


def _names(space: LabelSpace, mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[str]:
    return [name for name, here in zip(space.names, mask, strict=True) if here]


def _about(names: Sequence[str], what: str) -> list[str]:
    if not names:
        return []
    return [f"{', '.join(first(names, NAMED))} {'is' if len(names) == 1 else 'are'} {what}"]
