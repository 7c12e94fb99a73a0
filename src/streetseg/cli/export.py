"""The command `streetseg export`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from streetseg.cli import completion
from streetseg.cli.options import JsonFlag, QuietFlag, SpaceFlag
from streetseg.cli.output import print_json, say, tell
from streetseg.models.formats import WEB
from streetseg.text import counted

LISTED = 100_000  # bytes of a file that is listed by its name


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="bundle folder, or run folder (its bundle `best`)")],
    format: Annotated[
        str,
        typer.Option("--format", metavar="NAME", autocompletion=completion.export_format, help="onnx, openvino or web"),
    ],
    int8: Annotated[bool, typer.Option("--int8", help="8-bit integers, calibrated and scored on --data")] = False,
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="images for the checks (default: the built-in scenes)")
    ] = None,
    split: Annotated[
        str, typer.Option(metavar="S", autocompletion=completion.split, help="split of --data to check and score on")
    ] = "val",
    space: SpaceFlag = None,
    budget: Annotated[
        float, typer.Option(metavar="POINTS", min=0, help="points of mean IoU (0 to 100) that --int8 may lose")
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
    from streetseg import api

    done = api.export(
        model,
        format,
        int8=int8,
        data=data,
        split=split,
        space=space,
        budget=budget,
        out=out,
        runtime=runtime,
        force=force,
        progress=lambda line: None if quiet or json else tell(line),
    )
    target = next(file.parent for file in done.files if file.name == "index.html") if format == WEB else done.files[-1]
    if json:
        print_json(done.as_dict())
        return
    parity, sizes = done.parity, ", ".join(f"{height}x{width}" for height, width in done.parity.sizes)
    say(f"{target}: {done.precision}, {done.bytes / 2**20:.1f} MiB")
    say(f"    checked     {counted(parity.images, 'image')} of {sizes}")
    say(f"    labels      {100 * parity.agreement:.3f} % are the network's")
    if done.cost:
        say(f"    mean IoU    {100 * done.cost.before:.2f} % before, {100 * done.cost.after:.2f} % after")
    if format == WEB:
        say_page(target, done.files)
        return
    say(f"    use         streetseg predict {target} INPUT... --out DIR", whole=True)


def say_page(folder: Path, files: Sequence[Path]) -> None:
    """Print the sizes of the files of a page, the largest first, and how to look at it."""
    sizes = {file.relative_to(folder).as_posix(): file.stat().st_size for file in files}
    listed = {name: size for name, size in sizes.items() if size >= LISTED}
    small = len(sizes) - len(listed)
    listed[f"{small} smaller files"] = sum(sizes.values()) - sum(listed.values())
    for name, size in listed.items():
        say(f"    {size / 2**20:7.2f} MiB  {name}")
    say(f"    use         python -m http.server --directory {folder}, or any host of static files", whole=True)
