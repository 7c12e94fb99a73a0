"""The protocol of an evaluation: data, resolution and rules of the scores. No score is printed without it."""

from typing import TYPE_CHECKING, Any

from streetseg.arrays import Size
from streetseg.data.source import short_name
from streetseg.evaluation.evaluate import Evaluation
from streetseg.inference.logits import Views, views_of
from streetseg.inference.predictor import Predictor
from streetseg.metrics.scores import RULES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streetseg.json_files.scores import Protocol


def protocol(evaluation: Evaluation, predictor: Predictor, *, dataset: str, split: str) -> "Protocol":
    """Return the protocol of an evaluation, ready for JSON.

    Args:
        dataset: the data set as on the command line, e.g. "camvid:/data/CamVid"; parent folders are left out.
        split: the name of the evaluated split.
    """
    views = views_of(predictor.tta)
    return {
        "dataset": short_name(dataset),
        "split": split,
        "images": len(evaluation.counts.names),
        "label_space": evaluation.space.name,
        "classes": evaluation.space.num_classes,
        "resolution": _sizes(evaluation.label_sizes),
        "network_resolution": _sizes(evaluation.network_sizes),
        "ignore": f"pixels labeled {evaluation.space.ignore_index} are counted nowhere",
        "absent": "a class in neither ground truth nor prediction is left out of a mean; one only predicted has IoU 0",
        "test_time": _averaged(views) if views else "one view, no flip",
        "tile": predictor.tile,
        "engine": predictor.engine.name,
        "precision": predictor.engine.precision,
        "rules": RULES,
    }


def protocol_line(terms: "Mapping[str, Any]") -> str:
    """Return the protocol as one line, for a terminal or below a table."""
    engine = terms.get("engine", "torch")  # scores.json of earlier versions has no engine
    return (
        f"{terms['dataset']} {terms['split']}, {terms['images']} images, {terms['label_space']} "
        f"({terms['classes']} classes), scored at {terms['resolution']} (network: {terms['network_resolution']}), "
        f"{terms['ignore']}, {terms['test_time']}, {engine} {terms['precision']}, "
        f"rules version {terms['rules']}"
    )


def _averaged(views: Views) -> str:
    """Return "mean logits of scales 0.75, 1, 1.25, each also mirrored"."""
    scales = ", ".join(f"{scale:g}" for scale in views.scales)
    return f"mean logits of scales {scales}{', each also mirrored' if views.flip else ''}"


def _sizes(sizes: tuple[Size, ...]) -> str:
    """Return "360x480" for one size, "360x480 to 720x960" for several sorted ones."""
    smallest, largest = sizes[0], sizes[-1]
    text = f"{smallest[0]}x{smallest[1]}"
    return text if len(sizes) == 1 else f"{text} to {largest[0]}x{largest[1]}"
