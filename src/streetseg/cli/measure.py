"""The command `streetseg measure`."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streetseg.cli.model_and_inputs import model_and_inputs
from streetseg.cli.options import EngineFlag, JsonFlag, ModelAndInputs, PrecisionFlag, TileFlag, TtaFlag
from streetseg.cli.output import aligned, counted_bar, print_result, say, tell
from streetseg.text import counted

if TYPE_CHECKING:
    from streetseg.cli import outputs
    from streetseg.results import Measured


def measure(
    inputs: ModelAndInputs,
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder the tables, maps and the page are written to")],
    validation: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="labeled images that the errors of the model are counted on (default: its own validation)",
        ),
    ] = None,
    split: Annotated[str, typer.Option(metavar="S", help="split of --validation")] = "val",
    sample: Annotated[
        bool,
        typer.Option("--sample", help="the images are a sample of a place, and the intervals are about the place"),
    ] = False,
    tta: TtaFlag = False,
    tile: TileFlag = None,
    max_megapixels: Annotated[float, typer.Option(metavar="N", help="larger images are refused")] = 89.0,
    engine: EngineFlag = "auto",
    precision: PrecisionFlag = "fp32",
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps")] = "auto",
    json: JsonFlag = False,
) -> None:
    """Measure the share of each class in images, corrected for the known errors of the model."""
    from streetseg import api

    model, inputs = model_and_inputs("measure", inputs)
    start = time.perf_counter()
    with counted_bar("images", hidden=json) as progress:
        measured = api.measure(
            model,
            inputs,
            out=out,
            validation=validation,
            split=split,
            sample=sample,
            tta=tta,
            tile=tile,
            max_megapixels=max_megapixels,
            engine=engine,
            precision=precision,
            device=device,
            progress=progress,
        )
    unread = measured.unread
    if json:
        output: outputs.Measure = {"out": out, **measured.as_dict, "left_out": measured.left_out}
        print_result(output, unread)
    images = counted(len(measured.measures.images), "image")
    say(f"{images} measured in {time.perf_counter() - start:.1f} s: {measured.report}", "", *share_lines(measured))
    if measured.doubts:
        say("", "the adjusted shares are not to be trusted:", *(f"    {doubt}" for doubt in measured.doubts))
    say("", *measured.as_dict["notes"])
    for name, reason in measured.left_out.items():
        tell(f"{name} is not written: {reason}")
    if unread is not None:
        raise unread


def share_lines(measured: "Measured") -> list[str]:
    """Return the shares as a table in percent: the views, then the classes."""
    titles = {role.key: role.title for role in measured.measures.roles}
    kinds = ("raw", "olofsson", "inverse") if measured.measures.adjusted else ("raw",)
    rows = [("share, %", *kinds)]
    entries: Mapping[str, Mapping[str, Any]] = {**measured.as_dict["roles"], **measured.as_dict["classes"]}
    for key, entry in entries.items():
        cells = (f"{100 * entry[kind]:.1f}{_bracket(entry.get(f'{kind}_interval'))}" for kind in kinds)
        rows.append((titles.get(key, key), *cells))
    return aligned(rows)


def _bracket(bounds: list[float] | None) -> str:
    if bounds is None or bounds[0] != bounds[0]:
        return ""
    return f" [{100 * bounds[0]:.1f}, {100 * bounds[1]:.1f}]"
