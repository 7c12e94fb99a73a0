"""Processes that work together: exact sums, broadcasts, and the end of one of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from processes import fork_ranks
from streetseg.errors import RequestError
from streetseg.runtime.distributed import ALONE, Ranks, connection_error

WORLD = 2
CPU = torch.device("cpu")


def rank_s_work(folder: Path) -> None:
    """Do the work of one process. Its results go to folder/<rank>.json."""
    results: dict[str, Any] = {}
    start = Ranks.from_environment()
    with start.joined(CPU) as ranks:
        big = np.array([[2**53 + 1, ranks.rank], [-1, 2**40]])
        results["sum"] = ranks.sum(big).tolist()
        results["untouched"] = big.tolist()
        rows = np.zeros((3, 2))
        rows[ranks.rank :: ranks.world] = [[0.1, 1e-300]] * len(rows[ranks.rank :: ranks.world])
        results["rows"] = ranks.sum(rows).tolist()
        results["largest"] = ranks.all_reduce_max(10 - ranks.rank)
        results["gather"] = ranks.gather({"rank": ranks.rank, "text": "ä" * (1 + 5 * ranks.rank), "nothing": None})
        results["main"] = ranks.broadcast([ranks.rank, "from rank 0" if ranks.is_main else "overheard"])

        torch.manual_seed(ranks.rank)
        network = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.BatchNorm2d(2))
        network.to(memory_format=torch.channels_last)
        network.train()(torch.randn(2, 3, 4, 4))
        ranks.broadcast_network(network)
        results["network"] = [tensor.flatten().tolist() for tensor in network.state_dict().values()]

        weight = torch.tensor(3.0, requires_grad=True)
        share = weight * (ranks.rank + 1)  # the loss of all is (3 w)^2, its gradient 18 w
        ranks.all_reduce_sum(share).square().backward()
        results["gradient"] = (
            float(weight.grad or 0) / ranks.world
        )  # what DistributedDataParallel makes of it, averaged

        seen = folder / "cache"
        with ranks.one_first():
            results["found in the cache"] = seen.exists()
            seen.touch()
        try:
            ranks.require_equal({"recipe": "the same", "size": (2, 3), "data": f"of rank {ranks.rank}"})
        except RequestError as error:
            results["refused"] = [error.problem, *error.where]
    (folder / f"found-{ranks.rank}.json").write_text(json.dumps(results))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ranks")
    ended = fork_ranks(lambda: rank_s_work(folder), world=WORLD, folder=folder)
    assert ended == [0, 0], (folder / "0.err").read_text() + (folder / "1.err").read_text()
    return [json.loads((folder / f"found-{rank}.json").read_text()) for rank in range(WORLD)]


def test_sums_are_exact(results: list[dict[str, Any]]) -> None:
    for rank in range(WORLD):
        assert results[rank]["sum"] == [[2**54 + 2, 1], [-2, 2**41]]
        assert results[rank]["untouched"] == [[2**53 + 1, rank], [-1, 2**40]]
        assert results[rank]["rows"] == [[0.1, 1e-300]] * 3  # rows that are zero elsewhere come through bit for bit


def test_what_one_knows_all_know(results: list[dict[str, Any]]) -> None:
    for rank in range(WORLD):
        assert results[rank]["largest"] == 10
        assert results[rank]["gather"] == [
            {"rank": 0, "text": "ä", "nothing": None},
            {"rank": 1, "text": "ääääää", "nothing": None},
        ]
        assert results[rank]["main"] == [0, "from rank 0"]
    assert results[0]["network"] == results[1]["network"]


def test_the_mean_gradient_of_a_loss_of_totals_is_the_gradient_of_that_loss(results: list[dict[str, Any]]) -> None:
    assert sum(results[rank]["gradient"] for rank in range(WORLD)) == 18 * 3.0


def test_the_first_of_a_machine_fills_the_cache(results: list[dict[str, Any]]) -> None:
    assert [results[rank]["found in the cache"] for rank in range(WORLD)] == [False, True]


def test_different_data_are_refused_by_all(results: list[dict[str, Any]]) -> None:
    for rank in range(WORLD):
        problem, *where = results[rank]["refused"]
        assert problem == "the processes do not agree on what is to be done"
        assert where == ["data: process 0 has of rank 0", "data: process 1 has of rank 1"]


# Alone


def test_one_process_needs_no_group() -> None:
    array = np.array([1, 2])
    with ALONE.joined(CPU) as ranks:
        assert ranks is ALONE
        assert ranks.sum(array) is array
        assert ranks.gather("x") == ["x"]
        assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"WORLD_SIZE": "2"}, "it lacks RANK, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT"),
        ({"WORLD_SIZE": "two"}, "it lacks RANK"),
    ],
)
def test_half_an_environment_is_refused(
    environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RequestError, match=message):
        Ranks.from_environment()


def test_what_a_library_says_is_made_short() -> None:
    message = "[/build/gloo/pair.cc:561] Connection closed by peer [10.0.0.1]:22. This is typically caused by a crash."
    assert connection_error(RuntimeError(message)) == "Connection closed by peer [10.0.0.1]:22"
    assert (
        connection_error(RuntimeError("NCCL error: unhandled system error\nmore"))
        == "NCCL error: unhandled system error"
    )
    assert connection_error(RuntimeError("")) == "no reason given"
