"""The values that the scripts of the report read: encoders, classes and the images of the viewer, as JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from streetseg.comparison.groups import Group
from streetseg.metrics.scores import per_image
from streetseg.report.charts.svg import series_class
from streetseg.report.gallery import Gallery
from streetseg.report.words import points
from streetseg.text import one_line


@dataclass(frozen=True)
class ImageRow:
    """The mean IoU of one scored image for each encoder, 0..1; NaN for an image without ground truth."""

    name: str
    scores: tuple[float, ...]


def image_rows(groups: Sequence[Group]) -> list[ImageRow]:
    """Return one row for each scored image, the worst first, those without ground truth last."""
    table = np.stack([per_image(group.counts.counts)["iou"] for group in groups], axis=1)
    order = np.argsort(table.mean(axis=1), kind="stable")  # NaN is sorted to the end
    return [ImageRow(groups[0].counts.names[i], tuple(float(score) for score in table[i])) for i in order]


def page_data(groups: Sequence[Group], letters: Sequence[str], gallery: Gallery) -> Markup:
    """Return the JSON for a <script type="application/json"> element."""
    first = groups[0].first
    content = {
        "encoders": [
            {"letter": letter, "name": one_line(group.name), "css": series_class(k)}
            for k, (letter, group) in enumerate(zip(letters, groups, strict=True))
        ],
        "classes": [
            {"name": one_line(name), "color": list(color)}
            for name, color in zip(first.classes, first.colors, strict=True)
        ],
        "images": [
            {
                "name": one_line(image.name),
                "photograph": image.photograph,
                "labels": image.labels,
                "scores": [points(score) for score in image.scores],
                "class_scores": [[_number(score) for score in scores] for scores in image.class_scores],
            }
            for image in gallery.images
        ],
    }
    # An end tag inside a text would end the element.
    return Markup(json.dumps(content, separators=(",", ":")).replace("<", "\\u003c"))


def _number(score: float | None) -> float | None:
    return None if score is None else round(100 * score, 1)
