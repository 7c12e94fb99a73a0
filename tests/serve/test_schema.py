"""schemathesis makes requests of the server's own OpenAPI description, valid and not, and checks the answers by it."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

import tiny
from serving import Serving
from streetseg.png import encode_png

# Bytes that are valid by the schema may be no image, or a damaged one.
CONFIG = {"checks": {"positive_data_acceptance": {"expected-statuses": [200, 400, 415]}}}

IMAGES = st.one_of(
    st.binary(max_size=300), st.sampled_from([encode_png(tiny.street(seed, (9, 13))[0]) for seed in range(3)])
)
for media_type in ("image/*", "video/*"):
    schemathesis.openapi.media_type(media_type, IMAGES)


@pytest.fixture(scope="session")
def description(server: Serving) -> Any:
    config = schemathesis.Config.from_dict(CONFIG)
    return schemathesis.openapi.from_url(f"{server.url}/openapi.json", config=config)


schema = schemathesis.pytest.from_fixture("description")


@schema.parametrize()
@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_described(case: schemathesis.Case) -> None:
    case.call_and_validate()
