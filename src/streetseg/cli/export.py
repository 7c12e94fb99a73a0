"""The command `streetseg export`."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from streetseg.arguments import as_size
from streetseg.cli.options import JsonFlag, QuietFlag, SpaceFlag
from streetseg.cli.output import print_json, say, tell
from streetseg.models.formats import EXPORT_PRECISIONS, FORMATS, WEB
from streetseg.text import counted

if TYPE_CHECKING:
    from streetseg.cli import outputs
    from streetseg.deploy.checks import Cost

LISTED = 100_000  # bytes of a file that is listed by its name


def export(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="bundle folder, run folder (its bundle `best`), or hub:OWNER/NAME")
    ],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="|".join((*FORMATS, WEB)),
            help="a file for ONNX Runtime, OpenVINO or LiteRT; or web, a folder with a page that runs in a browser",
        ),
    ],
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(EXPORT_PRECISIONS),
            help="16-bit weights with fp16 and bf16; int8 is calibrated and scored on --data (default: fp32)",
        ),
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="the same as --precision int8")] = False,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="HxW", help="take images of this size only (default: any size; litert: the size of the training)"
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA", help="labeled images to compare and score on (default: compare on the built-in scenes)"
        ),
    ] = None,
    split: Annotated[str, typer.Option(metavar="S", help="split of --data to check and score on")] = "val",
    space: SpaceFlag = None,
    calibration: Annotated[
        str | None, typer.Option(metavar="DATA", help="data whose split train calibrates int8 (default: --data)")
    ] = None,
    budget: Annotated[
        float, typer.Option(metavar="POINTS", min=0, help="points of mean IoU (0 to 100) that the file may lose")
    ] = 0.5,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="file to write, web: a folder (default: beside MODEL: MODEL.onnx, MODEL_int8.onnx, MODEL_web)",
        ),
    ] = None,
    runtime: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="web: the unpacked npm package onnxruntime-web (default: npm fetches it)"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="replace an existing file")] = False,
    quiet: QuietFlag = False,
    json: JsonFlag = False,
) -> None:
    """Write a network as one file that runs without torch, checked against it."""
    requested = as_size(size) if size else None

    from streetseg import api

    done = api.export(
        model,
        format,
        int8=int8,
        precision=precision,
        size=requested,
        data=data,
        split=split,
        space=space,
        calibration=calibration,
        budget=budget,
        out=out,
        runtime=runtime,
        force=force,
        progress=lambda line: None if quiet or json else tell(line),
    )
    target = next(file.parent for file in done.files if file.name == "index.html") if format == WEB else done.files[-1]
    if json:
        print_json(cast("outputs.Export", done.as_dict()))
        return
    parity, sizes = done.parity, ", ".join(f"{height}x{width}" for height, width in done.parity.sizes)
    only = "" if done.fixed_size is None else ", images of {}x{} only".format(*done.fixed_size)
    say(f"{target}: {done.precision}, {done.bytes / 2**20:.1f} MiB{only}")
    say(f"    checked     {counted(parity.images, 'image')} of {sizes}")
    say(f"    labels      {100 * parity.agreement:.3f} % are the network's")
    if done.cost:
        say_cost(done.cost, budget)
    if format == WEB:
        say_page(target, done.files)
        return
    say(f"    use         streetseg predict {target} INPUT... --out DIR", whole=True)


def say_cost(cost: "Cost", budget: float) -> None:
    """Print the mean IoU of network and file, and the classes that lose more than the budget."""
    loss = f"{cost.points:+.2f} points lost{_interval(cost.interval)}"
    images = counted(cost.images, "image")
    say(f"    mean IoU    {100 * cost.before:.2f} % before, {100 * cost.after:.2f} % after: {loss}, {images}")
    for one in cost.hurt(budget):
        scores = f"{100 * one.before:.1f} % before, {100 * one.after:.1f} % after"
        say(f"    loses       {one.name}: {one.points:.2f} points of IoU{_interval(one.interval)} ({scores})")


def _interval(ends: tuple[float, float]) -> str:
    """Return " [low, high]", or nothing where there is no interval."""
    return "" if math.isnan(ends[0]) else f" [{ends[0]:.2f}, {ends[1]:.2f}]"


def say_page(folder: Path, files: Sequence[Path]) -> None:
    """Print the sizes of the files of a page, the largest first, and how to look at it."""
    sizes = {file.relative_to(folder).as_posix(): file.stat().st_size for file in files}
    listed = {name: size for name, size in sizes.items() if size >= LISTED}
    small = len(sizes) - len(listed)
    listed[f"{small} smaller files"] = sum(sizes.values()) - sum(listed.values())
    for name, size in listed.items():
        say(f"    {size / 2**20:7.2f} MiB  {name}")
    say(f"    use         python -m http.server --directory {folder}, or any host of static files", whole=True)
