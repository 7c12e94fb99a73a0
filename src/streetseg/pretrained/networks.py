"""The cards of the published networks, and the network in the box, whose files are part of the package."""

import json
import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from streetseg.errors import RequestError, did_you_mean

if TYPE_CHECKING:  # else the Tab key waits for pydantic
    from streetseg.json_files.network import NetworkCard

log = logging.getLogger("streetseg")

BOX = "scenes"  # name of the network in the box
FOLDER = Path(__file__).parent  # holds NAME.json of each network, and the folder of the one in the box


@cache
def cards() -> "dict[str, NetworkCard]":
    """Return the card of each published network by its name, that of the network in the box first."""
    names = sorted((path.stem for path in FOLDER.glob("*.json")), key=lambda name: (name != BOX, name))
    return {name: cast("NetworkCard", json.loads((FOLDER / f"{name}.json").read_text("utf-8"))) for name in names}


def card_of(name: str) -> "NetworkCard":
    """Return the card of a published network. Raise RequestError for another name."""
    if name not in cards():
        hint = did_you_mean(name, cards()) or "streetseg networks lists them"
        raise RequestError("there is no published network of this name", where=name, hint=hint)
    return cards()[name]


def box_model() -> Path:
    """Return the ONNX file of the network in the box, which needs no torch. The log says which network it is."""
    say_box()
    return FOLDER / BOX / f"{BOX}.onnx"


def box_bundle() -> Path:
    """Return the bundle of the network in the box. The log says which network it is."""
    say_box()
    return FOLDER / BOX


def say_box() -> None:
    """Log which network is in the box, and its score."""
    log.info("network in the box: %s", summary(card_of(BOX)))


def summary(card: "NetworkCard") -> str:
    """Return name and score of a network in one line, with what it was scored on."""
    return f"{card['name']}, {score_line(card)}; {card['about']}"


def score_line(card: "NetworkCard") -> str:
    """Return the score of a network to quote, in percent, with its protocol."""
    score, protocol = card["scores"][0], card["protocol"]
    where = f"{score['images']} images of {score['data']} {score['split']}"
    rules = f"{len(card['classes'])} classes, {protocol['test_time']}, {protocol['precision']}"
    return f"mean IoU {100 * score['iou']:.1f} % on {where} ({rules})"
