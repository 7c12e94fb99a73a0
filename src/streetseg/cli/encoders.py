"""The command `streetseg encoders`."""

from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.options import JsonFlag
from streetseg.cli.output import aligned, counted_bar, print_json, say

if TYPE_CHECKING:
    from streetseg.cli import outputs


def encoders(
    pattern: Annotated[
        str | None,
        typer.Argument(
            metavar="PATTERN",
            help="part of a name, or 'resnext*' in quotes (default: the usual ones)",
        ),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """List encoders: size, strides, weights, license."""
    from streetseg.models.catalog import SIZE, encoder_facts, encoder_names

    names = encoder_names(pattern)
    with counted_bar("encoders", hidden=json) as progress:
        facts = encoder_facts(names, progress)
    if json:
        output: outputs.Encoders = {
            "size": SIZE,
            "encoders": [
                {
                    "name": fact.name,
                    "parameters": fact.parameters,
                    "macs": fact.macs,
                    "strides": fact.strides,
                    "usable": fact.usable,
                    "weights": fact.weights,
                    "license": fact.license,
                }
                for fact in facts
            ],
        }
        print_json(output)
        return
    rows = [("encoder", "parameters", "MACs", "strides", "weights", "license")]
    for fact in facts:
        macs = "–" if fact.macs is None else f"{fact.macs / 1e9:.2f} G"
        strides = ", ".join(map(str, fact.strides)) + ("" if fact.usable else " (not for a U-Net)")
        size = f"{fact.parameters / 1e6:.2f} M"
        rows.append((fact.name, size, macs, strides, fact.weights, fact.license or "not said"))
    say(*aligned(rows, right=(1, 2)))
    say("", f"MACs of the encoder for one image of {SIZE[0]}x{SIZE[1]}")
    if left := len(names) - len(facts):
        say(f"{left} more have no feature pyramid")
    if pattern is None:
        say("streetseg encoders PATTERN  looks through all of timm's, e.g. streetseg encoders 'resnext*'", whole=True)
