"""The command `streetseg serve`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.options import JsonFlag
from streetseg.cli.output import print_json, say
from streetseg.text import counted

if TYPE_CHECKING:
    from streetseg.cli import outputs

TOKEN = "STREETSEG_TOKEN"


def serve(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="MODEL...",
            help="exported .onnx or .xml files, or hub:OWNER/NAME (default: scenes, the network in the box)",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="address to listen on; one that others reach needs --token")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="port; 0 takes a free one")] = 8000,
    workers: Annotated[int, typer.Option(metavar="N", min=1, help="processes that share the cores")] = 1,
    token: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help=f"what clients must send as Bearer token; better in {TOKEN}"),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(metavar="NAME", help="onnxruntime or openvino; auto: as predict"),
    ] = "auto",
    max_megabytes: Annotated[float, typer.Option(metavar="N", min=0.001, help="larger bodies are refused")] = 20.0,
    max_megapixels: Annotated[float, typer.Option(metavar="N", min=0.001, help="larger images are refused")] = 25.0,
    timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0.1, help="for a body to arrive, for its answer, and for a client to take it"
        ),
    ] = 30.0,
    json: JsonFlag = False,
) -> None:
    """Serve exported models: a web page and an HTTP API."""
    from streetseg.models.hub import located
    from streetseg.pretrained.networks import BOX
    from streetseg.serve.server import serve as run
    from streetseg.serve.settings import Settings

    places = tuple(located(model) for model in models or [Path(BOX)])
    settings = Settings(
        models=places,
        host=host,
        port=port,
        workers=workers,
        token=token if token is not None else os.environ.get(TOKEN),
        engine=engine,
        max_bytes=round(max_megabytes * 1e6),
        max_pixels=round(max_megapixels * 1e6),
        timeout=timeout,
    )

    def on_ready(url: str) -> None:
        if json:
            output: outputs.Serve = {"url": url, "models": [path.stem for path in places], "workers": workers}
            print_json(output)
        else:
            say(f"{counted(len(places), 'model')} served at {url} by {counted(workers, 'worker')}; Ctrl-C stops")

    run(settings, on_ready)
