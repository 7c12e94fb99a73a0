"""The command `streetseg predict`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from streetseg.cli.mistakes import require_model_first
from streetseg.cli.options import EngineFlag, JsonFlag, PrecisionFlag, TileFlag, TtaFlag
from streetseg.cli.output import counted_bar, print_json, say
from streetseg.errors import RequestError
from streetseg.text import counted


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="bundle or run folder, .onnx or .xml")],
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="images, folders, quoted patterns")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder the results are written to")],
    overlay: Annotated[
        bool, typer.Option("--overlay", help="also write each image with the class colors over it")
    ] = False,
    ids: Annotated[
        str,
        typer.Option(metavar="own|cityscapes", help="ids in _ids.png: the model's own, or Cityscapes label ids"),
    ] = "own",
    tta: TtaFlag = False,
    tile: TileFlag = None,
    max_megapixels: Annotated[float, typer.Option(metavar="N", help="larger images are refused")] = 89.0,
    engine: EngineFlag = "auto",
    precision: PrecisionFlag = "fp32",
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps")] = "auto",
    json: JsonFlag = False,
) -> None:
    """Label images and folders of images."""
    from streetseg.inference.inputs import find_images
    from streetseg.inference.predict_files import predict_to_folder, require_free
    from streetseg.inference.predictor import Predictor
    from streetseg.labels.mappings import cityscapes_ids

    require_model_first("predict", model, inputs, "--out DIR")
    if ids not in ("own", "cityscapes"):
        raise RequestError(f"unknown ids {ids}", where="--ids", hint="own or cityscapes")
    if max_megapixels <= 0:
        raise RequestError(f"a limit of {max_megapixels:g} megapixels", where="--max-megapixels", hint="89, or more")
    files = find_images(inputs)
    require_free(files, out, overlay=overlay)
    predictor = Predictor.load(model, device, precision, engine=engine, tta=tta, tile=tile, images=len(files))
    values = cityscapes_ids(predictor.space) if ids == "cityscapes" else None
    start = time.perf_counter()
    with counted_bar("images", hidden=json) as progress:
        done = predict_to_folder(
            predictor, files, out, overlay=overlay, values=values, max_megapixels=max_megapixels, on_image=progress
        )
    if json:
        print_json(
            {
                "out": out,
                "classes": predictor.space.names,
                "ids": ids,
                "class_ids": list(range(predictor.space.num_classes)) if values is None else values.tolist(),
                "engine": predictor.engine.name,
                "precision": predictor.engine.precision,
                "images": done,
                "seconds": time.perf_counter() - start,
            }
        )
    else:
        say(f"{counted(len(done), 'image')} labeled in {time.perf_counter() - start:.1f} s: {out}")
