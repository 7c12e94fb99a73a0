"""How long a run is: whole epochs, or a number of steps."""

from dataclasses import dataclass

from streetseg.recipe.schema import Train


@dataclass(frozen=True)
class Length:
    """Of a run.

    Args:
        epochs: that are begun.
        of_epoch: steps of a whole epoch.
        steps: of the whole run. The last epoch ends early where they are no multiple of `of_epoch`.
    """

    epochs: int
    of_epoch: int
    steps: int

    def steps_in(self, epoch: int) -> int:
        """Of an epoch, counted from 1."""
        return min(self.of_epoch, self.steps - (epoch - 1) * self.of_epoch)


def length_of(train: Train, of_epoch: int) -> Length:
    """What the recipe asks for, when a whole epoch has so many steps."""
    if train.steps is None:
        return Length(train.epochs, of_epoch, train.epochs * of_epoch)
    return Length(-(-train.steps // max(1, of_epoch)), of_epoch, train.steps)
