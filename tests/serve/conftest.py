"""One exported model, and one server with two workers, for the tests that do not stop it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from serving import Serving, exported_onnx, serving


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported_onnx(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("server"), model, "--workers", 2, "--max-megabytes", 2) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: Serving) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened
