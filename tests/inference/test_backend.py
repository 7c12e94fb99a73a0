"""Inference on numpy arrays and on torch tensors: equal up to rounding."""

import numpy as np
import pytest
import torch

from streetseg.inference import backend_numpy, backend_torch
from streetseg.inference.backend_torch import argmax
from streetseg.inference.logits import predict_logits

SIZES = [(1, 1), (1, 40), (37, 1), (50, 31), (96, 128)]


@pytest.mark.parametrize("old", SIZES)
@pytest.mark.parametrize("new", SIZES)
def test_logits_are_resized_alike(old: tuple[int, int], new: tuple[int, int]) -> None:
    logits = np.random.default_rng(0).normal(size=(2, 5, *old)).astype(np.float32)
    found = backend_numpy.resize_logits(logits, new)

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, backend_torch.resize_logits(torch.from_numpy(logits), new).numpy(), atol=1e-4)


@pytest.mark.parametrize("old", SIZES)
@pytest.mark.parametrize("new", SIZES)
def test_images_are_resized_alike(old: tuple[int, int], new: tuple[int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (1, 3, *old), dtype=np.uint8)
    assert np.array_equal(
        backend_numpy.resize_images(images, new), backend_torch.resize_images(torch.from_numpy(images), new).numpy()
    )


def test_labels_and_confidence_are_found_alike_and_the_first_of_equals_wins() -> None:
    logits = np.random.default_rng(0).integers(-3, 4, (2, 5, 30, 40)).astype(np.float32)
    tensor = torch.from_numpy(logits)

    assert np.array_equal(backend_numpy.argmax(logits), logits.argmax(1))
    assert backend_numpy.argmax(logits).dtype == backend_torch.in_memory(backend_torch.argmax(tensor)).dtype == np.uint8
    of_numpy = backend_numpy.confidence(logits, backend_numpy.argmax(logits))
    of_torch = backend_torch.confidence(tensor, backend_torch.argmax(tensor))
    np.testing.assert_allclose(of_numpy, tensor.softmax(1).amax(1).numpy(), rtol=1e-5)
    np.testing.assert_allclose(of_torch, tensor.softmax(1).amax(1).numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    "stats", [{}, {"tta": True}, {"tile": 128}, {"size": (60, 90)}, {"size": (200, 260), "tile": 128}]
)
def test_every_way_of_looking_is_the_same(stats: dict[str, object]) -> None:
    torch.manual_seed(0)
    network = torch.nn.Conv2d(3, 4, 5, padding=2).requires_grad_(False)
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 150, 210), dtype=np.uint8)

    on_numpy = predict_logits(lambda seen: network(torch.from_numpy(seen.copy()).float()).numpy(), images, **stats)
    on_torch = predict_logits(lambda seen: network(seen.float()), torch.from_numpy(images), **stats)

    assert on_numpy.dtype == np.float32
    np.testing.assert_allclose(on_numpy, on_torch.numpy(), atol=1e-5 * np.abs(on_numpy).max())


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_equals_argmax_also_where_logits_are_equal(layout: torch.memory_format, dtype: torch.dtype) -> None:
    few_values = torch.randint(0, 3, (2, 11, 37, 53), generator=torch.Generator().manual_seed(0))
    logits = few_values.to(dtype).contiguous(memory_format=layout)
    ids = argmax(logits)
    assert ids.dtype == torch.uint8
    assert (ids.numpy() == few_values.numpy().argmax(1)).all()
