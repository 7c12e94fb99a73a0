"""Callbacks: objects that receive the events of a run, such as trackers; and early stopping, one of ours.

The journal is the record of a run. A callback that fails is not called again, and the run goes on.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from streetseg.training.history import History

log = logging.getLogger("streetseg")

Scalar = str | int | float | bool | None
Outcome = Literal["done", "failed", "killed"]
LossFunction = Callable[[Tensor, Tensor], Tensor]  # logits float32 (B, C, H, W), labels int64 (B, H, W) -> a number


class StopTraining(Exception):  # noqa: N818  # a request, not an error
    """Raised by a callback to end the run after this epoch, as a finished one. The message says why."""


class Callback(Protocol):
    """The methods of a callback. Any of the four may be missing; each is called in the main process only."""

    def start(self, run: str, folder: Path, recipe: Mapping[str, Scalar]) -> None:
        """Take the start or the resumption of a run: its title, its folder, its recipe by dotted field."""
        ...

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Take numbers after `step` steps: "train/loss" and "train/lr" of a step, "val/iou" and others of an epoch.

        May raise `StopTraining` on those of an epoch, which hold "epoch".
        """
        ...

    def image(self, step: int, name: str, rgb: NDArray[np.uint8]) -> None:
        """Take an image uint8 (H, W, 3) after each epoch: "val/0", the first of the split, or one of three more.

        Image and ground truth above, prediction and its errors below.
        """
        ...

    def finish(self, outcome: Outcome, summary: Mapping[str, float]) -> None:
        """Take the end of the run: how it ended, and the best epoch with its scores."""
        ...


class EarlyStopping:
    """Ends a run when validation mean IoU has not improved for `patience` epochs.

    Args:
        patience: epochs without improvement.
        history: the epochs so far; it grows while the run goes on.
    """

    def __init__(self, patience: int, history: History) -> None:
        self.patience = patience
        self.history = history

    def start(self, run: str, folder: Path, recipe: Mapping[str, Scalar]) -> None:
        """Stop a resumed run that had stopped before."""
        self._check()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Raise StopTraining after an epoch if the last improvement is too many epochs ago."""
        if "epoch" in values:
            self._check()

    def _check(self) -> None:
        best = self.history.best
        if best is not None and self.history.epochs_done - best.epoch >= self.patience:
            raise StopTraining(f"no better validation IoU in {self.patience} epochs")


class Callbacks:
    """Calls every callback, and leaves out those that fail.

    Args:
        callbacks: in the order in which they are called.
    """

    def __init__(self, callbacks: Iterable[object] = ()) -> None:
        self._callbacks = list(callbacks)
        self.stop: str | None = None

    def tell(self, method: str, *arguments: object) -> None:
        """Call a method of each callback that has it. If one raises StopTraining, `stop` becomes its reason."""
        for callback in list(self._callbacks):
            try:
                getattr(callback, method, _nothing)(*arguments)
            except StopTraining as stop:
                self.stop = str(stop) or f"{type(callback).__name__} asked to stop"
            except Exception as error:
                log.warning(
                    "callback %s failed in %s and is not called again (%s: %s)",
                    type(callback).__name__, method, type(error).__name__, error,
                )  # fmt: skip
                self._callbacks.remove(callback)

    def wants_images(self) -> bool:
        """Return whether any callback has a method `image`."""
        return any(hasattr(callback, "image") for callback in self._callbacks)


def _nothing(*arguments: object) -> None:
    """Do nothing, in place of a method that a callback lacks."""
