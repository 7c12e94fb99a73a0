"""What int8 costs in mean IoU, and the gate that holds it to a budget."""

from dataclasses import dataclass

from streetseg.data.source import Source
from streetseg.data.store import Store, default_cache
from streetseg.errors import StreetsegError
from streetseg.evaluation.evaluate import evaluate
from streetseg.inference.engines.engine import Engine
from streetseg.inference.predictor import Predictor
from streetseg.metrics.scores import scores


class BudgetError(StreetsegError):
    """A quantised model scores too far below the network."""


@dataclass(frozen=True)
class Cost:
    """Mean IoU, 0..1, on the same pictures.

    Args:
        images: how many.
        before: of the network in float32.
        after: of the exported file.
    """

    images: int
    before: float
    after: float

    @property
    def points(self) -> float:
        """By how many points, of 100, the score falls."""
        return 100 * (self.before - self.after)


def mean_iou_cost(network: Engine, exported: Engine, source: Source, split: str) -> Cost:
    """Scores both by the one protocol. Raises DataError, RequestError."""
    store = Store.open(source, split, size=network.size, resize_labels=False, cache=default_cache())
    before, after = (
        scores(evaluate(Predictor(engine), store, details=False).counts.total).mean["iou"]
        for engine in (network, exported)
    )
    return Cost(len(store), before, after)


def refuse_over_budget(cost: Cost, budget: float) -> None:
    """Raises BudgetError if the score falls by more than `budget` points."""
    if not cost.points <= budget:
        raise BudgetError(
            f"int8 costs {cost.points:.2f} points of mean IoU ({100 * cost.before:.2f} before, "
            f"{100 * cost.after:.2f} after, {cost.images} pictures), the budget is {budget:g}",
            hint="the file was removed; --budget N allows more, without --int8 nothing is lost",
        )
