"""The commands of `streetseg networks`: list, get."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streetseg.cli.commands import Group
from streetseg.cli.help import Command
from streetseg.cli.options import JsonFlag
from streetseg.cli.output import aligned, counted_bar, print_json, say, tell
from streetseg.text import command_line, counted, size_text

if TYPE_CHECKING:
    from streetseg.cli import outputs
    from streetseg.json_files.network import NetworkCard, NetworkScore


class ListFirst(Group):
    """The group, in which `list` is meant where no command is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = [arg for arg in args if not arg.startswith("-")] or {"-h", "--help"} & set(args)
        rest: list[str] = super().parse_args(ctx, args if named else ["list", *args])
        return rest


app = typer.Typer(cls=ListFirst, add_completion=False, rich_markup_mode=None, help="List and fetch trained networks.")


@app.command("list", cls=Command)
def list_networks(json: JsonFlag = False) -> None:
    """List the trained networks: the one in the box, and those that `get` fetches."""
    from streetseg.data.fetch_network import place_of
    from streetseg.pretrained.networks import BOX, cards

    places = {name: f"{place_of(name)}/{name}" for name in cards()}
    if json:
        output: outputs.NetworksList = {"box": BOX, "networks": list(cards().values()), "places": places}
        print_json(output)
        return
    for card in cards().values():
        say(card["name"] + (" (in the box)" if card["name"] == BOX else ""), *_lines(card, places[card["name"]]), "")
    say("use it       streetseg predict scenes photo.jpg --out masks, or without a name: the box is meant", whole=True)
    say("fetch it     streetseg networks get NETWORK --out DIR", whole=True)


def _lines(card: "NetworkCard", place: str) -> list[str]:
    """Return the card and the place of the files in lines for a terminal."""
    files = card["files"]
    rows = [
        ("about", card["about"]),
        ("network", f"{card['encoder']}, {card['decoder']} decoder, {card['parameters'] / 1e6:.2f} M parameters"),
        ("classes", f"{len(card['classes'])}: {', '.join(card['classes'])}"),
        ("trained on", card["trained_on"]),
        *(("mean IoU", f"{100 * score['iou']:.1f} % on {_scored_on(score)}") for score in card["scores"]),
        ("", f"of {card['scored']}; {card['protocol']['test_time']}, {card['protocol']['resolution']}"),
        *(("file", f"{name}, {size_text(facts['bytes'])}, SHA-256 {facts['sha256']}") for name, facts in files.items()),
        ("place", place),
        ("license", card["license"]),
        ("condition", card["condition"] or "none"),
        *(("rebuild", command) for command in card["rebuild"]),
    ]
    before, unique = "", []
    for head, text in rows:
        unique.append(("" if head == before else head, text))
        before = head
    return [f"    {line}" for line in aligned(unique)]


def _scored_on(score: "NetworkScore") -> str:
    """Return what a score was measured on."""
    video = f" of video {score['video']}" if score["video"] else ""
    note = f", {score['note']}" if score["note"] else ""
    return f"{counted(score['images'], 'image')}{video} ({score['data']} {score['split']}{note})"


@app.command(cls=Command)
def get(
    name: Annotated[str, typer.Argument(metavar="NETWORK", help="its name; streetseg networks lists them")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="a new folder")],
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="folder or address with the folder NETWORK in it, or hub:OWNER/NAME (default: streetseg's repository)",
        ),
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="accept the condition of use")] = False,
    json: JsonFlag = False,
) -> None:
    """Fetch a trained network after showing its condition of use, and check it."""
    from streetseg import api
    from streetseg.pretrained.networks import card_of

    condition = card_of(name)["condition"]
    if condition and not json:
        tell(condition)
        accept = accept or _accepted()
    with counted_bar(name, hidden=json) as on_bytes:
        fetched = api.get_network(name, out, mirror=mirror, accept=accept, progress=on_bytes)
    if json:
        output: outputs.NetworksGet = {
            "out": fetched.folder,
            "model": fetched.model,
            "files": fetched.files,
            "condition": fetched.condition,
        }
        print_json(output)
        return
    say(f"{counted(fetched.files, 'file')} in {fetched.folder}")
    say(f"use: {command_line(['streetseg', 'predict', str(fetched.model)])} INPUT... --out DIR", whole=True)


def _accepted() -> bool:
    """Return whether a person at a terminal types yes."""
    if not sys.stdin.isatty():
        return False
    return str(typer.prompt("accept this condition? (yes/no)", err=True)).strip().lower() == "yes"
