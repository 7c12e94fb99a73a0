"""The command `streetseg init`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.options import JsonFlag
from streetseg.cli.output import print_json, say

if TYPE_CHECKING:
    from streetseg.cli import outputs


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a folder of images and masks")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.yaml", help="file to write, which must not exist")],
    images: Annotated[str | None, typer.Option(metavar="GLOB", help="the files in DIR that may be images")] = None,
    masks: Annotated[str | None, typer.Option(metavar="GLOB", help="the files in DIR that may be masks")] = None,
    json: JsonFlag = False,
) -> None:
    """Write the data.yaml of a folder of images and masks, with a comment on each line."""
    from streetseg import api
    from streetseg.text import command_line, read_text

    written = api.init(folder, out, images=images, masks=masks)
    if json:
        output: outputs.Init = {"out": written}
        print_json(output)
        return
    say(*read_text(written).splitlines(), whole=True)
    say("", f"written: {written}")
    say(f"next: {command_line(['streetseg', 'check', f'folder:{written}'])}", whole=True)
