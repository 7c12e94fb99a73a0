"""Kill training runs at random moments, resume them, and compare their results with an uninterrupted run.

    python tools/kill_sweep.py --kills 30 [--epochs 3] [--seed 0]

Every run is `streetseg train …` in its own process on tiny images: a fork, which has no need to import torch. It is
killed with SIGKILL at a random moment: one run in six while it begins, the others uniformly between the first line of
the journal and the end, while the run trains, validates, or writes a checkpoint, the best network or the final
evaluation. One resumed run in three is killed a second time. A run that ends before its moment is repeated. The exit
code is 1 unless all results are equal.
"""

import argparse
import hashlib
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))  # the makers of tiny data sets
os.environ["OMP_NUM_THREADS"] = "1"

import torch  # noqa: E402

import streetseg.report.report  # noqa: E402  # before the forks, which would import them one by one
import streetseg.training.train  # noqa: E402, F401
from streetseg.atomic import sha256  # noqa: E402
from streetseg.cli.main import main as streetseg_command  # noqa: E402
from streetseg.runtime.checkpoint import load_newest_checkpoint  # noqa: E402
from tiny import camvid_segnet  # noqa: E402

FILES = (
    "best/weights.safetensors",
    "results.csv",
    "evaluation/scores.json",
    "evaluation/counts.npz",
    "evaluation/predictions.zip",
)
EARLY = 1 / 6  # share of the kills before the first line of the journal
AGAIN = 1 / 3  # share of the resumed runs that are killed, too
FORK = multiprocessing.get_context("fork")
SETTINGS = (
    *("--encoder", "test_efficientnet", "--weights", "none", "--quiet"),
    *("data.size=none", "augment.crop=none", "model.channels=[16, 12, 8, 8]"),
    *("train.batch=2", "train.precision=fp32", "train.device=cpu", "train.save_steps=2"),
)


@dataclass(frozen=True)
class Moment:
    """The moment of a kill, in seconds after the start of a run or after the first line of its journal."""

    seconds: float
    after_start: bool


@dataclass(frozen=True)
class Pace:
    """Seconds of an uninterrupted run: to the first line of its journal (`begin`), and from there to its end."""

    begin: float
    rest: float

    def moment(self, rng: random.Random) -> Moment:
        """Return a random moment of a run."""
        early = rng.random() < EARLY
        return Moment(rng.uniform(0, self.begin if early else self.rest), after_start=early)


@dataclass(frozen=True)
class Place:
    """The folder of one run, with its own cache, so that the run builds its store, and the command that starts it."""

    folder: Path
    command: tuple[str, ...]

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.folder / "run"

    def start(self, *more: str) -> BaseProcess:
        """Start the command with `more` flags; output goes to log.txt."""
        self.folder.mkdir(exist_ok=True)
        process = FORK.Process(target=self.work, args=more)
        process.start()
        return process

    def work(self, *more: str) -> None:
        """Run the command in this process."""
        log = os.open(self.folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for output in (1, 2):
            os.dup2(log, output)
        os.environ["STREETSEG_CACHE"] = str(self.folder / "cache")
        sys.argv = ["streetseg", *self.command, "--out", str(self.run), *more]
        streetseg_command()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30, help="runs that are killed")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="decides the moments")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kill-sweep-") as folder:
        equal = sweep(Path(folder), args.kills, args.epochs, args.seed)
    print(f"{equal} of {args.kills} equal")
    sys.exit(equal != args.kills)


