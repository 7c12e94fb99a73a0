"""The model card (model_card.md): what a model is, its training data, scores and limits."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streetseg.atomic import atomic_write_text
from streetseg.comparison.groups import Group
from streetseg.comparison.verdict import bracket, caveats
from streetseg.data.source import short_name
from streetseg.metrics.scores import METRICS, PIXEL_SCORES
from streetseg.metrics.selective import SHOWN
from streetseg.report import words
from streetseg.report.confidence import Confidence, confidence_of
from streetseg.text import one_line, without_folders

LIMITS = (
    "- The scores hold for images like the scored ones. Other cameras, cities and weather were not tested.",
    "- Not made for decisions on which the safety of people depends.",
)


def write_model_card(group: Group, folder: Path) -> Path:
    """Write FOLDER/model_card.md about the first network of a group. Return its path."""
    path = folder / "model_card.md"
    atomic_write_text(path, model_card(group))
    return path


def model_card(group: Group, model: str = "RUN_FOLDER") -> str:
    """Return the card as Markdown. Every name in it is escaped.

    Args:
        group: the runs; the card is about the first network.
        model: how the card's own example names the model.
    """
    run = group.first
    return "\n".join(
        [
            *opening(run.model),
            f"- **Trained on:** {plain(short_name(run.data['spec']))}, "
            f"{plain(words.trained_images(run))}, {words.duration(run.recipe.train)}, seed {run.seed}",
            f"- **Parameters:** {words.figure(run.cost['parameters'] / 1e6)} million",
            f"- **Mean IoU:** {100 * group.mean_iou:.1f} {bracket(*group.intervals.overall['mean_iou'])}, "
            f"{group.scores.counted['iou']} of {len(run.classes)} classes counted",
            *_test(group),
            "",
            "## Scores",
            "",
            f"In percent. {plain(words.protocol_line(group))}",
            "",
            *table(["score", "value", "95 % interval"], score_rows(group)),
            "",
            "Computed from counts of pixels, F1 and the Dice coefficient are the same number.",
            "",
            "## Classes",
            "",
            *table(["class", *METRICS], class_rows(group)),
            "",
            "## Limits",
            "",
            *(f"- {plain(note)}" for note in caveats([group], [])),
            *LIMITS,
            "",
            *usage(model),
        ]
    )


def opening(description: Mapping[str, Any]) -> list[str]:
    """Return the first lines of a card, which say what a network is, from model.json or an exported file."""
    encoder, size = plain(description["encoder"]), description["size"]
    input_size = f"as many pixels as {size[0]}×{size[1]}, in the shape of the image" if size else "the image's own size"
    return [
        f"# {encoder} U-Net for {plain(description['space'])}",
        "",
        f"Labels each pixel of a street image with one of {len(description['classes'])} classes. Takes uint8 RGB of "
        f"any size (normalization is inside the network); trained at {input_size}.",
        "",
        f"- **Encoder:** {encoder}",
        f"- **Initial weights:** {plain(without_folders(description['initial_weights']['text']))}",
        f"- **Decoder:** U-Net, {plain(description['decoder'])}",
    ]


def usage(model: str) -> list[str]:
    """Return the last lines of a card, which say how the model is used."""
    return ["## Use", "", f"    streetseg predict {model} IMAGES --out OUT --overlay", ""]


def _test(group: Group) -> list[str]:
    """Return the line on the test split; none where it was not scored."""
    if group.test is None:
        return []
    iou, span = group.test.scores.mean["iou"], bracket(*group.test.intervals.overall["mean_iou"])
    return [f"- **Mean IoU on the test split:** {100 * iou:.1f} {span}. {plain(words.test_protocol(group))}"]


def score_rows(group: Group) -> list[list[str]]:
    """Return the rows of the table of scores: name, value and interval in percent."""
    scores, overall = group.scores, group.intervals.overall
    means = [
        [f"mean {metric}", words.points(scores.mean[metric]), words.span(*overall[f"mean_{metric}"])]
        for metric in METRICS
    ]
    return [
        *means,
        *(
            [heading, words.points(scores.pixel_scores[name]), words.span(*overall[name])]
            for name, heading in PIXEL_SCORES.items()
        ),
        ["expected calibration error", words.points(group.first.scores.get("ece")), ""],
        *_calibration(confidence_of(group)),
    ]


def _calibration(confidence: Confidence | None) -> list[list[str]]:
    """Return the rows on the calibration; none for a run of an earlier version."""
    if confidence is None:
        return []
    return [
        ["expected calibration error before calibration", words.points(confidence.before), ""],
        ["temperature", confidence.calibration, ""],
        *([f"pixel accuracy of the surest {share:.0%}", words.points(value), ""]
          for share, value in zip(SHOWN, confidence.kept, strict=True) if share in (0.9, 0.5)),
    ]  # fmt: skip


def class_rows(group: Group) -> list[list[str]]:
    """Return the rows of the table of classes: name and all scores in percent."""
    return [
        [plain(name), *(words.points(float(group.scores.per_class[metric][c])) for metric in METRICS)]
        for c, name in enumerate(group.first.classes)
    ]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table; the first column is aligned left, the others right."""
    rule = ["---", *("---:" for _ in head[1:])]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]


def plain(text: str) -> str:
    """Escape a text for Markdown: no markup, HTML, entity, line break or invisible character remains active."""
    marked = re.sub(r"([\\`*{}\[\]|#!~$]|(?<!\w)_|_(?!\w))", r"\\\1", one_line(" ".join(text.split())))
    return marked.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
