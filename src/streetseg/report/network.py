"""The network of an encoder part by part, as rows of a table: encoder, decoder and head."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streetseg.comparison.groups import Group

# kind of initial weights -> what the parts of the network began from: encoder, decoder, head
BEGAN_FROM = {
    "random": ("random", "random", "random"),
    "bundle": ("an earlier run", "an earlier run", "an earlier run, by class name"),
}
PRETRAINED = ("pretrained", "random", "random")  # of all other kinds: they have weights of the encoder only


@dataclass(frozen=True)
class PartRow:
    """One part of a network.

    Args:
        name: part and place in it, such as "encoder, stage 1".
        channels: number of channels of the output.
        size: height and width of the output.
        parameters: number of parameters.
        macs: multiply-accumulates for one image, millions.
        began_from: the initial weights.
    """

    name: str
    channels: str
    size: str
    parameters: int
    macs: float
    began_from: str


def part_rows(group: Group) -> Sequence[PartRow]:
    """Return the parts of the group's first network in the order of computation; none where they were not counted."""
    return [_row(part, group.first.initial_weights["kind"]) for part in group.first.cost.get("parts", [])]


def _row(part: Mapping[str, Any], kind: str) -> PartRow:
    channels, *size = part["shape"] or ["–"]  # modules that are never called return nothing
    began_from = dict(zip(("encoder", "decoder", "head"), BEGAN_FROM.get(kind, PRETRAINED), strict=True))
    return PartRow(
        f"{part['part']}, {part['name']}",
        str(channels),
        "×".join(map(str, size)) or "–",
        part["parameters"],
        part["macs"] / 1e6,
        began_from.get(part["part"], "–"),
    )
