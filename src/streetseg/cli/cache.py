"""The commands of `streetseg cache`: show, clear."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.commands import Group
from streetseg.cli.help import Command
from streetseg.cli.options import JsonFlag
from streetseg.cli.output import aligned, print_json, say
from streetseg.text import counted, size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streetseg.cli import outputs
    from streetseg.data.cached_stores import CachedStore

DAY = 86400  # seconds

app = typer.Typer(
    cls=Group,
    add_completion=False,
    rich_markup_mode=None,
    help="Show the decoded images that are kept on the disk, or remove them.",
)


@app.command(cls=Command)
def show(json: JsonFlag = False) -> None:
    """Show the size, data set and last use of each store of decoded images."""
    from streetseg.data.budget import budget
    from streetseg.data.cached_stores import cached_stores
    from streetseg.data.sources.drawn import bytes_of, drawn_folders
    from streetseg.data.store import default_cache

    folder = default_cache()
    stores, limit = cached_stores(folder), budget(None, folder)
    size, drawn = sum(store.bytes for store in stores), bytes_of(drawn_folders(folder))
    if json:
        output: outputs.CacheShow = {
            "folder": folder,
            "bytes": size,
            "budget_bytes": round(limit.bytes),
            "stores": [*map(_facts, stores)],
            "drawn_bytes": drawn,
        }
        print_json(output)
        return
    say(f"{folder}: {counted(len(stores), 'store')} of decoded images, {size_text(size)}")
    say(*aligned(_table(stores), right=(0, 1)) if stores else ())
    if drawn:
        say(f"and {size_text(drawn)} of drawn streets, for data.extra=scenes")
    say(f"a new one may take {size_text(limit.bytes)}, half of the free disk; data.cache_gb=N sets another budget")


@app.command(cls=Command)
def clear(
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", metavar="DAYS", min=0, help="only those that were not used for so long"),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Remove stores of decoded images, and drawn streets; they are made again when they are needed."""
    from streetseg.data.cached_stores import cached_stores, remove_stores
    from streetseg.data.sources.drawn import remove_drawn
    from streetseg.data.store import default_cache

    latest = time.time() - DAY * (older_than or 0)
    folder = default_cache()
    removed, kept = remove_stores(store for store in cached_stores(folder) if store.last_use <= latest)
    size, drawn = sum(store.bytes for store in removed), remove_drawn(folder, latest)
    if json:
        output: outputs.CacheClear = {
            "removed": [*map(_facts, removed)],
            "bytes": size,
            "in_use": [*map(_facts, kept)],
            "drawn_bytes": drawn,
        }
        print_json(output)
        return
    say(f"removed {counted(len(removed), 'store')} of decoded images, {size_text(size)}")
    if drawn:
        say(f"removed {size_text(drawn)} of drawn streets")
    for store in kept:
        say(f"in use by another process, kept: {store.folder}")


def _facts(store: "CachedStore") -> "outputs.CachedStore":
    index = store.index
    return {
        "data": index["spec"] if index else None,
        "split": index["split"] if index else None,
        "images": len(index["images"]) if index else None,
        "bytes": store.bytes,
        "last_use": _time(store.last_use),
        "unused": store.unused,
        "folder": store.folder,
    }


def _table(stores: "Sequence[CachedStore]") -> list[list[str]]:
    rows = [["size", "images", "split", "last used", "data"]]
    for store in stores:
        facts = _facts(store)
        data = [facts["data"], store.unused and f"({store.unused})"]
        rows.append(
            [
                size_text(store.bytes),
                str(facts["images"] or "?"),
                facts["split"] or "?",
                facts["last_use"],
                " ".join(filter(None, data)),
            ]
        )
    return rows


def _time(seconds: float) -> str:
    """Return a time as local date, hour and minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
