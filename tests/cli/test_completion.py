"""What a shell completes: in the program, and in bash, zsh and fish on a real terminal."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from shells import STARTS, Shell
from streetseg.cli.candidates import candidates, split_line
from streetseg.cli.commands import COMMANDS, load_command
from streetseg.cli.completion import SHELLS, completion
from streetseg.cli.main import app
from streetseg.cli.values import BY_METAVAR, BY_NAME
from streetseg.errors import RequestError

# What the help says for a value that nobody can list: numbers, texts, addresses.
FREE = {
    *("N", "DAYS", "POINTS", "SECONDS", "WEIGHT", "HxW", "I/N", "LIST", "TEXT", "GLOB", "URL", "ADDRESS", "NAME"),
    *("OWNER/NAME", "ID", "BRANCH"),
}


def offered(typed: str) -> list[str]:
    """Return the values for the last word of what was typed, which begin with it."""
    *words, word = typed.split(" ")
    found = candidates(typer.main.get_command(app), words, word)
    return [one.value for one in found if one.value.startswith(word)]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders and files to complete, in the present folder."""
    for name in ("data", "dark/inner", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("street.onnx", "street.txt", "my.yaml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("tr", ["train"]),
        ("--ver", ["--version"]),
        ("--debug che", ["check"]),
        ("trian sc", []),
        ("recipe s", ["show"]),
        ("recipe show --s", ["--sources"]),
        ("train scenes --enc", ["--encoder"]),
        ("train scenes --encoder resnext", ["resnext50_32x4d", "resnext101_32x8d"]),
        ("train scenes --encoder=mobileone", ["--encoder=mobileone_s1"]),
        ("train scenes --epochs 3 --epo", []),
        ("train scenes --epochs=3 --epo", []),
        ("train --quiet scen", ["scenes"]),
        ("train scenes -- --epo", []),
        ("study scenes --encoders resnet18,mobilenetv2", ["resnet18,mobilenetv2_100"]),
        ("study scenes --encoders resnet18,resnet1", ["resnet18,resnet101"]),
        ("study scenes --recipe cam", ["camvid", "camvid-long", "camvid-unseen", "camvid-unseen-long"]),
        ("train scenes --weights a", ["auto"]),
        ("train scenes --weights sc", ["scenes"]),
        ("predict scen", ["scenes"]),
        ("networks get scen", ["scenes"]),
        ("export run --format on", ["onnx"]),
        ("export run --precision f", ["fp32", "fp16"]),
        ("convert scenes out --to ya", []),
        ("convert scenes out --to yo", ["yolo"]),
        ("evaluate run data --split v", ["val"]),
        ("evaluate run data --space str", ["street-11"]),
        ("predict run image --engine open", ["openvino"]),
        ("predict run image --precision b", ["bf16"]),
        ("predict run image --ids c", ["cityscapes"]),
        ("completion f", ["fish"]),
        ("doctor --j", ["--json"]),
        ("export run --int8 --fo", ["--format", "--force"]),
    ],
)
def test_commands_flags_and_values(typed: str, values: list[str]) -> None:
    assert offered(typed) == values


def test_flags_are_offered_where_no_argument_can_follow() -> None:
    assert {"--format", "--int8"} <= set(offered("export run "))


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("train scenes op", ["optim."]),
        ("train scenes optim.l", ["optim.lr=", "optim.layer_decay="]),
        ("train scenes optim.sch", ["optim.schedule="]),
        ("train scenes optim.schedule=", ["optim.schedule=poly", "optim.schedule=one-cycle"]),
        ("train scenes optim.freeze_encoder=t", ["optim.freeze_encoder=true"]),
        ("train scenes optim.ema=", ["optim.ema=none"]),
        ("train scenes optim.lr=1e-3 loss.region=d", ["loss.region=dice"]),
        ("train scenes loss.class_weights=m", ["loss.class_weights=mild"]),
        ("train scenes data.compi", []),
        ("train scenes train.compile=o", ["train.compile=on", "train.compile=off"]),
        ("train scenes model.encoder=resnet3", ["model.encoder=resnet34"]),
        ("train scenes data.spl", ["data.splits.", "data.split="]),
        ("recipe show model.deco", ["model.decoder="]),
        ("check scenes optim.", []),  # a check has no use for it
        ("evaluate run scenes data.si", []),
        ("evaluate run scenes data.space=car", ["data.space=carla-22", "data.space=carla-28"]),
    ],
)
def test_fields_of_the_recipe(typed: str, values: list[str]) -> None:
    assert offered(typed) == values


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("evaluate ", ["scenes", "dark/", "data/", "street.onnx"]),
        ("evaluate dark/", ["dark/inner/"]),
        ("evaluate .h", [".hidden/"]),
        ("evaluate nothing/", []),
        ("predict run st", ["street.onnx", "street.txt"]),
        ("predict run @street.t", ["@street.txt"]),
        ("compare run s", []),
        ("train scenes --out da", ["dark/", "data/"]),
        ("train scenes --recipe m", ["my.yaml"]),
        ("train scenes --weights street", ["street.onnx", "street.txt"]),
        ("check d", ["dark/", "data/"]),
        ("check cam", ["camvid:"]),
        ("check camvid:da", ["camvid:dark/", "camvid:data/"]),
        ("check camvid:s", []),
        ("check folder:m", ["folder:my.yaml"]),
        ("check camvid:data+da", ["camvid:data+dark/", "camvid:data+data/"]),
        ("check camvid:data+city", ["camvid:data+cityscapes:"]),
        ("train scenes data.source=camvid:dat", ["data.source=camvid:data/"]),
    ],
)
@pytest.mark.usefixtures("files")
def test_files_and_data(typed: str, values: list[str]) -> None:
    assert offered(typed) == values


