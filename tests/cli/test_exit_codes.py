"""The exit codes: each one by a command that ends with it, and what the program says of them."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from streetseg.cli.commands import COMMANDS
from streetseg.cli.exit_codes import DONE, EXIT_CODES, FAILED, FAILURES, INCORRECT_REQUEST, INTERRUPTED, TERMINATED
from streetseg.cli.output import print_error
from streetseg.errors import DataError, ModelError, RequestError, StreetsegError, TrainingError


def failing(error: BaseException) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (dict, DONE),
        (failing(StreetsegError("it failed")), FAILED),
        (failing(TrainingError("it failed")), FAILED),
        (failing(ZeroDivisionError("a fault of the program")), FAILED),
        (failing(OSError(28, "No space left on device")), FAILED),
        (failing(RequestError("no such thing")), INCORRECT_REQUEST),
        (failing(DataError("no image")), INCORRECT_REQUEST),
        (failing(ModelError("no model")), INCORRECT_REQUEST),
        (failing(KeyboardInterrupt()), INTERRUPTED),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), TERMINATED),
    ],
)
def test_a_command_ends_with(end: Callable[[], object], code: int, streetseg, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixture holds what `--json` prints against the schemas of the result and of the failure."""
    monkeypatch.setattr("streetseg.cli.doctor.accelerators", end)

    assert streetseg("doctor", "--json").code == code


@pytest.mark.parametrize(
    "words", [["trian"], ["train"], ["train", "x", "--epoch", "3"], ["train", "x", "--epochs", "three"]]
)
def test_an_incorrect_command_line_ends_with_2(words: list[str], streetseg) -> None:
    assert streetseg(*words, "--json").code == INCORRECT_REQUEST


def test_an_error_is_told_where_stdout_is_a_file_on_a_full_disk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        print_error(RequestError("no such thing"), as_json=True)

    assert capsys.readouterr().err.startswith("error: no such thing")


def test_the_program_names_all_codes(streetseg) -> None:
    said = " ".join(streetseg("--help").out.split())

    assert ", ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()) in said
    assert set(FAILURES) <= set(COMMANDS)
