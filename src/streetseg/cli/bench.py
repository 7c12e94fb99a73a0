"""streetseg bench"""

from pathlib import Path
from typing import Annotated, Any

import typer

from streetseg.cli.options import JsonFlag
from streetseg.cli.output import print_json, say
from streetseg.cli.size import parse_size
from streetseg.errors import RequestError


def bench(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL...", help="bundle or run folders")],
    size: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="height and width of the pictures (what the model was trained for)"),
    ] = None,
    batch: Annotated[int, typer.Option(metavar="N", min=1, help="pictures at a time")] = 1,
    precision: Annotated[str, typer.Option(metavar="NAME", help="fp32 or bf16")] = "fp32",
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1")] = "auto",
    json: JsonFlag = False,
) -> None:
    """Measure latency, throughput and memory."""
    asked = parse_size(size) if size else None

    from streetseg.inference.cost import measure_cost
    from streetseg.models.bundle import load_bundle
    from streetseg.runtime.device import choose_device

    chosen = choose_device(device)
    measured: list[dict[str, Any]] = []
    for path in models:
        segmenter, _ = load_bundle(path)
        pictures = asked or segmenter.size
        if pictures is None:
            raise RequestError("the model was trained for no one size", where=path, hint="--size HxW, e.g. 512x1024")
        measured.append(
            {"model": path, "encoder": segmenter.encoder_name, "engine": "torch"}
            | measure_cost(segmenter, pictures, chosen, precision, batch=batch)
        )
    if json:
        print_json({"models": measured})
        return
    for cost in measured:
        height, width = cost["size"]
        latency = cost["latency_ms"]
        say(f"{cost['model']} ({cost['encoder']}), {cost['engine']} on {cost['device']}, {cost['threads']} threads")
        say(f"    pictures    {cost['batch']} of {height}x{width}, {cost['precision']}, {cost['runs']} runs")
        say(f"    latency     {latency['p50']:.1f} ms (p50), {latency['p95']:.1f} ms (p95)")
        say(f"    throughput  {cost['images_per_second']:.1f} images/s")
        say(f"    memory      {cost['peak_memory_mb']:.0f} MiB")
        say(f"    network     {cost['parameters'] / 1e6:.2f} M parameters, {cost['macs'] / 1e9:.2f} G MACs a picture")
