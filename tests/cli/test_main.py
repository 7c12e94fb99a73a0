"""The command as a user calls it: a real process with correct and wrong arguments."""

import json
import os
import shlex
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from streetseg.cli.commands import COMMANDS, load_command
from streetseg.cli.help import EXAMPLES
from streetseg.recipe.resolved import recipe_yaml
from streetseg.recipe.schema import Optim, Recipe, Train
from tiny import camvid_segnet

HEAVY = ("torch", "torchvision", "timm", "pandas", "matplotlib", "scipy")


def run(
    *args: str, code: str = "import streetseg.__main__", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, cwd=cwd)


def test_help_lists_every_command_with_its_line() -> None:
    done = run("--help")

    assert done.returncode == 0
    for name, line in COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert line.split(",")[0].rstrip(".")[:30] in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_examples_that_can_be_typed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = load_command(name)
    for line in EXAMPLES.get(name, ()):
        program, typed, *words = shlex.split(line)
        assert (program, typed) == ("streetseg", name)
        command.make_context(name, words)  # raises for an unknown flag or a missing argument
        assert len(line) <= 78
    assert name in EXAMPLES or hasattr(command, "commands")


def test_flags_stand_in_groups_with_their_defaults() -> None:
    lines = run("study", "--help").stdout.splitlines()

    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Arguments:", "Flags:", "Stop and go on:", "Machine:", "Output:", "Examples:"]
    text = " ".join(" ".join(lines).split())
    assert "[default: mobilenetv2_100,resnext50_32x4d]" in text
    assert "folder to write to (default: study/DATE_KIND-OF-DATA)" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_of_a_command_is_its_docstring_s_first(name: str) -> None:
    module = import_module(f"streetseg.cli.{name}")
    said = module.app.info.help if hasattr(module, "app") else getattr(module, name).__doc__

    assert said.splitlines()[0] == COMMANDS[name]


