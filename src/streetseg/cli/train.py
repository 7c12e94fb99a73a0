"""The command `streetseg train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.common import DevicesFlag, requested_recipe, resumable, run_in_processes
from streetseg.cli.options import (
    DataArgument,
    EpochsFlag,
    ForceFlag,
    JsonFlag,
    LimitFlag,
    MinutesFlag,
    Overrides,
    ProfileFlag,
    QuietFlag,
    RecipeFlag,
    ResumeFlag,
    TrackFlag,
    out_option,
)
from streetseg.cli.output import print_json, say
from streetseg.runtime.worker import is_main

if TYPE_CHECKING:
    from streetseg.cli import outputs


def train(
    data: DataArgument,
    overrides: Overrides = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="timm name of the encoder (default: mobilenetv2_100); streetseg encoders lists them",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|auto|scenes|none",
            help="initial weights: a file or run folder, timm's pretrained (auto), the network in the box (scenes) or "
            "random (default: auto)",
        ),
    ] = None,
    epochs: EpochsFlag = None,
    minutes: MinutesFlag = None,
    limit: LimitFlag = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="seed of initial weights, order of the images and augmentation (default: 0)"),
    ] = None,
    out: Annotated[Path | None, out_option("runs/DATE_ENCODER_seedN")] = None,
    devices: DevicesFlag = None,
    resume: ResumeFlag = False,
    force: ForceFlag = False,
    recipe: RecipeFlag = None,
    track: TrackFlag = None,
    profile: ProfileFlag = False,
    quiet: QuietFlag = False,
    json: JsonFlag = False,
) -> None:
    """Train one network."""
    from streetseg.request import require_one_length, require_resume_with_force

    require_resume_with_force(force=force, resume=resume)
    require_one_length(epochs=epochs, minutes=minutes)
    flags = {
        "data.limit": limit,
        "model.encoder": encoder,
        "model.weights": weights,
        "train.epochs": epochs,
        "train.seed": seed,
        "train.track": track,
    }
    config = requested_recipe(data, recipe, overrides, flags)

    from streetseg import api
    from streetseg.request import dated_folder

    folder = out or dated_folder("runs", f"{config.model.encoder}_seed{config.train.seed}", resume=resume)
    with resumable(folder):
        if run_in_processes(devices, [] if out else ["--out", str(folder)]):
            return
        run = api.train(
            data,
            minutes=minutes,
            out=folder,
            recipe=config,
            resume=resume,
            force=force,
            quiet=quiet or json,
            profile=profile,
        )
        if not is_main():
            return
    if json:
        output: outputs.Train = {
            "folder": run.folder,
            "best_epoch": run.best_epoch,
            "val_iou": run.mean_iou,
            "report": run.report,
        }
        if run.test is not None:
            output["test_iou"] = run.test.mean_iou
        print_json(output)
    else:
        say(f"best epoch {run.best_epoch}: validation mean IoU {100 * run.mean_iou:.1f} %")
        if run.test is not None:
            say(f"{run.test.protocol['split']}, scored once: mean IoU {100 * run.test.mean_iou:.1f} %")
        say(f"report: {run.report}")
        say(f"run folder: {run.folder}")
