"""The list of encoders."""

import json
from collections.abc import Callable

from conftest import Finished
from streetseg.models.encoder import Encoder

Run = Callable[..., Finished]


def test_one_encoder(streetseg: Run) -> None:
    done = streetseg("encoders", "test_efficientnet", "--json")

    facts = next(fact for fact in json.loads(done.out)["encoders"] if fact["name"] == "test_efficientnet")
    assert facts["parameters"] == sum(parameter.numel() for parameter in Encoder("test_efficientnet").parameters())
    assert facts["macs"] > 1e6
    assert (facts["strides"], facts["usable"]) == ([2, 4, 8, 16, 32], True)
    assert facts["weights"] in ("here", "to download")
    assert facts["license"] == "apache-2.0"


def test_encoders_that_are_no_pyramid_of_a_u_net(streetseg: Run) -> None:
    done = streetseg("encoders", "test_vit")

    assert done.code == 0
    assert "(not for a U-Net)" in done.out


def test_no_such_name(streetseg: Run) -> None:
    done = streetseg("encoders", "xyzzy*")

    assert (done.code, done.err.splitlines()[0]) == (2, "error: no encoder has such a name")