def sweep(folder: Path, kills: int, epochs: int, seed: int) -> int:
    """Return how many killed runs have the results of an uninterrupted run; print a line for each."""
    data = camvid_segnet(folder / "camvid", n_train=6, n_val=3, size=(32, 64))
    command = ("train", f"camvid:{data}", *SETTINGS, "--epochs", str(epochs))
    whole = Place(folder / "whole", command)
    pace = finish(whole)
    expected = outcome(whole.run)
    print(
        f"uninterrupted: {pace.begin:.1f} s to the first line of its journal, {pace.rest:.1f} s from there; "
        f"weights {expected['best/weights.safetensors'][:12]}"
    )

    def one(k: int) -> bool:
        rng = random.Random(seed * 1_000_003 + k)
        place, killed = Place(folder / f"run{k}", command), ""
        while not killed:
            shutil.rmtree(place.folder, ignore_errors=True)
            killed = kill(place, pace.moment(rng))
        if rng.random() < AGAIN:
            again = kill(place, pace.moment(rng), "--resume")
            killed += f" and {again}" if again else ""
        finish(place, "--resume")
        resumed = outcome(place.run)
        unequal = [name for name, value in expected.items() if resumed.get(name) != value]
        print(f"{k + 1:3d}  killed {killed}: {'differs: ' + ', '.join(unequal) if unequal else 'equal'}")
        return not unequal

    return sum(map(one, range(kills)))


def kill(place: Place, moment: Moment, *more: str) -> str:
    """Kill a run at a moment. Return the moment and the progress of the run as text, "" if it ended before."""
    process = place.start(*more)
    start = time.monotonic() if moment.after_start else wait_for_journal(place, process)
    process.join(max(0.0, start + moment.seconds - time.monotonic()))
    if process.exitcode is not None:
        return ""
    process.kill()
    process.join()
    since = "start" if moment.after_start else "first line"
    return f"{moment.seconds:5.2f} s after its {since} ({progress(place.run)})"


def wait_for_journal(place: Place, process: BaseProcess) -> float:
    """Wait until the run writes to its journal or ends; return the time."""
    before = size_of(place.run / "journal.jsonl")
    while process.is_alive() and size_of(place.run / "journal.jsonl") == before:
        time.sleep(0.01)
    return time.monotonic()


def size_of(file: Path) -> int:
    """Return the bytes of a file, 0 if it does not exist."""
    return file.stat().st_size if file.exists() else 0


def progress(run: Path) -> str:
    """Return the last kind of event in the journal of a run, and how many events of it there are."""
    lines = (run / "journal.jsonl").read_text().splitlines() if (run / "journal.jsonl").exists() else []
    done = [name for name in ("end", "evaluation", "epoch", "step") if any(event(name) in line for line in lines)]
    if not done:
        return "begun" if run.exists() else "not begun"
    name = done[0]
    return f"{name} {sum(event(name) in line for line in lines)}"


def event(name: str) -> str:
    """Return the start of a journal line with this event."""
    return f'{{"event": "{name}"'


def finish(place: Place, *more: str) -> Pace:
    """Let a run end and return its times. Raise SystemExit if it fails."""
    start = time.monotonic()
    process = place.start(*more)
    first_line = wait_for_journal(place, process)
    process.join()
    if process.exitcode:
        raise SystemExit(f"exit code {process.exitcode}:\n{(place.folder / 'log.txt').read_text()}")
    return Pace(begin=first_line - start, rest=time.monotonic() - first_line)


def outcome(run: Path) -> dict[str, str]:
    """Return the SHA-256 of each result of a run that must be equal."""
    checkpoint = load_newest_checkpoint(run / "checkpoints")
    assert checkpoint is not None
    path, state = checkpoint
    return {name: sha256(run / name) for name in FILES} | {"checkpoint": path.name, "state": digest(state)}


def digest(state: object) -> str:
    """Return the SHA-256 of nested dicts, lists, tensors and plain values. The bytes of a file that torch writes may
    differ for equal values."""
    if isinstance(state, torch.Tensor):
        return hashlib.sha256(state.contiguous().numpy().tobytes()).hexdigest()
    if isinstance(state, dict):
        return digest([[key, digest(value)] for key, value in state.items()])
    if isinstance(state, list):
        return hashlib.sha256("".join(digest(item) for item in state).encode()).hexdigest()
    return hashlib.sha256(repr(state).encode()).hexdigest()


if __name__ == "__main__":
    main()
