"""Kill a training run at random moments, take it up again, and compare what comes out with an uninterrupted run.

    python tools/kill_sweep.py --kills 30 [--epochs 3] [--seed 0] [--jobs N]

Every run is `python -m streetseg train …` in a process of its own on tiny images, killed with SIGKILL at a random
moment: one in six while it imports and reads, the others uniformly over the time from the first trace in its run folder
to its end, while it trains, validates, writes a checkpoint, the best network or the final evaluation. One resumed run
in three is killed a second time. A run that has ended before its moment came is done again. Ends with exit code 1
unless every run comes out equal.
"""

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))  # the makers of tiny data sets

import torch  # noqa: E402

from streetseg.atomic import sha256  # noqa: E402
from streetseg.runtime.checkpoint import load_newest_checkpoint  # noqa: E402
from tiny import camvid_segnet  # noqa: E402

FILES = ("best/weights.safetensors", "results.csv", "evaluation/scores.json", "evaluation/counts.npz")
EARLY = 1 / 6  # share of the kills that come before a run has left a trace
AGAIN = 1 / 3  # share of the resumed runs that are killed, too
SETTINGS = (
    *("--encoder", "test_efficientnet", "--weights", "none", "--quiet"),
    *("data.size=none", "augment.crop=none", "model.channels=[16, 12, 8, 8]"),
    *("train.batch=2", "train.precision=fp32", "train.device=cpu", "train.save_steps=2"),
)


@dataclass(frozen=True)
class Moment:
    """So many seconds after a run's start, or after the first trace of it."""

    seconds: float
    after_start: bool


@dataclass(frozen=True)
class Pace:
    """How long an uninterrupted run takes to its first trace, and from there to its end, in seconds."""

    begin: float
    rest: float

    def moment(self, draw: random.Random) -> Moment:
        """A random moment of a run."""
        early = draw.random() < EARLY
        return Moment(draw.uniform(0, self.begin if early else self.rest), after_start=early)


@dataclass(frozen=True)
class Place:
    """Where one run works: its folder, its own cache, so that the store is built anew, and what it is told to do."""

    folder: Path
    command: tuple[str, ...]

    @property
    def run(self) -> Path:
        return self.folder / "run"

    def start(self, *more: str) -> "subprocess.Popen[bytes]":
        self.folder.mkdir(exist_ok=True)
        own = {"STREETSEG_CACHE": str(self.folder / "cache"), "OMP_NUM_THREADS": "1"}
        log = (self.folder / "log.txt").open("ab")
        return subprocess.Popen(
            [*self.command, "--out", str(self.run), *more], env=os.environ | own, stdout=log, stderr=log
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30, help="runs that are killed")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="decides the moments")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kill-sweep-") as folder:
        equal = sweep(Path(folder), args.kills, args.epochs, args.seed, args.jobs)
    print(f"{equal} of {args.kills} equal")
    sys.exit(equal != args.kills)


def sweep(folder: Path, kills: int, epochs: int, seed: int, jobs: int) -> int:
    """How many of the killed runs come out as the uninterrupted one; a line for each on the way."""
    data = camvid_segnet(folder / "camvid", n_train=6, n_val=3, size=(32, 64))
    command = (sys.executable, "-m", "streetseg", "train", f"camvid:{data}", *SETTINGS, "--epochs", str(epochs))
    whole = Place(folder / "whole", command)
    pace = finish(whole)
    expected = outcome(whole.run)
    print(
        f"uninterrupted: {pace.begin:.1f} s to its first trace, {pace.rest:.1f} s from there; "
        f"weights {expected['best/weights.safetensors'][:12]}"
    )

    def one(k: int) -> bool:
        draw = random.Random(seed * 1_000_003 + k)
        where, killed = Place(folder / f"run{k}", command), ""
        while not killed:
            shutil.rmtree(where.folder, ignore_errors=True)
            killed = kill(where, pace.moment(draw))
        if draw.random() < AGAIN:
            again = kill(where, pace.moment(draw), "--resume")
            killed += f" and {again}" if again else ""
        finish(where, "--resume")
        found = outcome(where.run)
        unequal = [name for name, value in expected.items() if found.get(name) != value]
        print(f"{k + 1:3d}  killed {killed}: {'differs: ' + ', '.join(unequal) if unequal else 'equal'}")
        return not unequal

    with ThreadPoolExecutor(jobs) as pool:
        return sum(pool.map(one, range(kills)))


def kill(place: Place, moment: Moment, *more: str) -> str:
    """Kill a run at a moment: when and how far it had come, or nothing if it had ended before."""
    process = place.start(*more)
    start = time.monotonic() if moment.after_start else wait_for_trace(place, process)
    try:
        process.wait(max(0.0, start + moment.seconds - time.monotonic()))
        return ""
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return f"{moment.seconds:5.2f} s after its {'start' if moment.after_start else 'trace'} ({how_far(place.run)})"


def wait_for_trace(place: Place, process: "subprocess.Popen[bytes]") -> float:
    """When the run begins to write into its folder, or ends."""
    before = size_of(place.run / "journal.jsonl")
    while process.poll() is None and size_of(place.run / "journal.jsonl") == before:
        time.sleep(0.01)
    return time.monotonic()


def size_of(file: Path) -> int:
    """Bytes, 0 where there is no file."""
    return file.stat().st_size if file.exists() else 0


def how_far(run: Path) -> str:
    """What a run has left so far."""
    lines = (run / "journal.jsonl").read_text().splitlines() if (run / "journal.jsonl").exists() else []
    done = [name for name in ("end", "evaluation", "epoch", "step") if any(event(name) in line for line in lines)]
    if not done:
        return "begun" if run.exists() else "not begun"
    name = done[0]
    return f"{name} {sum(event(name) in line for line in lines)}"


def event(name: str) -> str:
    """How a line of the journal begins."""
    return f'{{"event": "{name}"'


def finish(place: Place, *more: str) -> Pace:
    """Let a run end; raises if it fails."""
    start = time.monotonic()
    process = place.start(*more)
    trace = wait_for_trace(place, process)
    if code := process.wait():
        raise SystemExit(f"exit code {code}:\n{(place.folder / 'log.txt').read_text()}")
    return Pace(begin=trace - start, rest=time.monotonic() - trace)


def outcome(run: Path) -> dict[str, str]:
    """SHA-256 of everything that must be equal."""
    found = load_newest_checkpoint(run / "checkpoints")
    assert found is not None
    path, state = found
    return {name: sha256(run / name) for name in FILES} | {"checkpoint": path.name, "state": digest(state)}


def digest(state: object) -> str:
    """Of a nest of dicts, lists, tensors and plain values; what torch writes may differ where the values do not."""
    if isinstance(state, torch.Tensor):
        return hashlib.sha256(state.contiguous().numpy().tobytes()).hexdigest()
    if isinstance(state, dict):
        return digest([[key, digest(value)] for key, value in state.items()])
    if isinstance(state, list):
        return hashlib.sha256("".join(digest(item) for item in state).encode()).hexdigest()
    return hashlib.sha256(repr(state).encode()).hexdigest()


if __name__ == "__main__":
    main()
