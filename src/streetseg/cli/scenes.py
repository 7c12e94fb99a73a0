"""The command `streetseg scenes`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.arguments import as_size
from streetseg.cli.options import JsonFlag
from streetseg.cli.output import print_json, progress_bar, say
from streetseg.text import command_line, counted

if TYPE_CHECKING:
    from streetseg.cli import outputs


def scenes(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="folder to write to, new or empty")],
    count: Annotated[
        int, typer.Option(metavar="N", min=1, help="number of images; a fifth of them forms the split val")
    ] = 250,
    size: Annotated[str, typer.Option(metavar="HxW", help="height and width of the images")] = "256x512",
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="seed of the scenes; another seed gives other scenes")
    ] = 0,
    json: JsonFlag = False,
) -> None:
    """Write the built-in street scenes in Cityscapes layout."""
    from streetseg.data.sources.scenes import ScenesSource
    from streetseg.scenes.export import require_empty_folder, write_scenes
    from streetseg.scenes.render import SCENES_VERSION

    val = max(count // 5, min(1, count - 1))
    source = ScenesSource(train=count - val, val=val, size=as_size(size), seed=seed)
    require_empty_folder(out)
    start = time.perf_counter()
    with progress_bar("scenes", count, hidden=json) as advance:
        write_scenes(source.jobs(), out, seed=seed, size=source.size, on_scene=lambda: advance(1))
    seconds = time.perf_counter() - start
    if json:
        output: outputs.Scenes = {
            "out": out,
            "splits": {name: len(samples) for name, samples in source.splits.items() if samples},
            "size": source.size,
            "seed": seed,
            "version": SCENES_VERSION,
            "seconds": seconds,
        }
        print_json(output)
    else:
        say(f"{counted(count, 'scene')} written in {seconds:.1f} s: {out}")
        check = ["streetseg", "check", f"cityscapes:{out}", "data.space=street-11"]
        say(f"next: {command_line(check)}", whole=True)
