"""The command `streetseg bench`."""

from pathlib import Path
from typing import Annotated

import typer

from streetseg.arguments import as_size
from streetseg.cli import completion
from streetseg.cli.options import JsonFlag, PrecisionFlag
from streetseg.cli.output import print_json, say


def bench(
    models: Annotated[
        list[Path], typer.Argument(metavar="MODEL...", help="bundle or run folders, .onnx, .xml or .tflite files")
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
            autocompletion=completion.engine,
            help="torch, onnxruntime, openvino or litert (default: all that run the model)",
        ),
    ] = None,
    precision: PrecisionFlag = "fp32",
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps")] = "auto",
    json: JsonFlag = False,
) -> None:
    """Measure latency, throughput and memory."""
    requested = as_size(size) if size else None

    from streetseg.inference.bench import measure_models

    paths = [(path, None) for path in models]
    costs = measure_models(paths, requested, engine=engine, device=device, precision=precision, batch=batch)
    if json:
        print_json({"models": costs})
        return
    for cost in costs:
        height, width = cost["size"]
        latency = cost["latency_ms"]
        say(f"{cost['model']} ({cost['encoder']}), {cost['engine']} on {cost['device']}, {cost['threads']} threads")
        network_size = "{}x{}".format(*cost["network_size"])
        note = "" if cost["network_size"] == cost["size"] else f" (the network sees {network_size})"
        say(f"    images      {cost['batch']} of {height}x{width}{note}, {cost['precision']}, {cost['runs']} runs")
        say(f"    latency     {latency['p50']:.1f} ms (p50), {latency['p95']:.1f} ms (p95)")
        say(f"    throughput  {cost['images_per_second']:.1f} images/s")
        if cost["peak_memory_mb"] == cost["peak_memory_mb"]:  # NaN: the system does not report it
            say(f"    memory      {cost['peak_memory_mb']:.0f} MiB")
        if "macs" in cost:
            parameters, macs = cost["parameters"] / 1e6, cost["macs"] / 1e9
            say(f"    network     {parameters:.2f} M parameters, {macs:.2f} G MACs an image")
