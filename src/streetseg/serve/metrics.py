"""Prometheus metrics of all workers together.

Each worker writes its numbers into files of one folder, which PROMETHEUS_MULTIPROC_DIR names before this module is
imported. Whichever worker answers `GET /metrics` adds them up, those of workers that have ended included.
"""

from collections.abc import Callable
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

T = TypeVar("T")

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

REQUESTS = Counter("streetseg_requests", "Requests that were answered", ["route", "status"])
REQUEST_SECONDS = Histogram("streetseg_request_seconds", "Time from header to answer", ["route"], buckets=_SECONDS)
COMPUTE_SECONDS = Histogram(
    "streetseg_compute_seconds", "Time to decode, label and encode an image", ["model"], buckets=_SECONDS
)
PLACES_TAKEN = Gauge(
    "streetseg_places_taken", "Requests that wait for their turn or are computed", multiprocess_mode="livesum"
)


def latest() -> bytes:
    """Return the metrics of all workers in the text format of Prometheus."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def timed(model: str, work: Callable[[], T]) -> Callable[[], T]:
    """Return a function that does the work of a model and counts its time."""

    def run() -> T:
        with COMPUTE_SECONDS.labels(model).time():
            return work()

    return run
