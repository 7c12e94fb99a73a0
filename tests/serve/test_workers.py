"""The processes of `streetseg serve`: workers that are killed, a stop, a parent that is killed."""

import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import tiny
from processes import wait_until
from serving import Serving, answer, half_sent, serving, wait_for_places, workers_of
from streetseg.png import encode_png

STREET = encode_png(tiny.street(1, (48, 64))[0])


def peers(worker: psutil.Process) -> set[int]:
    """Return the ports of the clients whose connections a worker has accepted."""
    return {link.raddr.port for link in worker.net_connections() if link.status == psutil.CONN_ESTABLISHED}


def spread(server: Serving) -> dict[int, list[socket.socket]]:
    """Open requests whose bodies lack a byte until each worker has one. Return them by the worker's process id."""
    connections: list[socket.socket] = []
    workers = server.workers()
    while True:
        connections.append(half_sent(server, STREET))
        wait_until(lambda: len(connections) == sum(len(peers(worker)) for worker in workers))
        of = {worker.pid: peers(worker) for worker in workers}
        if all(of.values()):
            return {pid: [c for c in connections if c.getsockname()[1] in ports] for pid, ports in of.items()}


@pytest.mark.bad_input(37, "a worker that is killed loses its own requests, none of another; a new one takes its place")
def test_a_killed_worker_loses_no_request_of_another(tmp_path: Path, model: Path) -> None:
    with serving(tmp_path, model, "--workers", 2, "--timeout", 120) as running:
        killed, other = spread(running).items()
        os.kill(killed[0], signal.SIGKILL)
        wait_until(lambda: killed[0] not in [worker.pid for worker in running.workers()])
        for connection in other[1]:
            connection.sendall(STREET[-1:])
            assert answer(connection).startswith(b"HTTP/1.1 200 ")
        with running.client() as client:  # a request that arrives while one worker is missing
            assert client.post("/segment", content=STREET).status_code == 200
        wait_until(lambda: len(running.workers()) == 2)
        (line,) = [line for line in running.log() if line["level"] == "error"]
        assert line["message"] == f"worker {killed[0]} has died (exit code -9); another one starts"
        renewed = next(worker for worker in running.workers() if worker.pid != other[0])
        os.kill(other[0], signal.SIGKILL)
        with running.client() as client:  # waits until the new worker, or the one that replaces the other, is ready
            assert client.post("/segment", content=STREET).status_code == 200
            metrics = client.get("/metrics").text
        assert renewed.is_running()
        for connection in [*killed[1], *other[1]]:
            connection.close()
    answered = len(other[1]) + 2
    assert f'streetseg_requests_total{{route="/segment",status="200"}} {float(answered)}' in metrics
    assert running.process.returncode == 0


@pytest.mark.bad_input(28, "SIGTERM or Ctrl-C to a server: requests in flight are answered, then it ends with code 0")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_requests_in_flight(tmp_path: Path, model: Path, number: signal.Signals) -> None:
    with serving(tmp_path, model, "--workers", 2, "--timeout", 120) as running:
        connections = [connection for some in spread(running).values() for connection in some]
        workers = running.workers()
        running.process.send_signal(number)
        wait_until(lambda: refused(running.address))
        assert all(worker.is_running() for worker in workers)
        for connection in connections:
            connection.sendall(STREET[-1:])
            assert answer(connection).startswith(b"HTTP/1.1 200 ")
            connection.close()
        assert running.process.wait() == 0
        assert not any(worker.is_running() for worker in workers)
    assert [line for line in running.log() if line["level"] != "info"] == []


def test_a_stop_does_not_wait_longer_than_the_timeout(tmp_path: Path, model: Path) -> None:
    with serving(tmp_path, model, "--timeout", 1) as running:
        connection = half_sent(running, STREET)
        wait_for_places(running, 1)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait() == 0
        connection.close()


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path, model: Path) -> None:
    with serving(tmp_path, model, "--workers", 2) as running:
        workers = running.workers()
        running.process.kill()
        wait_until(
            lambda: not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)
        )


def test_a_worker_that_dies_while_it_starts_is_an_error(
    tmp_path: Path, model: Path, streetseg: Callable[..., object]
) -> None:
    def kill() -> None:
        wait_until(lambda: bool(workers_of(psutil.Process())))
        workers_of(psutil.Process())[0].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    done = streetseg("serve", model, "--port", 0)
    killer.join()
    assert (done.code, done.err.splitlines()[0]) == (1, "error: a worker died while it loaded the models")  # type: ignore[attr-defined]


def refused(address: tuple[str, int]) -> bool:
    """Return whether nothing listens at the address."""
    try:
        socket.create_connection(address).close()
    except ConnectionRefusedError:
        return True
    return False
