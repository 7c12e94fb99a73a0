"""schemathesis makes requests of the server's own OpenAPI description, valid and not, and checks the answers by it."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

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


OPERATIONS = ("GET /healthz", "GET /readyz", "GET /model", "GET /metrics", "POST /segment", "POST /segment/video")


@pytest.fixture(scope="module")
def description(server: Serving) -> Any:
    config = schemathesis.Config.from_dict(CONFIG)
    return schemathesis.openapi.from_url(f"{server.url}/openapi.json", config=config)


def test_every_operation_is_described(description: Any) -> None:
    assert {found.ok().label for found in description.get_all_operations()} == set(OPERATIONS)


@pytest.mark.parametrize(
    ("label", "mode"),
    [(label, GenerationMode.POSITIVE) for label in OPERATIONS]
    + [(label, GenerationMode.NEGATIVE) for label in OPERATIONS if label.startswith("POST")],  # others have no input
    ids=lambda value: getattr(value, "value", value),
)
def test_answers_are_as_described(description: Any, label: str, mode: GenerationMode) -> None:
    method, path = label.split()
    operation = description[path][method]
    statuses = set()

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=30, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case) -> None:
        statuses.add(case.call_and_validate().status_code)

    check()
    if label == "POST /segment":
        assert statuses >= ({200, 415} if mode is GenerationMode.POSITIVE else {422})
