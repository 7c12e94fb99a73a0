"""Class weights from the number of pixels of each class."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from streetseg.errors import RequestError, did_you_mean

POWERS = {"mild": 0.5, "balanced": 1.0}  # value of `loss.class_weights` -> power


def weights_of_classes(
    setting: str | Sequence[float] | Mapping[str, float],
    names: Sequence[str],
    class_pixels: Sequence[int] | NDArray[np.int64],
) -> NDArray[np.float64] | None:
    """Return the weight of each class that `loss.class_weights` asks for, float64 (C,); None where all are equal.

    Args:
        setting: none, the name of a rule, one weight a class, or class name -> weight, 1 for those left out.
        names: of the classes.
        class_pixels: (C,), pixels of each class, for the rules.

    Raises:
        RequestError: as `require_class_weights`.
    """
    require_class_weights(setting, names)
    if isinstance(setting, str):
        return None if setting == "none" else class_weights(class_pixels, POWERS[setting])
    if isinstance(setting, Mapping):
        return np.array([setting.get(name, 1.0) for name in names])
    return np.array(setting)


def require_class_weights(setting: str | Sequence[float] | Mapping[str, float], names: Sequence[str]) -> None:
    """Raise RequestError if class weights of one's own do not belong to these classes."""
    if isinstance(setting, str):
        return
    classes = f"the classes are {', '.join(names)}"
    if isinstance(setting, Mapping):
        if unknown := [name for name in setting if name not in names]:
            hint = did_you_mean(unknown[0], names) or classes
            raise RequestError(f"there is no class {unknown[0]}", where="loss.class_weights", hint=hint)
    elif len(setting) != len(names):
        problem = f"{len(setting)} class weights for {len(names)} classes"
        raise RequestError(problem, where="loss.class_weights", hint=classes)


def class_weights(class_pixels: Sequence[int] | NDArray[np.int64], power: float = 1.0) -> NDArray[np.float64]:
    """Return the weight of each class, float64 (C,): (1 / log(1.02 + share of the pixels)) ** power, scaled to mean 1.

    With power 1 these are the weights of ENet (Paszke et al. 2016, arXiv:1606.02147).

    Args:
        class_pixels: (C,), pixels of each class, not all 0.
        power: 1 balances the classes, 0.5 does so halfway, 0 gives equal weights.
    """
    pixels = np.asarray(class_pixels, dtype=np.float64)
    weights: NDArray[np.float64] = np.log(1.02 + pixels / pixels.sum()) ** -power
    weights /= weights.mean()
    return weights
