"""The command `streetseg predict`."""

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streetseg.cli.mistakes import require_model_first
from streetseg.cli.options import EngineFlag, JsonFlag, PrecisionFlag, TileFlag, TtaFlag
from streetseg.cli.output import counted_bar, print_json, say
from streetseg.cli.predict_videos import predict_videos
from streetseg.errors import RequestError
from streetseg.text import counted

if TYPE_CHECKING:
    from streetseg.inference.logits import Views


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="bundle or run folder, .onnx, .xml or .tflite")],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...", help="images, folders, quoted patterns, @LIST.txt, http addresses, - for stdin"
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder the results are written to")],
    overlay: Annotated[
        bool, typer.Option("--overlay", help="also write each image with the class colors over it")
    ] = False,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="kinds of results: ids, color, overlay, confidence, probabilities, logits, coco, geojson "
            "(default ids,color); of a video: overlay, color, side, ids (default overlay)",
        ),
    ] = None,
    ids: Annotated[
        str,
        typer.Option(metavar="own|cityscapes", help="ids in _ids.png: the model's own, or Cityscapes label ids"),
    ] = "own",
    tta: TtaFlag = False,
    flip: Annotated[bool, typer.Option("--flip", help="average over the image and its mirror image")] = False,
    scales: Annotated[
        str | None, typer.Option(metavar="LIST", help="average over the image at these scales, e.g. 0.75,1,1.25")
    ] = None,
    tile: TileFlag = None,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="only the images of part I of N, without those whose results are there"),
    ] = None,
    smooth: Annotated[
        float, typer.Option(metavar="WEIGHT", help="of the frames before in a video, 0 to below 1; 0: each frame alone")
    ] = 0.0,
    max_megapixels: Annotated[float, typer.Option(metavar="N", help="larger images are refused")] = 89.0,
    engine: EngineFlag = "auto",
    precision: PrecisionFlag = "fp32",
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps")] = "auto",
    json: JsonFlag = False,
) -> None:
    """Label images, folders of images, and videos."""
    from streetseg.inference.inputs import find_images
    from streetseg.inference.output import USUAL, parse_kinds
    from streetseg.inference.predict_files import UnreadError, predict_to_folder, require_free, shard_of
    from streetseg.inference.predictor import Predictor
    from streetseg.inference.remote import gathered
    from streetseg.inference.video import KINDS as VIDEO_KINDS
    from streetseg.inference.video import is_video
    from streetseg.labels.mappings import cityscapes_ids

    require_model_first("predict", model, inputs, "--out DIR")
    if ids not in ("own", "cityscapes"):
        raise RequestError(f"unknown ids {ids}", where="--ids", hint="own or cityscapes")
    if max_megapixels <= 0:
        raise RequestError(f"a limit of {max_megapixels:g} megapixels", where="--max-megapixels", hint="89, or more")
    views = _views(scales, flip=flip) if flip or scales is not None else tta
    if any(is_video(text) for text in inputs):
        predict_videos(
            model,
            inputs,
            out,
            parse_kinds(save or "overlay", VIDEO_KINDS),
            ids=ids,
            smooth=smooth,
            load=partial(Predictor.load, model, device, precision, engine=engine, tta=views, tile=tile),
            json=json,
        )
        return
    save = save or ",".join(USUAL)
    kinds = parse_kinds(f"{save},overlay" if overlay else save)
    start = time.perf_counter()
    with gathered(inputs) as (places, missing):
        files = find_images(list(places)) if places else {}
        require_free(files, out, kinds)
        if shard is not None:
            files = shard_of(files, shard, out, kinds)
        predictor = Predictor.load(model, device, precision, engine=engine, tta=views, tile=tile, images=len(files))
        values = cityscapes_ids(predictor.space) if ids == "cityscapes" else None
        done: list[dict[str, Any]] = []
        unread: UnreadError | None = None
        try:
            with counted_bar("images", hidden=json) as progress:
                predict_to_folder(
                    predictor,
                    files,
                    out,
                    kinds,
                    values=values,
                    unread=missing,
                    max_megapixels=max_megapixels,
                    on_image=progress,
                    on_written=lambda written: done.append(
                        {**written, "input": places.get(str(written["input"]), written["input"])}
                    ),
                )
        except UnreadError as error:
            unread = error
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
                **({} if unread is None else {"error": unread.problem, "where": unread.where, "hint": unread.hint}),
            }
        )
        raise typer.Exit(0 if unread is None else unread.exit_code)
    say(f"{counted(len(done), 'image')} labeled in {time.perf_counter() - start:.1f} s: {out}")
    if unread is not None:
        raise unread


def _views(scales: str | None, *, flip: bool) -> "Views":
    """Return the views of `--scales` and `--flip`. Raise RequestError if a scale is no number from 0.1 to 10."""
    from streetseg.inference.logits import Views

    try:
        factors = tuple(float(scale) for scale in (scales or "1").split(","))
    except ValueError:
        factors = ()
    if not factors or not all(0.1 <= scale <= 10 for scale in factors):
        raise RequestError(
            f"no scales {scales!r}", where="--scales", hint="numbers from 0.1 to 10: --scales 0.75,1,1.25"
        )
    return Views(factors, flip)
