"""The command `streetseg calibrate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.options import DataArgument, JsonFlag, SpaceFlag
from streetseg.cli.output import counted_bar, print_json, say

if TYPE_CHECKING:
    from streetseg.cli import outputs


def calibrate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="bundle or run folder, or hub:OWNER/NAME")],
    data: DataArgument,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="new folder for the calibrated bundle")],
    split: Annotated[str, typer.Option(metavar="S", help="split with labels to fit on")] = "val",
    space: SpaceFlag = None,
    json: JsonFlag = False,
) -> None:
    """Fit the confidence of a network to labeled images; write it as a new bundle."""
    from streetseg import api

    with counted_bar("images", hidden=json) as progress:
        fitted = api.calibrate(model, data, out=out, split=split, space=space, progress=progress)
    if json:
        output: outputs.Calibrate = {**fitted.as_dict(), "out": out}
        print_json(output)
        return
    held_out = f", {100 * fitted.cross_validated.ece:.2f} % cross-validated" if fitted.cross_validated else ""
    say(f"{out}: {fitted.text}")
    say(
        f"calibration error (ECE): {100 * fitted.before.ece:.2f} % before, {100 * fitted.after.ece:.2f} % after on the "
        f"same images{held_out}; {fitted.pixels:,} pixels"
    )
