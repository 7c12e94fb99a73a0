"""streetseg export"""

from pathlib import Path
from typing import Annotated

import typer

from streetseg.cli.options import JsonFlag, QuietFlag, SpaceFlag
from streetseg.cli.output import print_json, say, tell
from streetseg.errors import RequestError


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="bundle folder, or run folder (its best bundle)")],
    format: Annotated[str, typer.Option("--format", metavar="NAME", help="onnx or openvino")],
    int8: Annotated[bool, typer.Option("--int8", help="8-bit integers, calibrated and scored on --data")] = False,
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="real pictures for the checks (the built-in scenes)")
    ] = None,
    split: Annotated[str, typer.Option(metavar="S", help="split of --data to check and score on")] = "val",
    space: SpaceFlag = None,
    budget: Annotated[
        float, typer.Option(metavar="POINTS", min=0, help="how much of 100 mean IoU --int8 may cost")
    ] = 0.5,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="file to write (MODEL.onnx or MODEL.xml; _int8 before the dot)")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="replace a file that is there")] = False,
    quiet: QuietFlag = False,
    json: JsonFlag = False,
) -> None:
    """Write a network as one file that runs without torch, checked against it."""
    from streetseg.models.exported import SUFFIXES, is_exported

    if format not in SUFFIXES:
        later = "litert is not supported yet" if format == "litert" else f"unknown format {format}"
        raise RequestError(later, where="--format", hint=" or ".join(SUFFIXES))
    if is_exported(model):
        raise RequestError("this is an exported model already", where=model, hint="give the bundle or run folder")
    if int8 and data is None:
        raise RequestError("int8 is calibrated and scored on real pictures", where="--int8", hint="add --data DATA")
    if int8 and split == "train":
        problem = "int8 is calibrated on train, and cannot be scored on it"
        raise RequestError(problem, where="--split train", hint="--split val")
    ending = SUFFIXES[format]
    target = out or model.resolve().with_name(f"{model.resolve().name}{'_int8' if int8 else ''}{ending}")
    if target.suffix.lower() != ending:
        raise RequestError(f"the file of an {format} model ends in {ending}", where=target)
    files = [target, target.with_suffix(".bin")] if format == "openvino" else [target]
    if (there := [file for file in files if file.exists()]) and not force:
        hint = "--out FILE writes elsewhere, --force replaces it"
        raise RequestError("a file is there already", where=there, hint=hint)

    from streetseg.data.open import open_source
    from streetseg.deploy.export import export as export_model
    from streetseg.models.description import read_model_json, reading_of
    from streetseg.recipe.schema import Data

    done = export_model(
        model,
        target,
        format,
        open_source(Data(source=data or "scenes", space=space).read_as(reading_of(read_model_json(model)))),
        split=split,
        int8=int8,
        budget=budget,
        tell=lambda line: None if quiet or json else tell(line),
    )
    if json:
        print_json(done.as_dict())
        return
    parity, sizes = done.parity, ", ".join(f"{height}x{width}" for height, width in done.parity.sizes)
    say(f"{target}: {done.precision}, {done.bytes / 2**20:.1f} MiB")
    say(f"    checked     {parity.pictures} pictures of {sizes}")
    say(f"    labels      {100 * parity.agreement:.3f} % are the network's")
    if done.cost:
        say(f"    mean IoU    {100 * done.cost.before:.2f} before, {100 * done.cost.after:.2f} after")
    say(f"    use         streetseg predict {target} INPUT... --out DIR")
