"""The command `streetseg push`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.options import JsonFlag
from streetseg.cli.output import print_json, say, tell

if TYPE_CHECKING:
    from streetseg.cli import outputs


def push(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="finished run folder, bundle folder, .onnx, .xml or .tflite")
    ],
    repository: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="repository; made where it is missing")],
    private: Annotated[bool, typer.Option("--private", help="only its owner can see the repository")] = False,
    license: Annotated[
        str | None,
        typer.Option(metavar="ID", help="license of the model as the Hub names it, e.g. apache-2.0 (default: none)"),
    ] = None,
    message: Annotated[str | None, typer.Option(metavar="TEXT", help="message of the commit")] = None,
    revision: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="branch; made where it is missing (default: main)")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Push a model to the Hugging Face Hub, with a model card."""
    from streetseg import api

    pushed = api.push(model, repository, private=private, message=message, revision=revision, license=license)
    if json:
        output: outputs.Push = {
            "model": pushed.model,
            "url": pushed.url,
            "commit": pushed.commit,
            "revision": pushed.revision,
            "private": pushed.private,
            "license": pushed.license,
            "files": pushed.files,
        }
        print_json(output)
        return
    say(f"{pushed.url}: commit {pushed.commit} on {pushed.revision}{', private' if pushed.private else ''}")
    for name, digest in pushed.files.items():
        say(f"    {name:<20} SHA-256 {digest}")
    say(f"    use                  streetseg predict {pushed.model} IMAGES --out DIR", whole=True)
    if pushed.license is None:
        tell("the card states no license, so nobody knows what is allowed: --license ID states one")
