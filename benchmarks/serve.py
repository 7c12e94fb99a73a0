"""Load test of `streetseg serve` on the loopback: N clients ask for S seconds, each with a connection of its own.

    python benchmarks/serve.py MODEL.onnx [--clients 20] [--seconds 60] [--workers 2] [--size 384x480]

Every client sends one JPEG scene after the other and waits for the labels. An answer with 503 is repeated after its
`Retry-After`, as clients should, and is counted. Any other status is a failure. The memory is the largest sum of the
resident sets of all workers, sampled twice a second. The result is a table for docs/results/serve.md.
"""

import argparse
import io
import json
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import psutil
from PIL import Image

from streetseg.arguments import as_size
from streetseg.data.sources.scenes import ScenesSource


def main() -> int:
    """Run the load test and print its table; the exit code is 1 if a request failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--size", default="384x480")
    options = parser.parse_args()
    images = scenes(as_size(options.size))
    command = [sys.executable, "-m", "streetseg", "serve", str(options.model), "--workers", str(options.workers)]
    with subprocess.Popen(
        [*command, "--port", "0", "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            url = ready(server)
            load = Load(url, images, time.monotonic() + options.seconds)
            memory = load.run(options.clients, psutil.Process(server.pid))
        finally:
            server.terminate()
    report(load, memory, options)
    return int(bool(load.failed))


class Load:
    """What the clients do, and what they count.

    Args:
        url: of the server.
        images: JPEG files.
        end: when the clients stop.
    """

    def __init__(self, url: str, images: list[bytes], end: float) -> None:
        self.url = url
        self.images = images
        self.end = end
        self.statuses: Counter[object] = Counter()
        self.milliseconds: list[float] = []
        self._lock = threading.Lock()

    @property
    def failed(self) -> int:
        """The number of answers that are neither labels nor 503."""
        return self.statuses.total() - self.statuses[200] - self.statuses[503]

    def run(self, clients: int, server: psutil.Process) -> tuple[int, int]:
        """Let the clients ask. Return the bytes of memory of all workers at the start, and the largest."""
        first = largest = resident(server)
        threads = [threading.Thread(target=self._client, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            largest = max(largest, resident(server))
            time.sleep(0.5)
        return first, largest

    def _client(self, number: int) -> None:
        with httpx.Client(base_url=self.url, timeout=120, trust_env=False) as client:
            while time.monotonic() < self.end:
                start = time.perf_counter()
                number += 1
                try:
                    answer = client.post("/segment", content=self.images[number % len(self.images)])
                    status: object = answer.status_code
                except httpx.HTTPError as error:
                    status = type(error).__name__
                with self._lock:
                    self.statuses[status] += 1
                    if status == 200:
                        self.milliseconds.append(1000 * (time.perf_counter() - start))
                if status == 503:
                    time.sleep(float(answer.headers["retry-after"]))


def scenes(size: tuple[int, int]) -> list[bytes]:
    """Return eight scenes as JPEG files."""
    source = ScenesSource(train=1, val=8, size=size)
    files = []
    for sample in source.splits["val"]:
        file = io.BytesIO()
        Image.fromarray(source.read_image(sample)).save(file, format="JPEG", quality=90)
        files.append(file.getvalue())
    return files


def ready(server: "subprocess.Popen[str]") -> str:
    """Return the address of the server when it is ready."""
    assert server.stdout is not None
    lines = []
    for line in server.stdout:
        lines.append(line)
        if line.startswith("}"):
            return str(json.loads("".join(lines))["url"])
    raise SystemExit("the server did not start")


def resident(server: psutil.Process) -> int:
    """Return the bytes of main memory of the server's processes."""
    processes = [server, *server.children(recursive=True)]
    return sum(process.memory_info().rss for process in processes if process.is_running())


def report(load: Load, memory: tuple[int, int], options: argparse.Namespace) -> None:
    """Print the table."""
    times = statistics.quantiles(load.milliseconds, n=100, method="inclusive")
    others = {str(status): count for status, count in load.statuses.items() if status not in (200, 503)}
    print("| clients | workers | seconds | labeled | images/s | p50, ms | p95, ms | 503 | failures | memory, MiB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    rate = load.statuses[200] / options.seconds
    print(
        f"| {options.clients} | {options.workers} | {options.seconds:g} | {load.statuses[200]} | {rate:.1f} "
        f"| {times[49]:.0f} | {times[94]:.0f} | {load.statuses[503]} | {others or 0} "
        f"| {memory[0] / 2**20:.0f} at first, {memory[1] / 2**20:.0f} at most |"
    )


if __name__ == "__main__":
    sys.exit(main())
