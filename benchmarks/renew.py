"""Run every CPU benchmark and write the measured part of docs/results/speed.md.

    python benchmarks/renew.py [--only NAME ...] [--out docs/results/speed.md]

The text above the mark in that page is kept. Below it, each benchmark has a section with machine, versions, command and
output. With --only, the other sections are kept. Nothing else should run on the machine at the same time.
"""

import argparse
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
MARK = "<!-- Measured: what follows is written by `make benchmark`. -->\n"
NOT_RUN = "<!-- not run: measures for minutes on a quiet machine -->"  # which the tests of the pages read
COMMANDS = {
    "training_step": "benchmarks/training_step.py --batch 2 --rounds 3",
    "epoch": "benchmarks/epoch.py",
    "latency": "benchmarks/latency.py --encoder mobilenetv2_100 --rounds 10",
    "scoring": "benchmarks/scoring.py",
    "memory": "benchmarks/memory.py",
    "store": "benchmarks/store.py",
    "feed": "benchmarks/feed.py --images 24 --rounds 2",
}
PACKAGES = ("torch", "timm", "segmentation-models-pytorch", "onnxruntime", "openvino", "torchmetrics", "numpy")
SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Run the benchmarks and write the page after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "speed.md")
    args = parser.parse_args()
    above, _, below = args.out.read_text(encoding="utf-8").partition(MARK)
    sections = dict(SECTION.findall(below))
    for name in args.only:
        print(f"{name} …", file=sys.stderr)
        sections[name] = section(COMMANDS[name])
        written = "".join(f"## {name}\n{sections[name]}" for name in COMMANDS if name in sections)
        args.out.write_text(above + MARK + "\n" + written, encoding="utf-8")


def section(command: str) -> str:
    """Run a benchmark; return its section: machine, command and output."""
    done = subprocess.run([sys.executable, *command.split()], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command} ended with {done.returncode}:\n{done.stderr}")
    return f"\n{machine()}\n\n{NOT_RUN}\n```console\n$ python {command}\n{done.stdout.rstrip()}\n```\n\n"


def machine() -> str:
    """Return processor, threads, instruction set and versions as one sentence."""
    capability = torch.backends.cpu.get_cpu_capability()
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    threads = torch.get_num_threads()
    return f"{processor()}, {threads} threads, {capability}; Python {platform.python_version()}, {packages}."


def processor() -> str:
    """Return the name of the processor, or its architecture where the system has no /proc/cpuinfo."""
    cpuinfo = Path("/proc/cpuinfo")
    name = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE) if cpuinfo.exists() else None
    return name[1] if name else platform.machine()


if __name__ == "__main__":
    main()