def test_every_value_is_completed_or_nobody_can_list_it() -> None:
    for name in COMMANDS:
        command = load_command(name)
        for part in getattr(command, "commands", {"": command}).values():
            for param in part.params:
                if getattr(param, "is_flag", False) or param.name in BY_NAME:
                    continue
                for word in (param.metavar or "").split("|"):
                    known = word.split()[0].partition(".")[0] in {*BY_METAVAR, *FREE}
                    assert known or word.islower() or word == "FIELD=VALUE", (name, param.name, word)


@pytest.mark.parametrize(
    ("line", "words", "cut"),
    [
        ("streetseg ", ["streetseg", ""], 0),
        ("streetseg  tr", ["streetseg", "tr"], 0),
        ("streetseg check camvid:da", ["streetseg", "check", "camvid:da"], 7),
        ("streetseg check camvid\\:da", ["streetseg", "check", "camvid:da"], 0),
        ("streetseg check my\\ da", ["streetseg", "check", "my da"], 0),
        ("streetseg check 'my da", ["streetseg", "check", "my da"], 0),
        ('streetseg check "my \\"da', ["streetseg", "check", 'my "da'], 0),
        ("streetseg check '' s", ["streetseg", "check", "", "s"], 0),
        ("streetseg check camvid:'my da", ["streetseg", "check", "camvid:my da"], 7),
        ("streetseg train x optim.lr=", ["streetseg", "train", "x", "optim.lr="], 9),
    ],
)
def test_bash_s_line(line: str, words: list[str], cut: int) -> None:
    assert split_line(line, " \t\n\"'><=;|&(:") == (words, cut)


@pytest.mark.parametrize("typed", ["train scenes optim.sch", "evaluate --space "])
def test_nothing_heavy_is_imported_at_the_tab_key(typed: str) -> None:
    *words, word = typed.split(" ")
    code = """
import atexit, sys
heavy = ("numpy", "PIL", "torch", "timm", "pandas", "jinja2", "onnxruntime")
atexit.register(lambda: print([name for name in heavy if name in sys.modules], file=sys.stderr))
import streetseg.__main__
"""
    variables = {"_STREETSEG_COMPLETE": "zsh", "_STREETSEG_WORDS": "\n".join(words), "_STREETSEG_WORD": word}

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | variables)

    assert (done.returncode, done.stderr.strip()) == (0, "[]")
    assert done.stdout


@pytest.fixture(scope="module", params=STARTS)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("shell")
    for name in ("meadow", "my folder/inner"):
        (folder / name).mkdir(parents=True)
    (folder / "my folder" / "a model.onnx").touch()
    started = Shell(request.param, folder)
    yield started
    started.close()


@pytest.mark.parametrize(
    ("typed", "arguments"),
    [
        ("tra\tx", ["train", "x"]),
        ("check camvid:mea\t", ["check", "camvid:meadow"]),
        ("train scenes optim.wa\t3", ["train", "scenes", "optim.warmup=3"]),
        ("export my\\ f\ta\tx", ["export", "my folder/a model.onnx", "x"]),
        ("export 'my folder/a\tx", ["export", "my folder/a model.onnx", "x"]),
    ],
)
def test_a_real_shell(shell: Shell, typed: str, arguments: list[str]) -> None:
    # zsh takes the slash of a folder away again when the line ends there
    assert [argument.rstrip("/") for argument in shell.run(f"streetseg {typed}")] == arguments


def test_the_home_folder_may_be_a_tilde(shell: Shell) -> None:
    _, folder = shell.run("streetseg evaluate ~/pas\t")

    assert Path(folder) == shell.arguments.parent / "home" / "pastures"


def test_powershell(tmp_path: Path) -> None:
    if not (program := shutil.which("pwsh") or shutil.which("powershell")):
        pytest.skip("PowerShell is not installed")
    lines = ["streetseg tra", "streetseg check cam", "streetseg train scenes optim.sch"]
    requested = "; ".join(f"(TabExpansion2 '{line}' {len(line)}).CompletionMatches.CompletionText" for line in lines)
    enabled = "streetseg completion powershell | Out-String | Invoke-Expression"

    done = subprocess.run(
        [
            program,
            "-NoProfile",
            "-Command",
            f"{enabled}; {requested}",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
    )

    assert done.stdout.split() == ["train", "camvid:", "optim.schedule="]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    completion(shell)
    script = capsys.readouterr().out
    completion(shell, json=True)

    assert f"streetseg completion {shell}" in script[:200]
    assert json.loads(capsys.readouterr().out) == {"shell": shell, "script": script}


def test_an_unknown_shell_is_named() -> None:
    with pytest.raises(RequestError, match="there is no script for fisch") as raised:
        completion("fisch")

    assert raised.value.hint == "did you mean fish?"
