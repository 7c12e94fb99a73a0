"""Fuzz every reader of files with thousands of damaged and hostile inputs.

python tools/fuzz.py --inputs 10000 --seed 0

Each input is a valid one after a few mutations. Seed, kind and number of an input determine its bytes. Reading it must
succeed or raise a StreetsegError, within limits of memory and processor time. Anything else is a crash: it is printed
with the command that repeats it, and the exit code is 1.
"""

import argparse
import logging
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

os.environ.setdefault("OMP_NUM_THREADS", "1")

from fuzzing.kinds import KINDS, Kind
from fuzzing.mutate import mutated

from streetseg.errors import StreetsegError

MEMORY = 2 * 2**30  # bytes that a worker may allocate beyond its memory at the start
SECONDS = 20  # processor time that reading one input may take
SILENCE = 300  # seconds without a result, after which a worker counts as hanging
LIFE = 500  # inputs that one worker reads

READ, REFUSED, CRASHED = "read", "refused", "crashed"
_STATES = (READ, REFUSED, CRASHED)


class TooSlow(BaseException):
    """The processor time exceeds its limit. A BaseException, so that no `except Exception` of a reader catches it."""


@dataclass(frozen=True)
class Input:
    """One input, identified by the three values that determine its bytes."""

    kind: str
    number: int
    seed: int

    def bytes(self) -> bytes:
        """Return the bytes of the input, the same on each call."""
        kind = KINDS[self.kind]
        rng = random.Random(f"{self.seed} {self.kind} {self.number}")
        return mutated(rng.choice(kind.seeds), kind.seeds, kind.ways, rng)


def main() -> None:
    requested = arguments()
    logging.getLogger("streetseg").addHandler(logging.NullHandler())
    logging.getLogger("streetseg").propagate = False
    warnings.simplefilter("ignore")
    if requested.only:
        kind, _, number = requested.only.rpartition(":")
        sys.exit(again(Input(kind, int(number), requested.seed), requested.keep))
    start = time.monotonic()
    counts, crashes = Counter[tuple[str, str]](), []
    kinds = {requested.kind: KINDS[requested.kind]} if requested.kind else KINDS
    whole = sum(kind.share for kind in kinds.values())
    for kind in kinds:
        number = max(1, round(requested.inputs * kinds[kind].share / whole))
        for one, state, message in run([Input(kind, k, requested.seed) for k in range(number)]):
            counts[kind, state] += 1
            if state == CRASHED:
                crashes.append((one, message))
    print_results(counts, crashes, requested.seed, time.monotonic() - start)
    sys.exit(1 if crashes else 0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000, metavar="N", help="inputs in all (10000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another seed makes other inputs (0)")
    parser.add_argument("--kind", choices=KINDS, help="all inputs are of this kind")
    parser.add_argument("--only", metavar="KIND:NUMBER", help="read this one input here, with the traceback")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="with --only: also write the input to a file")
    return parser.parse_args()


def run(inputs: list[Input]) -> Iterator[tuple[Input, str, str]]:
    """Yield (input, state, message) for each input. Workers read them; a worker that dies is replaced."""
    done = 0
    while done < len(inputs):
        for result in work(inputs[done : done + LIFE]):
            done += 1
            yield result


def work(inputs: list[Input]) -> Iterator[tuple[Input, str, str]]:
    """Yield the results of one worker. If it dies, the last result is the crash on the input that it was reading."""
    KINDS[inputs[0].kind].seeds  # noqa: B018  # computed before the fork, for all workers
    reading, writing = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(reading)
        read_inputs(inputs, writing)
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        for one in inputs:
            alive, _, _ = select.select([pipe], [], [], SILENCE)
            line = pipe.readline().decode() if alive else ""
            if not line:
                yield one, CRASHED, how_it_ended(worker, hanging=not alive)
                return
            state, message = line.rstrip("\n").split("\t")
            yield one, state, message
    os.waitpid(worker, 0)


