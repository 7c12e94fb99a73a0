"""Ten kills at random moments, in real processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from forked import need_fork

TOOL = Path(__file__).parents[1] / "tools" / "kill_sweep.py"


@pytest.mark.bad_input(
    24, "10 of 10 runs killed with SIGKILL at a random moment of a real process end equal, byte for byte"
)
def test_ten_killed_runs_end_as_the_one_that_was_not() -> None:
    need_fork()
    done = subprocess.run([sys.executable, TOOL, "--kills", "10"], capture_output=True, text=True, timeout=550)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "10 of 10 equal"
    assert done.stdout.count(": equal\n") == 10
