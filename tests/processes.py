"""Commands in processes of their own, as torchrun or SLURM would start them."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def start_ranks(words: Sequence[object], world: int, *, folder: Path) -> list[subprocess.Popen[str]]:
    """`python WORDS` in so many processes, with what torchrun sets; each one's output goes to folder/<rank>.txt."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    import_path = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    started = []
    for rank in range(world):
        own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
        own |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "PYTHONPATH": import_path}
        with (folder / f"{rank}.txt").open("w") as output:
            started.append(
                subprocess.Popen(
                    [sys.executable, *map(str, words)],
                    env=os.environ | {name: str(value) for name, value in own.items()},
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
    return started
