"""Objects of the caller's own, which no recipe can hold and no run folder can rebuild."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from streetseg.data.source import Source
from streetseg.errors import RequestError
from streetseg.models.own import NO_MODULES, OwnModules, is_own
from streetseg.recipe.schema import Recipe
from streetseg.training.callbacks import LossFunction

CALLBACK_METHODS = ("start", "scalars", "image", "finish")

KEYWORDS = {"encoder": "encoder", "decoder": "decoder", "loss": "loss", "data source": "data"}


@dataclass(frozen=True)
class Own:
    """Objects of the caller's own, in place of what the recipe names.

    Args:
        callbacks: objects with methods of `Callback`.
        loss: in place of the loss of the recipe.
        source: in place of the data source that the recipe names.
        modules: encoders and decoder.
    """

    callbacks: tuple[object, ...] = ()
    loss: LossFunction | None = None
    source: Source | None = None
    modules: OwnModules = NO_MODULES

    def parts(self, recipe: Recipe) -> dict[str, str]:
        """Return part of the run -> name of the caller's object, for those that decide what comes out of the run."""
        parts = {}
        if is_own(recipe.model.encoder):
            parts["encoder"] = recipe.model.encoder
        if self.modules.decoder is not None:
            parts["decoder"] = type(self.modules.decoder).__qualname__
        if self.loss is not None:
            parts["loss"] = getattr(self.loss, "__qualname__", type(self.loss).__qualname__)
        if self.source is not None:
            parts["data source"] = type(self.source).__qualname__
        return parts

    def lines(self, recipe: Recipe) -> list[str]:
        """Return a line for each part of the run that recipe.yaml does not hold."""
        return [
            f"the {part} is the caller's own ({name}): recipe.yaml does not hold it; to resume, pass it again"
            for part, name in self.parts(recipe).items()
        ]


def check_loss(loss: LossFunction, classes: int, device: torch.device) -> None:
    """Call a loss of the caller's own once, on two tiny images on the device of the run.

    Raises:
        RequestError: it fails, or does not return one number that has a gradient.
    """
    logits = torch.zeros(2, classes, 4, 4, device=device, requires_grad=True)
    labels = torch.arange(32, device=device).reshape(2, 4, 4) % classes
    hint = "a function of logits float32 (B, C, H, W) and labels int64 (B, H, W) that returns what to minimize"
    try:
        value = loss(logits, labels)
    except Exception as error:
        raise RequestError(f"the loss fails ({type(error).__name__}: {error})", where="loss=", hint=hint) from error
    if not isinstance(value, Tensor):
        raise RequestError(f"the loss returns a {type(value).__name__}", where="loss=", hint=hint)
    if value.numel() != 1:
        problem = f"the loss returns shape {tuple(value.shape)}, expected one number"
        raise RequestError(problem, where="loss=", hint=hint)
    if not value.requires_grad:
        raise RequestError("the loss has no gradient", where="loss=", hint="compute it from the logits with torch")


def check_callbacks(callbacks: Iterable[object]) -> None:
    """Raise RequestError unless each object has a method of `Callback`."""
    for callback in callbacks:
        if isinstance(callback, type) or not any(callable(getattr(callback, name, None)) for name in CALLBACK_METHODS):
            raise RequestError(
                f"{callback!r} is no callback",
                where="callbacks=",
                hint=f"a list of objects with any of the methods {', '.join(CALLBACK_METHODS)}",
            )


def require_own(needed: Collection[str], own: Own, recipe: Recipe) -> None:
    """Raise RequestError if a run that goes on had parts of the caller's own that were not passed again.

    Args:
        needed: the keys of `Own.parts` when the run was saved.
        own: what the caller passed now.
        recipe: the recipe of now.
    """
    missing = [part for part in needed if part not in own.parts(recipe)]
    if missing:
        keywords = ", ".join(f"{KEYWORDS[part]}=…" for part in missing)
        raise RequestError(
            f"{' and '.join(f'the {part}' for part in missing)} of this run are the caller's own, and were not passed",
            where="resume",
            hint=f"resume it from Python with the same call as before: streetseg.train(…, {keywords}, resume=True)",
        )
