"""The help of `streetseg` and of its commands: groups of commands and flags, and examples."""

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

from streetseg.cli.exit_codes import EXIT_CODES
from streetseg.cli.mistakes import require_once

# Title -> the commands of a group, in the order of `streetseg --help`.
COMMAND_GROUPS = {
    "Train and compare": ("study", "train", "evaluate", "compare"),
    "Use a network": ("predict", "measure", "export", "serve", "bench", "calibrate", "networks", "push"),
    "Data": ("check", "init", "audit", "convert", "fetch", "scenes", "cache"),
    "Around it": ("encoders", "recipe", "doctor", "completion"),
}

# Title -> the flags of a group, by the name of the parameter. All others stand first, as "Flags".
FLAG_GROUPS = {
    "Stop and go on": ("resume", "force"),
    "Machine": ("devices", "device", "engine", "precision", "tile"),
    "Output": ("out", "overlay", "ids", "report", "profile", "quiet", "json", "help"),
}

# Command -> lines that a person can type. Tests parse each of them.
EXAMPLES = {
    "study": (
        "streetseg study scenes --recipe demo",
        "streetseg study camvid:data/camvid --encoders resnet18,resnet34 --seeds 3",
        "streetseg study photos/data.yaml --epochs 5 --limit 100 --weights none",
    ),
    "train": (
        "streetseg train scenes --encoder mobilenetv2_100 --epochs 5",
        "streetseg train camvid:data/camvid --weights scenes --out runs/scenes",
        "streetseg train camvid:data/camvid --out runs/resnet optim.lr=3e-4",
        "streetseg train camvid:data/camvid --out runs/resnet optim.lr=3e-4 --resume",
    ),
    "evaluate": (
        "streetseg evaluate runs/resnet camvid:data/camvid --split test",
        "streetseg evaluate street.onnx camvid:data/camvid --out scores",
    ),
    "compare": ("streetseg compare runs/mobile runs/resnet --out comparison",),
    "predict": (
        "streetseg predict street.jpg --out masks",
        "streetseg predict runs/resnet street.jpg --out masks --overlay",
        "streetseg predict street.onnx 'photos/**/*.jpg' --out masks",
    ),
    "measure": (
        "streetseg measure photos --out measures",
        "streetseg measure runs/resnet photos --out measures",
        "streetseg measure street.onnx photos --out measures --validation labeled",
    ),
    "export": (
        "streetseg export runs/resnet --format onnx --out street.onnx",
        "streetseg export runs/resnet --format onnx --int8 --data camvid:data/camvid",
        "streetseg export runs/resnet --format web --out page",
    ),
    "calibrate": ("streetseg calibrate runs/resnet camvid:data/camvid --out calibrated",),
    "bench": ("streetseg bench runs/mobile street.onnx --size 360x480",),
    "push": (
        "streetseg push runs/resnet me/street --private --license apache-2.0",
        "streetseg push street.onnx me/street --message 'as one file'",
    ),
    "serve": (
        "streetseg serve",
        "streetseg serve street.onnx",
        "streetseg serve street.onnx small.onnx --workers 2 --port 9000",
    ),
    "check": ("streetseg check camvid:data/camvid --report data.html",),
    "audit": (
        "streetseg audit runs/resnet camvid:data/camvid --out audit",
        "streetseg audit runs/resnet camvid:data/camvid --folds 5 --out audit",
        "streetseg audit street.onnx my/data.yaml --unlabeled photos --out audit",
    ),
    "convert": (
        "streetseg convert camvid:data/camvid --to coco camvid-coco",
        "streetseg convert data.yaml --to cityscapes street data.unlabeled=skip",
    ),
    "init": (
        "streetseg init photos --out data.yaml",
        "streetseg init photos --out data.yaml --masks 'labels/**/*.png'",
    ),
    "fetch": ("streetseg fetch camvid --out data/camvid",),
    "scenes": ("streetseg scenes my-scenes --count 50 --size 128x256",),
    "cache show": ("streetseg cache show",),
    "cache clear": ("streetseg cache clear --older-than 30",),
    "networks list": ("streetseg networks list",),
    "networks get": ("streetseg networks get scenes --out networks/scenes",),
    "encoders": ("streetseg encoders", "streetseg encoders 'resnext*'"),
    "doctor": ("streetseg doctor",),
    "completion": ("streetseg completion bash",),
    "recipe show": ("streetseg recipe show --data camvid:data/camvid --sources",),
    "recipe list": ("streetseg recipe list",),
    "recipe check": ("streetseg recipe check my.yaml",),
}

_CODES = [f"{code} {meaning}" for code, meaning in EXIT_CODES.items()]
START = (
    "Start here:  streetseg study scenes --recipe demo",
    "Documents:   https://streetseg.github.io/streetseg",
    f"Exit codes:  {', '.join(_CODES[:3])},",
    f"             {', '.join(_CODES[3:])}",
)


class Command(TyperCommand):
    """A command whose help has arguments, flags in groups with their defaults, and examples. It takes no flag with a
    value twice."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        typed = list(args)
        rest: list[str] = super().parse_args(ctx, args)  # shows the help if that is what is asked for
        if not ctx.resilient_parsing:  # as the Tab key reads half a command
            _, _, given = self.make_parser(ctx).parse_args(typed)
            options: list[Any] = [param for param in given if param.param_type_name == "option"]
            require_once(ctx.command_path, [one.opts[0] for one in options if not (one.is_flag or one.multiple)])
        return rest

    def format_options(self, ctx: Any, formatter: Any) -> None:
        params: list[Any] = list(self.get_params(ctx))
        arguments = [param for param in params if param.param_type_name == "argument"]
        flags = [param for param in params if param.param_type_name == "option"]
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl([(argument.metavar or argument.name, argument.help or "") for argument in arguments])
        grouped = [name for names in FLAG_GROUPS.values() for name in names]
        groups = {"Flags": [flag.name for flag in flags if flag.name not in grouped], **FLAG_GROUPS}
        for title, names in groups.items():
            records = [flag.get_help_record(ctx) for flag in flags if flag.name in names]
            if any(records):
                with formatter.section(title):
                    formatter.write_dl([record for record in records if record])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        write_lines(formatter, "Examples", EXAMPLES.get(ctx.command_path.removeprefix("streetseg "), ()))


def write_lines(formatter: Any, title: str, lines: Sequence[str]) -> None:
    """Write lines below a title as they are, so that they can be copied."""
    if lines:
        formatter.write(f"\n{title}:\n" if title else "\n")
        for line in lines:
            formatter.write(f"  {line}\n")
