"""The command `streetseg doctor`."""

import os
import platform
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from streetseg.cli.environment import variables_set
from streetseg.cli.options import JsonFlag
from streetseg.cli.output import aligned, print_json, say
from streetseg.machine import cores, installed_version, total_memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streetseg.cli import outputs

PACKAGES = (
    *("streetseg", "numpy", "pillow", "pydantic", "torch", "torchvision", "timm", "onnxruntime", "openvino"),
    "ai-edge-litert",
)


def doctor(json: JsonFlag = False) -> None:
    """Show machine, versions, accelerators, disk and write access."""
    report: outputs.Doctor = {
        "machine": machine(),
        "versions": versions(),
        "accelerators": accelerators(),
        "disk": disk(Path.cwd()),
        "environment": variables_set(),
    }
    if json:
        print_json(report)
        return
    parts = cast("Mapping[str, Mapping[str, object]]", report)
    for part, facts in parts.items():
        say(part, *(f"    {line}" for line in aligned([(name, str(fact)) for name, fact in facts.items()])))


def machine() -> "outputs.Machine":
    """Return system, Python, the cores that this process may use, and memory (GiB)."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_version()} ({sys.executable})",
        "cores": cores(),
        "memory_gib": round(total_memory() / 2**30, 1),
    }


def versions() -> dict[str, str]:
    """Return the installed version of each package that affects a result; "not installed" where it is missing."""
    return {package: installed_version(package) or "not installed" for package in PACKAGES}


def accelerators() -> dict[str, str]:
    """Return device -> its name and memory; without an accelerator, "none" -> the reason."""
    try:
        import torch
    except ModuleNotFoundError:
        return {"none": "torch is not installed; pip install 'streetseg[train]'"}
    devices = {}
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        devices[f"cuda:{index}"] = f"{properties.name}, {properties.total_memory / 2**30:.1f} GiB"
    if torch.backends.mps.is_available():
        devices["mps"] = "Apple GPU, shares the main memory"
    return devices or {"none": "torch finds no GPU; training runs on the CPU"}


def disk(folder: Path) -> "outputs.Disk":
    """Return the free space (GiB) of `folder`, and whether this process can write to it."""
    return {
        "folder": str(folder),
        "free_gib": round(shutil.disk_usage(folder).free / 2**30, 1),
        "writable": os.access(folder, os.W_OK),
    }
