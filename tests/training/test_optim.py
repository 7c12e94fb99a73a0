"""AdamW: every parameter exactly once, in the right group."""

import pytest
import torch

from networks import some_pictures, tiny_segmenter
from streetseg.recipe.schema import Optim
from streetseg.training.optim import make_optimizer, set_lr

SETTINGS = Optim(lr=1e-2, encoder_lr=0.1, weight_decay=0.05)


def test_every_parameter_exactly_once() -> None:
    segmenter = tiny_segmenter()

    optimizer = make_optimizer(segmenter, SETTINGS, pretrained=True)

    held = [id(parameter) for group in optimizer.param_groups for parameter in group["params"]]
    assert len(held) == len(set(held))
    assert set(held) == {id(parameter) for parameter in segmenter.parameters()}


@pytest.mark.parametrize(("pretrained", "encoder_lr"), [(True, 1e-3), (False, 1e-2)])
def test_a_pretrained_encoder_moves_by_its_factor(pretrained: bool, encoder_lr: float) -> None:
    segmenter = tiny_segmenter()

    optimizer = make_optimizer(segmenter, SETTINGS, pretrained=pretrained)

    encoder = {id(parameter) for parameter in segmenter.encoder.parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert group["lr"] == pytest.approx(encoder_lr if id(parameter) in encoder else 1e-2)


def test_biases_and_norms_do_not_decay() -> None:
    segmenter = tiny_segmenter()

    optimizer = make_optimizer(segmenter, SETTINGS, pretrained=True)

    decay = {id(parameter): group["weight_decay"] for group in optimizer.param_groups for parameter in group["params"]}
    for name, parameter in segmenter.named_parameters():
        vector = name.endswith("bias") or "bn" in name or ".conv1.1." in name or ".conv2.1." in name
        assert decay[id(parameter)] == (0.0 if vector else 0.05), name


def test_the_schedule_scales_each_group_s_own_peak() -> None:
    optimizer = make_optimizer(tiny_segmenter(), SETTINGS, pretrained=True)

    set_lr(optimizer, 0.5)
    set_lr(optimizer, 0.25)

    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([2.5e-4] * 2 + [2.5e-3] * 4)


def test_an_encoder_factor_of_0_keeps_the_encoder_as_it_was() -> None:
    segmenter = tiny_segmenter()
    before = {name: parameter.clone() for name, parameter in segmenter.named_parameters()}
    optimizer = make_optimizer(segmenter, Optim(encoder_lr=0.0, weight_decay=0.5), pretrained=True)

    segmenter(some_pictures(2, 32, 32)).square().mean().backward()
    optimizer.step()

    for name, parameter in segmenter.named_parameters():
        assert torch.equal(parameter, before[name]) == name.startswith("encoder."), name
