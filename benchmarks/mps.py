"""NVIDIA's MPS (Multi-Process Service): processes use one GPU at the same time; without it they take turns."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which

CONTROL = "nvidia-cuda-mps-control"
PIPES, LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
TRIAL = "import torch; torch.ones(8, device='cuda').sum().item()"
SECONDS = 60  # a process that cannot use the GPU through MPS may wait forever


@contextmanager
def shared_gpu(device: str) -> Iterator[str]:
    """Start MPS for the processes that are started inside; yield in words whether they share the GPU by it.

    Without its program, or where a process cannot use the GPU through it, they go on without MPS. No setting of the GPU
    is changed.
    """
    if not device.startswith("cuda"):
        yield "the processes share the processor"
        return
    if which(CONTROL) is None:
        yield f"WITHOUT MPS, as there is no {CONTROL}: the processes take turns on the GPU"
        return
    # A short path, as it is that of a socket; one folder a user, so that what a killed call has started is used again.
    folder = Path(tempfile.gettempdir()) / f"streetseg-mps-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ |= {PIPES: str(folder), LOGS: str(folder)}
    try:
        subprocess.run([CONTROL, "-d"], capture_output=True, timeout=SECONDS)  # fails where it runs already
        subprocess.run([sys.executable, "-c", TRIAL], capture_output=True, timeout=SECONDS, check=True)
        # Where MPS did not start, the trial has used the GPU without it and said nothing.
        _tell("get_server_list").check_returncode()
        problem = None
    except (OSError, subprocess.SubprocessError) as error:
        problem = str(error)
        _stop()
    try:
        if problem is None:
            yield "the processes share the GPU by MPS"
        else:
            yield f"WITHOUT MPS, which does not work here ({problem}): the processes take turns on the GPU"
    finally:
        if problem is None:
            _stop()


def _stop() -> None:
    """End MPS, also for processes that still use it, and let those that are started from now on do without it."""
    with suppress(OSError, subprocess.SubprocessError):  # it may never have started
        _tell("quit -t 1")
    for name in (PIPES, LOGS):
        os.environ.pop(name, None)


def _tell(command: str) -> "subprocess.CompletedProcess[str]":
    """Send a command to the program that controls MPS. Its exit code is above 0 where MPS does not run."""
    return subprocess.run([CONTROL], input=f"{command}\n", text=True, capture_output=True, timeout=SECONDS)
