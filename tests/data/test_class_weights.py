"""Class weights are ENet's."""

import math

import numpy as np
import pytest

from streetseg.data.class_weights import class_weights

PIXELS = [1000, 10, 400, 0, 90]


def test_balanced_weights_are_enet_s() -> None:
    weights = class_weights(PIXELS)

    raw = [1 / math.log(1.02 + pixels / sum(PIXELS)) for pixels in PIXELS]
    assert weights.tolist() == pytest.approx([w * len(raw) / sum(raw) for w in raw])
    assert weights.mean() == pytest.approx(1.0)
    assert weights[3] > weights[1] > weights[4] > weights[2] > weights[0]  # rare ones weigh more, absent ones most


def test_mild_weights_are_square_roots() -> None:
    mild, balanced = class_weights(PIXELS, 0.5), class_weights(PIXELS)

    assert mild.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(mild / mild[0], np.sqrt(balanced / balanced[0]))
