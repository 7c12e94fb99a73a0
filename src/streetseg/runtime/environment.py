"""The environment of a run: versions, machine and git state, for environment.json."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from streetseg.machine import cpu_fact, installed_version, total_memory
from streetseg.runtime.worker import typed_command

PACKAGES = ("streetseg", "torch", "torchvision", "timm", "numpy", "pillow", "safetensors")


def describe_environment() -> dict[str, Any]:
    """Return the content of environment.json: versions, machine, git state and command."""
    return {
        "versions": {"python": platform.python_version()} | {name: installed_version(name) for name in PACKAGES},
        "machine": {
            "system": platform.platform(),
            "cpu": cpu_name(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "memory_gb": round(total_memory() / 2**30, 1),
            "gpu": gpu_name(),
        },
        "git": git_state(),
        "command": typed_command(),
    }


def cpu_name() -> str:
    """Return the model name of the processor; on systems other than Linux what Python knows of it."""
    return cpu_fact("model name") or platform.processor() or platform.machine()


def gpu_name() -> str | None:
    """Return the name of the GPU that torch can use; None where there is none."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return "Apple GPU (MPS)" if torch.backends.mps.is_available() else None


def git_state() -> dict[str, Any] | None:
    """Return the commit of the program's checkout and whether its files were changed; None for an installed package."""
    folder = Path(__file__).parent

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(("git", "-C", folder, *arguments), capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain", "--untracked-files=no"))}
