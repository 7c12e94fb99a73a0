"""What the report says of the confidence of an encoder: its calibration, and the accuracy of the surest pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

from streetseg.comparison.groups import Group
from streetseg.metrics.selective import SHOWN
from streetseg.models.calibration import Calibration


@dataclass(frozen=True)
class Confidence:
    """The confidence of one encoder, of its first run.

    Args:
        calibration: the method and its temperature, as text.
        before: expected calibration error of the network's own probabilities, 0..1.
        after: with the calibration.
        cross_validated: with calibrations that were fitted without the image; None where there is none.
        kept: the accuracy of the surest pixels for each share in SHOWN, 0..1.
    """

    calibration: str
    before: float
    after: float
    cross_validated: float | None
    kept: list[float]


def confidence_of(group: Group) -> Confidence | None:
    """Return what the first run of a group measured; None for a run of an earlier version, which did not."""
    scores = group.first.scores
    if "calibration" not in scores or scores.get("ece") is None:
        return None
    measured = scores["calibration"]
    fitted = measured["fitted"] and Calibration.model_validate(measured["fitted"])
    kept = {row["kept"]: row["accuracy"] for row in scores["selective"]}
    return Confidence(
        fitted.value if fitted else "none",
        measured["uncalibrated_ece"],
        scores["ece"],
        fitted.cross_validated.ece if fitted and fitted.cross_validated else None,
        [kept[share] for share in SHOWN],
    )


def confidence_protocol(groups: Sequence[Group]) -> str:
    """Return what the calibrations were fitted on, as a sentence; empty where nothing was fitted."""
    fitted = [found["fitted"] for group in groups if (found := group.first.scores.get("calibration"))]
    known = [one for one in fitted if one]
    if not known:
        return ""
    one, several = known[0], any(len(group.runs) > 1 for group in groups)
    whose = " The values are of the first run of each encoder." if several else ""
    held_out = (
        f" In the column “cross-validated” each image has a calibration fitted on other images ({one['folds']} parts)."
        if one["folds"]
        else ""
    )
    return (
        f"Fitted on {one['pixels']:,} pixels of {one['images']} images of {one['split']}, the split that is scored "
        f"here and that chose the best epoch, so “after” is in-sample.{held_out}{whose}"
    )
