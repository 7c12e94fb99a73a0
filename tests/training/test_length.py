"""How long a run is."""

import pytest

from streetseg.recipe.schema import Train
from streetseg.training.length import length_of


@pytest.mark.parametrize(
    ("train", "steps", "epochs"),
    [
        (Train(epochs=3), 30, [10, 10, 10]),
        (Train(steps=30), 30, [10, 10, 10]),
        (Train(steps=31), 31, [10, 10, 10, 1]),
        (Train(steps=7, epochs=3), 7, [7]),
    ],
)
def test_epochs_and_their_steps(train: Train, steps: int, epochs: list[int]) -> None:
    length = length_of(train, of_epoch=10)

    assert length.steps == steps
    assert length.epochs == len(epochs)
    assert [length.steps_in(epoch) for epoch in range(1, length.epochs + 1)] == epochs


def test_an_epoch_without_a_step_is_begun_all_the_same() -> None:
    """So that who reads its batches is told that there are too few pictures."""
    assert length_of(Train(epochs=3), of_epoch=0).epochs == 3
    assert length_of(Train(steps=3), of_epoch=0).epochs == 3
