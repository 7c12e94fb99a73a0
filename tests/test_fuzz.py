"""The fuzz run: a small one finds nothing, and one over faulty readers finds each of them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from fuzzing.kinds import KINDS

from forked import fork
from streetseg.errors import StreetsegError

ROOT = Path(__file__).parents[1]


def fuzzed(*argv: str) -> int:
    """Run `python tools/fuzz.py ARGV...` in a fork, which has imported torch. Return its exit code."""

    def work() -> None:
        import fuzz  # needs a Unix

        sys.argv = ["fuzz.py", *argv]
        fuzz.main()

    return fork(work)


def test_a_few_hundred_damaged_inputs_are_read_or_refused(capfd: pytest.CaptureFixture[str]) -> None:
    code = fuzzed("--inputs", "300", "--seed", "7")

    out, err = capfd.readouterr()
    assert code == 0, out + err
    tried, read, refused, crashed = map(int, re.search(r"^all +(\d+) +(\d+) +(\d+) +(\d+)", out, re.M).groups())
    assert tried == read + refused >= 290
    assert crashed == 0
    assert min(read, refused) > 20  # neither all too damaged nor not damaged at all


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_input_of_each_kind_is_read(kind: str, tmp_path: Path) -> None:
    """Mutations of inputs that no reader accepts would test nothing but the refusal."""
    read = 0
    for number, data in enumerate(KINDS[kind].seeds):
        folder = tmp_path / str(number)
        folder.mkdir()
        KINDS[kind].place(data, folder)
        for reader in KINDS[kind].readers:
            try:
                reader(folder)
                read += 1
            except StreetsegError:
                continue
    assert read >= len(KINDS[kind].seeds)


MISBEHAVING = """
import os, signal, sys
import fuzz
from fuzzing.kinds import KINDS, Kind, as_file
from streetseg.errors import DataError

def refuses(folder): raise DataError("no")
def breaks(folder): raise ZeroDivisionError("one over nothing")
def dies(folder): os.kill(os.getpid(), signal.SIGSEGV)
def leaves(folder): os._exit(3)
def hoards(folder):
    try:
        bytes(2**40)
    except MemoryError as error:
        raise DataError("damaged") from error
def spins(folder):
    while True:
        try:
            pass
        except Exception:
            pass

fuzz.SECONDS = 0.2
KINDS.clear()
for reader in (refuses, breaks, dies, leaves, hoards, spins):
    KINDS[reader.__name__] = Kind(1, lambda: [b"valid"], [lambda data, rng: data], as_file("input"), (reader,))
sys.argv = ["fuzz.py", "--inputs", "12"]
fuzz.main()
"""


def test_whatever_a_reader_does_wrong_is_found_and_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # a reader that dies leaves its folder
    code = fork(lambda: exec(MISBEHAVING, {"__name__": "__main__"}))

    out, err = capfd.readouterr()
    assert code == 1, out + err
    counts = {line.split()[0]: line.split()[1:] for line in out.splitlines() if re.match(r"\w+ +\d", line)}
    assert counts["refuses"] == ["2", "0", "2", "0"]
    for reader in ("breaks", "dies", "leaves", "hoards", "spins"):
        assert counts[reader] == ["2", "0", "0", "2"]
    for argv in (
        "crash: breaks 1: ZeroDivisionError at <string>:8: one over nothing",
        "crash: dies 0: ended by SIGSEGV",
        "crash: leaves 0: exit 3",
        "crash: hoards 0: MemoryError at fuzz.py",
        "crash: spins 0: TooSlow at",
        'python tools/fuzz.py --seed 0 --only "spins:1"',
    ):
        assert argv in out


def test_an_input_is_the_same_every_time(tmp_path: Path) -> None:
    """Also in a new process, in which the hashes of texts are others."""
    argv = ("--only", "png:3", "--keep")
    assert fuzzed(*argv, str(tmp_path / "one")) == 0
    new = subprocess.run([sys.executable, "tools/fuzz.py", *argv, str(tmp_path / "two")], capture_output=True, cwd=ROOT)
    assert new.returncode == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
