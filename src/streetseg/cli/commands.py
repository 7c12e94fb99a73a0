"""The commands of `streetseg`. The module of a command is imported only when that command is called."""

import os
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from streetseg.cli.help import COMMAND_GROUPS, START, Command, write_lines
from streetseg.errors import RequestError, did_you_mean
from streetseg.runtime.worker import is_one_of_many

# Command -> its help in one line. The module cli/<command>.py holds a function of the same name, or an `app` where the
# command has subcommands. The line is the first line of that function's docstring; a test compares them.
COMMANDS = {
    "study": "Train, evaluate and compare encoders; one report.",
    "train": "Train one network.",
    "evaluate": "Score a network: all metrics, per class and per image, error maps.",
    "calibrate": "Fit the confidence of a network to labeled images; write it as a new bundle.",
    "compare": "Report on finished runs, without training.",
    "predict": "Label images, folders of images, and videos.",
    "measure": "Measure the share of each class in images, corrected for the known errors of the model.",
    "audit": "Find likely label errors, the worst images, and what to label next.",
    "export": "Write a network as one file that runs without torch, checked against it.",
    "bench": "Measure latency, throughput and memory, and the mean IoU.",
    "push": "Push a model to the Hugging Face Hub, with a model card.",
    "serve": "Serve exported models: a web page and an HTTP API.",
    "check": "Check a dataset and list everything that is wrong with it.",
    "convert": "Write a data set in another format: Cityscapes, COCO, YOLO, tar shards, or folders with a data.yaml.",
    "init": "Write the data.yaml of a folder of images and masks, with a comment on each line.",
    "fetch": "Download a data set, check it, and unpack it.",
    "scenes": "Write the built-in street scenes in Cityscapes layout.",
    "cache": "Show the decoded images that are kept on the disk, or remove them.",
    "networks": "List and fetch trained networks.",
    "encoders": "List encoders: size, strides, weights, license.",
    "doctor": "Show machine, versions, accelerators, disk and write access.",
    "completion": "Print the script with which a shell completes commands, flags and values.",
    "recipe": "Show, list or check recipes.",
}

SHARED = ("train", "evaluate")  # the commands that several processes can run together


class Group(TyperGroup):
    """A group of commands. For an unknown command the error names the most similar one."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        if args[0] in self.commands:
            return super().resolve_command(ctx, args)
        raise RequestError(
            f"there is no command {args[0]}",
            where=f"{ctx.command_path} {args[0]}",
            hint=did_you_mean(args[0], self.commands, before=f"{ctx.command_path} ") or f"{ctx.command_path} --help",
        )


class Commands(Group):
    """The commands of `streetseg`: stubs for the help text, replaced by the real command when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        if is_one_of_many() and name not in SHARED:
            raise RequestError(
                f"streetseg {name} runs in one process",
                where=f"WORLD_SIZE={os.environ['WORLD_SIZE']}",
                hint="start it without torchrun; train, evaluate and study take --devices N",
            )
        return name, load_command(args[0]), rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for title, names in COMMAND_GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name, COMMANDS[name]) for name in names])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        write_lines(formatter, "", START)


def load_command(name: str) -> Any:
    """Import the module of a command and return its click command."""
    module = import_module(f"streetseg.cli.{name}")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name, cls=Command)(getattr(module, name))
    return typer.main.get_command(app)
