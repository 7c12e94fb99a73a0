"""The command `streetseg bench`."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from streetseg.arguments import as_size
from streetseg.cli.options import JsonFlag, PrecisionFlag, SpaceFlag
from streetseg.cli.output import aligned, print_json, say
from streetseg.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streetseg.cli import outputs

CLOSE = 0.5  # points of mean IoU that a faster model may have less than the best


def bench(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...", help="bundle or run folders, .onnx, .xml or .tflite files, or hub:OWNER/NAME"
        ),
    ],
    size: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="height and width of the images (default: as in training)"),
    ] = None,
    batch: Annotated[int, typer.Option(metavar="N", min=1, help="images at a time")] = 1,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="torch, onnxruntime, openvino or litert (default: all that run the model)",
        ),
    ] = None,
    precision: PrecisionFlag = "fp32",
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps")] = "auto",
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="labeled images: the mean IoU stands beside the milliseconds")
    ] = None,
    split: Annotated[str, typer.Option(metavar="S", help="split of --data to score on")] = "val",
    space: SpaceFlag = None,
    json: JsonFlag = False,
) -> None:
    """Measure latency, throughput and memory, and the mean IoU."""
    requested = as_size(size) if size else None

    from streetseg.evaluation.bench import bench_models
    from streetseg.models.hub import located
    from streetseg.recipe.schema import Data

    measured = bench_models(
        [(located(path), None) for path in models],
        requested,
        engine=engine,
        device=device,
        precision=precision,
        batch=batch,
        data=None if data is None else Data(source=data, space=space),
        split=split,
    )
    if json:
        output: outputs.Bench = {"models": cast("list[outputs.Benched]", measured)}
        print_json(output)
        return
    say(*aligned(table(measured), right=range(4, 9)))
    for line in notes(measured):
        say(line)


def table(measured: "Sequence[Mapping[str, Any]]") -> list[list[str]]:
    """Return a heading and a row for each measurement; the last column is the mean IoU, where one was computed."""
    heading = ["model", "engine", "precision", "images", "p50 ms", "p95 ms", "images/s", "MiB"]
    scored = "mean_iou" in measured[0]
    rows = [heading + ["mean IoU"] * scored]
    for row in measured:
        latency, memory = row["latency_ms"], row["peak_memory_mb"]
        rows.append(
            [
                str(row["model"]),
                row["engine"],
                row["precision"] + " *" * bool(row["auto"]),
                f"{row['batch']} of {_size(row['size'])}",
                f"{latency['p50']:.1f}",
                f"{latency['p95']:.1f}",
                f"{row['images_per_second']:.1f}",
                "–" if math.isnan(memory) else f"{memory:.0f}",  # the system does not report it
                *([f"{100 * row['mean_iou']:.2f}"] if scored else []),
            ]
        )
    return rows


def notes(measured: "Sequence[Mapping[str, Any]]") -> Iterator[str]:
    """Yield what the table does not hold: the machine, the networks, and what to take."""
    yield ""
    devices = ", ".join(sorted({row["device"] for row in measured}))
    yield f"on {devices}, {counted(measured[0]['threads'], 'thread')}"
    seen = {str(row["model"]): row for row in measured}
    for model, row in seen.items():
        facts = [row["encoder"], f"sees {_size(row['network_size'])}"]
        if "macs" in row:
            facts += [f"{row['parameters'] / 1e6:.2f} M parameters", f"{row['macs'] / 1e9:.2f} G MACs an image"]
        yield f"{model}: {', '.join(facts)}"
    if any(row["auto"] for row in measured):
        yield "* engine auto takes it for many images; it has measured that on this machine and remembers it"
    if "mean_iou" in measured[0]:
        best = max(row["mean_iou"] for row in measured)
        good = [row for row in measured if 100 * (best - row["mean_iou"]) <= CLOSE]
        if good:
            row = min(good, key=lambda row: row["latency_ms"]["p50"])
            yield (
                f"fastest within {CLOSE:g} points of the best mean IoU: {row['model']} in {row['engine']}, "
                f"{row['precision']}, {row['latency_ms']['p50']:.1f} ms"
            )


def _size(size: "Sequence[int]") -> str:
    return f"{size[0]}x{size[1]}"
