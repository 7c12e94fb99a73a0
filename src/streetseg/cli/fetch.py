"""The command `streetseg fetch`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.options import JsonFlag
from streetseg.cli.output import counted_bar, print_json, say, tell
from streetseg.text import command_line, counted

if TYPE_CHECKING:
    from streetseg.cli import outputs


def fetch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="camvid, camvid-full, cityscapes, scenes, or gdrive:LINK")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="a new folder, or one that a cut download left")],
    mirror: Annotated[str | None, typer.Option(metavar="URL", help="the same archive at another address")] = None,
    json: JsonFlag = False,
) -> None:
    """Download a data set, check it, and unpack it."""
    from streetseg import api
    from streetseg.data.fetch import terms_of

    if (terms := terms_of(name)) and not json:
        tell(terms)
    with counted_bar(name, hidden=json) as on_bytes:
        fetched = api.fetch(name, out, mirror=mirror, progress=on_bytes)
    if json:
        output: outputs.Fetch = {
            "out": fetched.folder,
            "data": fetched.data,
            "files": fetched.files,
            "terms": fetched.terms,
        }
        print_json(output)
        return
    say(f"{counted(fetched.files, 'file')} in {fetched.folder}")
    say(f"next: {command_line(['streetseg', 'check', str(fetched.data or fetched.folder)])}", whole=True)
