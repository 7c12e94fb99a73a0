"""The command `streetseg predict`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.model_and_inputs import model_and_inputs
from streetseg.cli.options import EngineFlag, JsonFlag, ModelAndInputs, PrecisionFlag, TileFlag, TtaFlag
from streetseg.cli.predict_images import Request, predict_images
from streetseg.cli.predict_videos import predict_videos
from streetseg.errors import RequestError

if TYPE_CHECKING:
    from streetseg.inference.logits import Views


def predict(
    inputs: ModelAndInputs,
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
        typer.Option(
            metavar="model|own|cityscapes",
            help="ids in _ids.png: 0, 1, … in the order of the model's classes; those of the masks it was trained on; "
            "Cityscapes label ids",
        ),
    ] = "model",
    cityscapes_submission: Annotated[
        Path | None,
        typer.Option(metavar="ZIP", help="also pack the ids of a whole split for the Cityscapes server"),
    ] = None,
    tta: TtaFlag = False,
    flip: Annotated[bool, typer.Option("--flip", help="average over the image and its mirror image")] = False,
    scales: Annotated[
        str | None, typer.Option(metavar="LIST", help="average over the image at these scales, e.g. 0.75,1,1.25")
    ] = None,
    tile: TileFlag = None,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="only the images of part I of N; finished ones are not repeated"),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="share the images among the workers of a Ray cluster; local: this machine"
        ),
    ] = None,
    smooth: Annotated[
        float, typer.Option(metavar="WEIGHT", help="of the frames before in a video, 0 to below 1; 0: each frame alone")
    ] = 0.0,
    max_megapixels: Annotated[float, typer.Option(metavar="N", help="larger images are refused")] = 100.0,
    engine: EngineFlag = "auto",
    precision: PrecisionFlag = "fp32",
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps")] = "auto",
    json: JsonFlag = False,
) -> None:
    """Label images, folders of images, and videos."""
    from streetseg.inference.output import USUAL, parse_kinds
    from streetseg.inference.video import KINDS as VIDEO_KINDS
    from streetseg.inference.video import is_video
    from streetseg.models.hub import located

    model, inputs = model_and_inputs("predict", inputs)
    if ids not in ("model", "own", "cityscapes"):
        raise RequestError(f"unknown ids {ids}", where="--ids", hint="model, own or cityscapes")
    if max_megapixels <= 0:
        raise RequestError(f"a limit of {max_megapixels:g} megapixels", where="--max-megapixels", hint="100, or more")
    views = _views(scales, flip=flip) if flip or scales is not None else tta
    request = Request(located(model), out, ids, engine, precision, device, views, tile)
    if any(is_video(text) for text in inputs):
        if others := [name for name, flag in (("--ray", ray), ("--shard", shard)) if flag is not None]:
            raise RequestError("a video is labeled by one process", where=others, hint="leave it out")
        predict_videos(request, inputs, parse_kinds(save or "overlay", VIDEO_KINDS), smooth=smooth, json=json)
        return
    save = save or ",".join(USUAL)
    kinds = parse_kinds(f"{save},overlay" if overlay else save)
    if cityscapes_submission is not None:
        if shard is not None:
            hint = "predict the parts with --ids cityscapes, then the whole with --cityscapes-submission"
            raise RequestError("a submission needs the whole split, not a part", where="--shard", hint=hint)
        request, kinds = replace(request, ids="cityscapes"), tuple(dict.fromkeys(("ids", *kinds)))
    predict_images(
        request,
        inputs,
        kinds,
        shard=shard,
        ray=ray,
        submission=cityscapes_submission,
        max_megapixels=max_megapixels,
        json=json,
    )


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
