"""The learning rate over a run, as a factor of its peak."""

import math

from streetseg.recipe.schema import Optim

POLY_POWER = 0.9  # as in DeepLab, arXiv:1606.00915
START, END = 0.04, 1e-4  # one-cycle: factors at the first and the last step


def lr_factor(step: int, steps: int, settings: Optim) -> float:
    """The factor 0..1 at a step.

    Args:
        step: 0..steps-1.
        steps: of the whole run.
        settings: schedule and share of warm-up. "poly" rises in a line and falls as (1 - t)^0.9; "one-cycle" rises and
            falls as half cosines (Smith 2018, arXiv:1708.07120).
    """
    warmup = round(settings.warmup * steps)
    if step < warmup:
        rise = (step + 1) / warmup
        return rise if settings.schedule == "poly" else between(START, 1.0, rise)
    fall = (step - warmup) / max(1, steps - warmup)
    return (1.0 - fall) ** POLY_POWER if settings.schedule == "poly" else between(1.0, END, fall)


def between(first: float, last: float, t: float) -> float:
    """Half a cosine from `first` at t = 0 to `last` at t = 1."""
    return last + (first - last) * (1.0 + math.cos(math.pi * t)) / 2.0
