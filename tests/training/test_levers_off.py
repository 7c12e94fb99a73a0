"""A training step of the default recipe: augmentation, network, loss and optimizer as before there were more levers."""

import numpy as np
import pytest
import torch

from networks import some_images
from streetseg.data.augment.augment import augment
from streetseg.data.augment.rng import draw
from streetseg.labels.tables import STREET_11
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork
from streetseg.recipe.schema import Recipe
from streetseg.training.objective import Objective
from streetseg.training.optim import make_optimizer, set_lr

# Computed before gamma, noise, cut-outs, rare-class crops, frozen statistics, layer decay, context and border weights
# were added.
LOSSES = (3.8413050174713135, 3.786111831665039, 3.8289945125579834)


def losses() -> list[float]:
    """Return the losses of three steps on two images of 64x96."""
    recipe = Recipe()
    torch.manual_seed(0)
    network = SegmentationNetwork(Encoder("test_efficientnet"), STREET_11, decoder=recipe.model.decoder).train()
    objective = Objective(recipe.loss, [1] * STREET_11.num_classes, STREET_11.ignore_index)
    optimizer = make_optimizer(network, recipe.optim, pretrained=True)
    images = some_images(2, 64, 96)
    labels = torch.from_numpy(np.indices((2, 64, 96)).sum(axis=0) // 16).to(torch.uint8)
    result = []
    for epoch in range(3):
        crops, cropped_labels = augment(images, labels, recipe.augment, (64, 96), draw(0, epoch, [0, 1]))
        loss, _ = objective(network(crops), cropped_labels)
        optimizer.zero_grad()
        loss.backward()
        set_lr(optimizer, 1.0)
        optimizer.step()
        result.append(loss.item())
    return result


def test_a_step_with_all_levers_off_is_unchanged() -> None:
    assert losses() == pytest.approx(LOSSES, rel=1e-4)
