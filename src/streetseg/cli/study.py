"""The command `streetseg study`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.common import DevicesFlag, ranking, requested_recipe, resumable
from streetseg.cli.mistakes import require_commas
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
from streetseg.errors import RequestError

if TYPE_CHECKING:
    from streetseg.cli import outputs


def study(
    data: DataArgument,
    overrides: Overrides = None,
    encoders: Annotated[
        str,
        typer.Option(metavar="A,B", help="timm names of the encoders to compare"),
    ] = "mobilenetv2_100,resnext50_32x4d",
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="runs per encoder, with the seeds 0 to N-1")] = 1,
    folds: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=2,
            help="N runs per encoder and seed, each validated on another part of the training and validation images",
        ),
    ] = None,
    epochs: EpochsFlag = None,
    minutes: MinutesFlag = None,
    limit: LimitFlag = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|auto|scenes|none",
            help="initial weights of all networks; ENCODER=FILE,... gives each encoder its own",
        ),
    ] = None,
    out: Annotated[Path | None, out_option("study/DATE_KIND-OF-DATA")] = None,
    devices: DevicesFlag = None,
    resume: ResumeFlag = False,
    force: ForceFlag = False,
    recipe: RecipeFlag = None,
    track: TrackFlag = None,
    profile: ProfileFlag = False,
    quiet: QuietFlag = False,
    json: JsonFlag = False,
) -> None:
    """Train, evaluate and compare encoders; one report."""
    from streetseg.request import require_one_length, require_resume_with_force

    require_resume_with_force(force=force, resume=resume)
    require_one_length(epochs=epochs, minutes=minutes)
    names = split_names(encoders)
    require_commas(names, overrides or [])
    if any(word.startswith("model.encoder=") for word in overrides or []):
        raise RequestError("a study takes its encoders from --encoders", where="model.encoder", hint="--encoders A,B")
    flags = {"train.epochs": epochs, "train.track": track, "data.limit": limit}
    config = requested_recipe(data, recipe, overrides, flags)
    initial_weights = weights_by_encoder(weights, names, default=config.model.weights)

    from streetseg import api
    from streetseg.request import dated_folder

    folder = out or dated_folder("study", config.data.source.partition(":")[0], resume=resume)
    with resumable(folder):
        result = api.study(
            data,
            encoders=names,
            seeds=seeds,
            weights=initial_weights,
            folds=folds,
            minutes=minutes,
            out=folder,
            devices=devices or 1,
            resume=resume,
            force=force,
            recipe=config,
            profile=profile,
            quiet=quiet or json,
        )
    if json:
        output: outputs.Study = {"out": folder, "report": result.report, "verdict": result.verdict}
        print_json(output)
    else:
        say(*ranking(result.comparison), "")
        say(result.verdict, bold=True)
        say(f"report: {result.report}")


def split_names(text: str) -> list[str]:
    """Return the encoders of `A,B`. Raises RequestError if there are none, or one is named twice."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or len(set(names)) < len(names):
        problem = "an encoder is named twice" if names else "no encoder is named"
        raise RequestError(problem, where=f"--encoders {text}", hint="--encoders mobilenetv2_100,resnext50_32x4d")
    return names


def weights_by_encoder(text: str | None, names: list[str], *, default: str) -> dict[str, str]:
    """Return encoder -> its initial weights.

    Args:
        text: `FILE` for all encoders, or `ENCODER=FILE,...` for some; None for the default.
        names: the encoders of the study.
        default: initial weights of the encoders that `text` does not name.

    Raises:
        RequestError: `text` names an encoder that is not in the study, or one encoder twice.
    """
    weights = dict.fromkeys(names, default)
    if text is None:
        return weights
    if text.partition("=")[0] not in names:
        return dict.fromkeys(names, text)
    given: set[str] = set()
    for part in text.split(","):
        name, _, value = part.partition("=")
        if name not in names or not value or name in given:
            problem = "weights are given twice to one encoder" if name in given else f"{part} gives no encoder weights"
            raise RequestError(
                problem, where=f"--weights {text}", hint=f"ENCODER=FILE,... of the encoders {', '.join(names)}"
            )
        given.add(name)
        weights[name] = value
    return weights
