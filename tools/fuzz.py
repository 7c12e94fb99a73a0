"""Damaged and hostile inputs, thousands of them, for everything that reads a file.

python tools/fuzz.py --inputs 10000 --seed 0

Each input is a valid one after a few mutations, made again at any time from the seed, its kind and its number. Reading
it must end well or in a StreetsegError, within a limit of memory and of processor time. Anything else is a crash: it is
told with the words that make it happen again, and the exit code is 1.
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

MEMORY = 2 * 2**30  # bytes that reading one input may take beyond what the program has at its start
SECONDS = 20  # of processor time that reading one input may take
SILENCE = 300  # seconds without a sign of life, after which a worker is taken for hanging
LIFE = 500  # inputs that one worker reads

READ, REFUSED, CRASHED = "read", "refused", "crashed"
_STATES = (READ, REFUSED, CRASHED)


class TooSlow(BaseException):
    """The limit of processor time; no `except Exception` of a reader swallows it."""


@dataclass(frozen=True)
class Input:
    """One input, named by what makes it."""

    kind: str
    number: int
    seed: int

    def bytes(self) -> bytes:
        """The same bytes every time."""
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
    found, crashes = Counter[tuple[str, str]](), []
    for kind in KINDS:
        for one, state, words in run(shared_out(kind, requested.inputs, requested.seed)):
            found[kind, state] += 1
            if state == CRASHED:
                crashes.append((one, words))
    tell(found, crashes, requested.seed, time.monotonic() - start)
    sys.exit(1 if crashes else 0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000, metavar="N", help="inputs in all (10000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another seed makes other inputs (0)")
    parser.add_argument("--only", metavar="KIND:NUMBER", help="read this one input here, with the traceback")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="with --only: also write the input to a file")
    return parser.parse_args()


def shared_out(kind: str, inputs: int, seed: int) -> list[Input]:
    """The inputs of a kind: its share of all, one at least."""
    whole = sum(other.share for other in KINDS.values())
    return [Input(kind, number, seed) for number in range(max(1, round(inputs * KINDS[kind].share / whole)))]


def run(inputs: list[Input]) -> Iterator[tuple[Input, str, str]]:
    """(input, state, what went wrong) of each, read by workers that may die."""
    done = 0
    while done < len(inputs):
        for result in work(inputs[done : done + LIFE]):
            done += 1
            yield result


def work(inputs: list[Input]) -> Iterator[tuple[Input, str, str]]:
    """One worker's results, as far as it came; the input it died of is its last."""
    KINDS[inputs[0].kind].seeds  # noqa: B018  # made before the fork, for all workers
    reading, writing = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(reading)
        labor(inputs, writing)
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        for one in inputs:
            alive, _, _ = select.select([pipe], [], [], SILENCE)
            line = pipe.readline().decode() if alive else ""
            if not line:
                yield one, CRASHED, how_it_ended(worker, hanging=not alive)
                return
            state, words = line.rstrip("\n").split("\t")
            yield one, state, words
    os.waitpid(worker, 0)


def how_it_ended(worker: int, *, hanging: bool) -> str:
    if hanging:
        os.kill(worker, signal.SIGKILL)
    _, status = os.waitpid(worker, 0)
    if hanging:
        return f"no sign of life for {SILENCE} s"
    return f"ended by {signal.Signals(os.WTERMSIG(status)).name}" if os.WIFSIGNALED(status) else f"exit {status >> 8}"


def labor(inputs: list[Input], pipe: int) -> None:
    """What a worker does: read one input after the other, tell how each ended, and leave."""
    code = 1
    try:
        limit_memory()
        signal.signal(signal.SIGPROF, too_slow)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # libtiff talks of what it finds
        for one in inputs:
            state, words = result_of(one)
            os.write(pipe, f"{state}\t{words[:300]}\n".encode(errors="replace"))
        code = 0
    finally:
        os._exit(code)


def limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def too_slow(signum: int, frame: FrameType | None) -> None:
    raise TooSlow(f"more than {SECONDS} s of processor time")


def result_of(one: Input) -> tuple[str, str]:
    """How reading an input ended, and in which words if it should not have."""
    try:
        states = list(attempts(one))
    except BaseException as failure:  # whatever it is, it is what we are looking for
        place = traceback.extract_tb(failure.__traceback__)[-1]
        words = f"{type(failure).__name__} at {Path(place.filename).name}:{place.lineno}: {failure}"
        return CRASHED, " ".join(words.split())
    return (READ if READ in states else REFUSED), ""


def attempts(one: Input) -> Iterator[str]:
    """What each reader makes of an input."""
    kind: Kind = KINDS[one.kind]
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        kind.place(one.bytes(), folder)
        for reader in kind.readers:
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                reader(folder)
                yield READ
            except StreetsegError as refusal:
                if out_of_memory(refusal):
                    raise MemoryError(f"more than {MEMORY >> 20} MiB, told as: {refusal.problem}") from refusal
                yield REFUSED
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
    finally:
        shutil.rmtree(folder)


def out_of_memory(refusal: BaseException) -> bool:
    """Whether a refusal only hides that the memory was not enough."""
    cause = refusal.__cause__ or refusal.__context__
    return isinstance(refusal, MemoryError) or (cause is not None and out_of_memory(cause))


def again(one: Input, keep: Path | None) -> int:
    """Read one input in this very process; its traceback if it crashes."""
    if keep:
        keep.write_bytes(one.bytes())
    limit_memory()
    signal.signal(signal.SIGPROF, too_slow)
    print(", ".join(attempts(one)))
    return 0


def tell(found: Counter[tuple[str, str]], crashes: list[tuple[Input, str]], seed: int, seconds: float) -> None:
    """The table of what was tried, and every crash with the words that make it happen again."""
    print(f"{'kind':<22}{'tried':>8}{'read':>8}{'refused':>9}{'crashed':>9}")
    for kind in KINDS:
        counted = [found[kind, state] for state in _STATES]
        print(f"{kind:<22}{sum(counted):>8}{counted[0]:>8}{counted[1]:>9}{counted[2]:>9}")
    total = [sum(found[kind, state] for kind in KINDS) for state in _STATES]
    print(f"{'all':<22}{sum(total):>8}{total[0]:>8}{total[1]:>9}{total[2]:>9}   seed {seed}, {seconds:.0f} s")
    for one, words in crashes:
        print(f"crash: {one.kind} {one.number}: {words}")
        print(f'       python tools/fuzz.py --seed {one.seed} --only "{one.kind}:{one.number}"')


if __name__ == "__main__":
    main()
