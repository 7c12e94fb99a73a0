"""The card of a published network as a page in Markdown."""

from streetseg.json_files.network import NetworkCard
from streetseg.pretrained.networks import BOX


def card_page(card: NetworkCard) -> str:
    """Return the page: what the network is, its condition, its scores, and how it is used and made again."""
    # The network in the box has a name that commands take; the file of any other one is beside this page.
    model = BOX if card["name"] == BOX else card["scored"] if card["scored"].endswith(".onnx") else "."
    height, width = card["size"]
    lines = [
        f"# {card['name']}",
        "",
        f"{card['about']}.",
        "",
        f"- network: {card['encoder']} with the {card['decoder']} decoder, {card['parameters'] / 1e6:.2f} M parameters",
        f"- classes: {', '.join(card['classes'])}",
        f"- trained on: {card['trained_on']}, at {height}x{width}",
        f"- initial weights: {card['initial_weights']}",
        f"- license: {card['license']}",
        f"- condition: {card['condition'] or 'none'}",
        "",
        "## Scores",
        "",
        f"Of {card['scored']}:",
        "",
        "| data | split | video | images | mean IoU, % | |",
        "|---|---|---|---|---|---|",
        *(
            f"| {score['data']} | {score['split']} | {score['video'] or 'all'} | {score['images']} "
            f"| {100 * score['iou']:.2f} | {score['note'] or ''} |"
            for score in card["scores"]
        ),
        "",
        *(f"- {name.replace('_', ' ')}: {value}" for name, value in card["protocol"].items() if value),
        "",
        "## Use it",
        "",
        "```sh",
        f"streetseg predict {model} photo.jpg --out masks",
        "```",
        "",
        "## Make it again",
        "",
        "```sh",
        *card["rebuild"],
        "```",
    ]
    return "\n".join(lines) + "\n"