def how_it_ended(worker: int, *, hanging: bool) -> str:
    """Return how a worker ended: killed for hanging, by a signal, or with an exit code."""
    if hanging:
        os.kill(worker, signal.SIGKILL)
    _, status = os.waitpid(worker, 0)
    if hanging:
        return f"no result for {SILENCE} s"
    return f"ended by {signal.Signals(os.WTERMSIG(status)).name}" if os.WIFSIGNALED(status) else f"exit {status >> 8}"


def read_inputs(inputs: list[Input], pipe: int) -> None:
    """Read the inputs in a worker, write the result of each to `pipe`, and exit."""
    code = 1
    try:
        limit_memory()
        signal.signal(signal.SIGPROF, too_slow)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # libtiff prints warnings there
        for one in inputs:
            state, message = result_of(one)
            os.write(pipe, f"{state}\t{message[:300]}\n".encode(errors="replace"))
        code = 0
    finally:
        os._exit(code)


def limit_memory() -> None:
    """Limit the address space of this process to its present size plus MEMORY."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def too_slow(signum: int, frame: FrameType | None) -> None:
    """Raise TooSlow, as a signal handler."""
    raise TooSlow(f"more than {SECONDS} s of processor time")


def result_of(one: Input) -> tuple[str, str]:
    """Return the state of an input after all its readers, and a message if it crashed."""
    try:
        states = list(attempts(one))
    except BaseException as failure:  # every exception except StreetsegError is a crash
        place = traceback.extract_tb(failure.__traceback__)[-1]
        message = f"{type(failure).__name__} at {Path(place.filename).name}:{place.lineno}: {failure}"
        return CRASHED, " ".join(message.split())
    return (READ if READ in states else REFUSED), ""


def attempts(one: Input) -> Iterator[str]:
    """Yield for each reader whether it reads the input or refuses it."""
    kind: Kind = KINDS[one.kind]
    root = Path(tempfile.mkdtemp(prefix="fuzz-"))
    folder = root / "data" / "set"  # an input that names ../ must not read all temporary files of the machine
    folder.mkdir(parents=True)
    try:
        kind.place(one.bytes(), folder)
        for reader in kind.readers:
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                reader(folder)
                yield READ
            except StreetsegError as refusal:
                if out_of_memory(refusal):
                    raise MemoryError(f"more than {MEMORY >> 20} MiB, reported as: {refusal.problem}") from refusal
                yield REFUSED
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
    finally:
        shutil.rmtree(root)


def out_of_memory(refusal: BaseException) -> bool:
    """Return whether a MemoryError caused an exception."""
    cause = refusal.__cause__ or refusal.__context__
    return isinstance(refusal, MemoryError) or (cause is not None and out_of_memory(cause))


def again(one: Input, keep: Path | None) -> int:
    """Read one input in this process, so that a crash shows its traceback. Write it to `keep`, if given."""
    if keep:
        keep.write_bytes(one.bytes())
    limit_memory()
    signal.signal(signal.SIGPROF, too_slow)
    print(", ".join(attempts(one)))
    return 0


def print_results(
    counts: Counter[tuple[str, str]], crashes: list[tuple[Input, str]], seed: int, seconds: float
) -> None:
    """Print the counts of each kind and state, and every crash with the command that repeats it."""
    print(f"{'kind':<22}{'tried':>8}{'read':>8}{'refused':>9}{'crashed':>9}")
    for kind in KINDS:
        row = [counts[kind, state] for state in _STATES]
        print(f"{kind:<22}{sum(row):>8}{row[0]:>8}{row[1]:>9}{row[2]:>9}")
    total = [sum(counts[kind, state] for kind in KINDS) for state in _STATES]
    print(f"{'all':<22}{sum(total):>8}{total[0]:>8}{total[1]:>9}{total[2]:>9}   seed {seed}, {seconds:.0f} s")
    for one, message in crashes:
        print(f"crash: {one.kind} {one.number}: {message}")
        print(f'       python tools/fuzz.py --seed {one.seed} --only "{one.kind}:{one.number}"')


if __name__ == "__main__":
    main()
