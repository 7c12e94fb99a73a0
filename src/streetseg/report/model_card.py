"""model_card.md: what a network is, what it was trained on, how good it is and where it is not."""

import re
from collections.abc import Sequence
from pathlib import Path

from streetseg.atomic import atomic_write_text
from streetseg.comparison.groups import Group
from streetseg.comparison.verdict import bracket, caveats
from streetseg.data.source import short_name
from streetseg.metrics.scores import METRICS
from streetseg.report import words
from streetseg.text import one_line


def write_model_card(group: Group, folder: Path) -> Path:
    """Writes FOLDER/model_card.md about the first network of a group. Returns its path."""
    path = folder / "model_card.md"
    atomic_write_text(path, model_card(group))
    return path


def model_card(group: Group) -> str:
    """The card as Markdown; every name in it is plain text, whatever it holds."""
    run, scores, overall = group.first, group.scores, group.intervals.overall
    size = run.recipe.data.size
    seen = f"as many pixels as {size[0]}×{size[1]}, in its own shape" if size else "its own size"
    splits = run.data["splits"]
    means = [
        [f"mean {metric}", words.points(scores.mean[metric]), words.span(*overall[f"mean_{metric}"])]
        for metric in METRICS
    ]
    rest = [
        ["pixel accuracy", words.points(scores.pixel_accuracy), words.span(*overall["pixel_accuracy"])],
        ["expected calibration error", words.points(run.scores.get("ece")), ""],
    ]
    classes = [
        [plain(name), *(words.points(float(scores.per_class[metric][c])) for metric in METRICS)]
        for c, name in enumerate(run.classes)
    ]
    limits = [plain(note) for note in caveats([group], [])]
    return "\n".join(
        [
            f"# {plain(run.encoder)} U-Net for {plain(run.data['space'])}",
            "",
            f"Labels each pixel of a street image with one of {len(run.classes)} classes. Takes uint8 RGB of any "
            f"size (normalization is inside the network); trained at {seen}.",
            "",
            f"- **Encoder:** {plain(run.encoder)}",
            f"- **Initial weights:** {plain(run.initial_weights['text'])}",
            f"- **Decoder:** U-Net, {plain(run.recipe.model.decoder)}",
            f"- **Trained on:** {plain(short_name(run.data['spec']))}, "
            f"{splits[run.recipe.data.train_split]['images']} images, "
            f"{words.duration(run.recipe.train)}, seed {run.seed}",
            f"- **Parameters:** {words.figure(run.cost['parameters'] / 1e6)} million",
            f"- **Mean IoU:** {100 * group.mean_iou:.1f} {bracket(*overall['mean_iou'])}, "
            f"{scores.counted['iou']} of {len(run.classes)} classes counted",
            "",
            "## Scores",
            "",
            f"In percent. {plain(words.protocol_line(group))}",
            "",
            *table(["score", "value", "95 % interval"], means + rest),
            "",
            "F1 and the Dice coefficient are one number on counts of pixels.",
            "",
            "## Classes",
            "",
            *table(["class", *METRICS], classes),
            "",
            "## Limits",
            "",
            *(f"- {limit}" for limit in limits),
            "- Scores hold for images like those it was scored on; other cameras, cities, weather were not tried.",
            "- Not made for decisions on which somebody's safety depends.",
            "",
            "## Use",
            "",
            "    streetseg predict RUN_FOLDER IMAGES --out OUT --overlay",
            "",
        ]
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table, the first column to the left, the others to the right."""
    rule = ["---", *("---:" for _ in head[1:])]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]


def plain(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, no entity, no line break, nothing invisible."""
    marked = re.sub(r"([\\`*{}\[\]|#!~$]|(?<!\w)_|_(?!\w))", r"\\\1", one_line(" ".join(text.split())))
    return marked.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
