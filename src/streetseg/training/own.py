"""What the caller brought: objects that no recipe can hold, and no run folder can rebuild."""

from collections.abc import Collection
from dataclasses import dataclass

from streetseg.data.source import Source
from streetseg.errors import RequestError
from streetseg.models.own import NO_MODULES, OwnModules, is_own
from streetseg.recipe.schema import Recipe
from streetseg.training.callbacks import LossFunction

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
