"""The command `streetseg convert`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.options import DataArgument, JsonFlag, LimitFlag, Overrides, SpaceFlag
from streetseg.cli.output import counted_bar, print_json, say
from streetseg.text import command_line, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streetseg.cli import outputs
    from streetseg.data.convert.convert import Converted

# What a format cannot hold -> how it is said.
_LOST = {
    "ignored_pixels": "pixels are ignored: a polygon format has no ignore, no polygon of their own covers them",
    "holes": "holes are left out: a polygon has none; smaller regions come later and are painted over the larger ones",
    "changed_pixels": "pixels have another label when the polygons are painted in their order",
}


def convert(
    data: DataArgument,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="folder to write to, new or empty")],
    to: Annotated[str, typer.Option("--to", metavar="cityscapes|coco|folder|shards|yolo", help="format to write")],
    overrides: Overrides = None,
    space: SpaceFlag = None,
    limit: LimitFlag = None,
    json: JsonFlag = False,
) -> None:
    """Write a data set in another format: Cityscapes, COCO, YOLO, tar shards, or folders with a data.yaml."""
    from streetseg import api
    from streetseg.recipe.load import CHECK_FIELDS, load_recipe, require_meaning

    flags = {"data.source": data, "data.space": space, "data.limit": limit}
    config = load_recipe(None, overrides or [], flags=flags, by_kind=False)
    require_meaning(overrides or [], "convert", CHECK_FIELDS)
    with counted_bar("images", hidden=json) as progress:
        converted = api.convert(data, to, out, recipe=config, progress=progress)
    if json:
        output: outputs.Convert = {
            "folder": converted.folder,
            "data": converted.data,
            "space": converted.space,
            "splits": converted.splits,
            "copied": converted.copied,
            "encoded": converted.encoded,
            "lost": converted.lost,
        }
        print_json(output)
        return
    say(*summary(converted))
    say(f"next: {command_line(['streetseg', 'check', converted.data])}", whole=True)


def summary(converted: "Converted") -> "Iterator[str]":
    """Yield what was written, and what the format cannot hold, as lines for a terminal."""
    splits = ", ".join(f"{name} ({images})" for name, images in converted.splits.items())
    yield f"{splits} written in {converted.space}: {converted.folder}"
    stored = [f"{counted(converted.copied, 'image')} copied byte for byte"] if converted.copied else []
    stored += [f"{counted(converted.encoded, 'image')} written as PNG, without loss"] if converted.encoded else []
    yield ", ".join(stored)
    for what, number in converted.lost.items():
        yield f"not kept: {number:,} {_LOST[what]}"
