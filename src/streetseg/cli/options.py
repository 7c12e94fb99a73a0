"""Arguments and flags that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from streetseg.recipe.datasets import DATA_HELP

ModelArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="bundle or run folder, .onnx, .xml or .tflite, scenes (in the box), or hub:OWNER/NAME"
    ),
]
ModelAndInputs = Annotated[
    list[str],
    typer.Argument(
        metavar="[MODEL] INPUT...",
        help="a bundle or run folder, .onnx, .xml, .tflite or hub:OWNER/NAME (default: scenes, the network in the "
        "box); then images, folders, quoted patterns, @LIST.txt, http addresses, - for stdin",
    ),
]
DataArgument = Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="FIELD=VALUE", help="any other value of the recipe, e.g. optim.lr=3e-4"),
]
RecipeFlag = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="FILE",
        help="recipe file, or the name of a shipped recipe",
    ),
]
EpochsFlag = Annotated[
    int | None,
    typer.Option("--epochs", metavar="N", help="passes over the training split (default: the recipe's, else 20)"),
]
MinutesFlag = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        metavar="N",
        min=0.1,
        help="as many epochs as this machine does in N minutes, measured on a few steps; in place of --epochs",
    ),
]
LimitFlag = Annotated[
    int | None, typer.Option("--limit", metavar="N", help="use only the first N samples of each split (default: all)")
]
ResumeFlag = Annotated[bool, typer.Option("--resume", help="continue a run that was stopped")]
ForceFlag = Annotated[
    bool, typer.Option("--force", help="with --resume: go on although the recipe or the data have changed")
]
TrackFlag = Annotated[
    str | None,
    typer.Option(
        "--track",
        metavar="A,B",
        help="also tell trackers of the run: tensorboard, wandb, mlflow, trackio (default: the journal alone)",
    ),
]
QuietFlag = Annotated[bool, typer.Option("--quiet", help="no progress, only the result")]
ProfileFlag = Annotated[
    bool,
    typer.Option(
        "--profile", help="print at the end how long each part of a training step took, and write it into the journal"
    ),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="one machine-readable object on stdout, nothing else there")]
EngineFlag = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="torch, onnxruntime, openvino or litert; auto: the fastest that runs the model",
    ),
]
FirstEngineFlag = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="torch, onnxruntime, openvino or litert (default: the first of these that runs the model)",
    ),
]
PrecisionFlag = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="fp32|bf16",
        help="a model exported in int8 stays int8",
    ),
]
TtaFlag = Annotated[bool, typer.Option("--tta", help="average over mirrored and rescaled views (6 passes)")]
TileFlag = Annotated[
    int | None,
    typer.Option(
        "--tile", metavar="N", help="side of the tiles in pixels, for images that are too large for the memory"
    ),
]
SpaceFlag = Annotated[str | None, typer.Option("--space", metavar="NAME", help="label space to map the data to")]


def out_option(default: str) -> Any:
    """Return the flag `--out DIR`, whose help says where a command writes without it."""
    return typer.Option("--out", metavar="DIR", help=f"folder to write to (default: {default})")