@pytest.mark.parametrize("args", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    code = f"""
import atexit, sys
atexit.register(lambda: print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr))
import streetseg.__main__
"""
    done = run(*args, code=code)

    assert (done.returncode, done.stderr.strip()) == (0, "[]")


def test_import_streetseg_imports_nothing_else() -> None:
    code = "import sys; import streetseg; print([m for m in sys.modules if 'streetseg.' in m or m == 'numpy'])"

    assert run(code=code).stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    import streetseg

    assert all(getattr(streetseg, name) is not None for name in streetseg.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = streetseg.nonsense


@pytest.mark.parametrize(
    ("args", "error", "where", "hint"),
    [
        (["trian"], "there is no command trian", "streetseg trian", "did you mean streetseg train?"),
        (["--hepl"], "unknown flag --hepl", "streetseg", "streetseg --help"),
        (["train"], "missing argument 'DATA'", "streetseg train", "streetseg train --help"),
        (["train", "x", "--encodre", "y"], "unknown flag --encodre", "streetseg train", "did you mean --encoder?"),
        (["train", "x", "--epochs"], "option '--epochs' requires an argument", "streetseg train", "--help"),
        (["train", "x", "--epochs", "many"], "invalid value for '--epochs'", "streetseg train", "--help"),
        (
            ["train", "camvid:x", "--epochs", "0"],
            "train.epochs: found 0, expected at least 1",
            "command line",
            "passes over",
        ),
        (
            ["train", "camvid:x", "encoder"],
            "encoder is neither a flag nor a value",
            "command line: encoder",
            "optim.lr=3e-4",
        ),
        (["train", "camvid:x", "optim.lrr=1"], "a recipe has no optim.lrr", "command line", "did you mean optim.lr?"),
        (["study", "x", "--encoders", ","], "no encoder is named", "--encoders ,", "mobilenetv2_100"),
        (["study", "x", "--encoders", "a,a"], "an encoder is named twice", "--encoders a,a", "mobilenetv2_100"),
        (
            ["study", "x", "--weights", "a=1", "--weights", "b=2"],
            "--weights is given twice",
            "study --weights",
            "commas",
        ),
        (["train", "x", "--out", "a", "--epochs", "2", "--out=b"], "--out is given twice", "train --out", "once"),
        (["networks", "get", "x", "--out", "a", "--out", "a"], "--out is given twice", "networks get --out", "once"),
        (
            ["study", "x", "model.encoder=a"],
            "a study takes its encoders from --encoders",
            "model.encoder",
            "--encoders A,B",
        ),
        (["compare", "one", "--out", "o"], "a comparison needs two runs", "one", "streetseg compare RUN RUN"),
        (
            ["recipe", "chek"],
            "there is no command chek",
            "streetseg recipe chek",
            "did you mean streetseg recipe check?",
        ),
        (["recipe", "show", "--recipe", "no.yaml"], "recipe file cannot be read", "no.yaml", "streetseg recipe list"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_request_is_three_lines_and_exit_2(
    args: list[str], error: str, where: str, hint: str, tmp_path: Path
) -> None:
    done = run(*args, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert [line[:7] for line in lines] == ["error: ", "where: ", "hint:  "]
    assert error in lines[0]
    assert where in lines[1]
    assert hint in lines[2]
    assert list(tmp_path.iterdir()) == []


def test_an_error_as_json_is_one_object_on_stdout() -> None:
    done = run("train", "camvid:x", "optim.lrr=1", "--json")

    assert done.returncode == 2
    assert done.stderr == ""
    assert json.loads(done.stdout) == {
        "error": "a recipe has no optim.lrr",
        "where": ["command line"],
        "hint": "did you mean optim.lr?",
    }


@pytest.mark.parametrize("args", [["--debug", "recipe", "show", "x.y=1"], ["recipe", "show", "x.y=1", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(args: list[str]) -> None:
    done = run(*args)

    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-3] == "error: a recipe has no x.y"


def test_terminal_escapes_in_names_are_written_out() -> None:
    done = run("recipe", "check", "\x1b[31mred\n.yaml")

    assert "\x1b" not in done.stderr
    assert r"where: \x1b[31mred\n.yaml" in done.stderr.splitlines()


def test_an_unexpected_failure_is_one_error_with_a_hint() -> None:
    code = """
import streetseg.cli.recipe
def broken(*_, **__): raise ZeroDivisionError("a bug")
import streetseg.recipe.load; streetseg.recipe.load.resolve = broken
import streetseg.__main__
"""
    done = run("recipe", "show", code=code)

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: ZeroDivisionError: a bug",
        "where: streetseg recipe show",
        "hint:  the same command with --debug shows the traceback",
    ]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_with_their_codes(number: signal.Signals, code: int) -> None:
    slow = """
import streetseg.recipe.load, time
def slow(*_, **__): print("started", flush=True); time.sleep(60)
streetseg.recipe.load.resolve = slow
import streetseg.__main__
"""
    process = subprocess.Popen([sys.executable, "-c", slow, "recipe", "show"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)

    assert process.wait(timeout=30) == code


def test_a_closed_pipe_is_no_failure_to_report() -> None:
    done = subprocess.run(
        f"{sys.executable} -m streetseg recipe show --sources | head -1; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )

    assert "Traceback" not in done.stderr


def test_version() -> None:
    import streetseg

    assert run("--version").stdout == f"streetseg {streetseg.__version__}\n"


def test_a_checked_recipe_is_compared_with_the_defaults(tmp_path: Path) -> None:
    """recipe.yaml of a run gives every field a value; two of them differ from the defaults."""
    resolved = Recipe(optim=Optim(lr=0.5), train=Train(seed=3))
    (tmp_path / "recipe.yaml").write_text(recipe_yaml(resolved), encoding="utf-8")

    done = run("recipe", "check", str(tmp_path / "recipe.yaml"))

    assert done.returncode == 0
    assert ": good, 2 of " in done.stdout


def test_what_means_nothing_to_check_is_refused(tmp_path: Path) -> None:
    done = run("check", f"camvid:{camvid_segnet(tmp_path)}", "optim.lr=1", "data.max_megapixels=2")

    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "error: optim.lr means nothing to check"
    assert done.stderr.splitlines()[-1] == "hint:  check takes data.…"
