"""What a score was measured on, and by which rules. No score is printed without it."""

from typing import Any

from streetseg.arrays import Size
from streetseg.data.source import short_name
from streetseg.evaluation.evaluate import Evaluation
from streetseg.inference.logits import TTA_SCALES
from streetseg.inference.predictor import Predictor
from streetseg.metrics.scores import RULES

Protocol = dict[str, Any]


def protocol(evaluation: Evaluation, predictor: Predictor, *, dataset: str, split: str) -> Protocol:
    """The protocol of an evaluation, ready for JSON.

    Args:
        dataset: what the images are, as a person names it, e.g. "camvid:/data/CamVid"; its folders are left out.
        split: which part of it.
    """
    scales = ", ".join(f"{scale:g}" for scale in TTA_SCALES)
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
        "test_time": f"mean logits of scales {scales}, each also mirrored" if predictor.tta else "one view, no flip",
        "tile": predictor.tile,
        "engine": predictor.engine.name,
        "precision": predictor.engine.precision,
        "rules": RULES,
    }


def protocol_line(terms: Protocol) -> str:
    """The protocol in one line for a terminal or below a table."""
    engine = terms.get("engine", "torch")  # scores.json of earlier versions names none
    return (
        f"{terms['dataset']} {terms['split']}, {terms['images']} images, {terms['label_space']} "
        f"({terms['classes']} classes), scored at {terms['resolution']} (network: {terms['network_resolution']}), "
        f"{terms['ignore']}, {terms['test_time']}, {engine} {terms['precision']}, "
        f"rules version {terms['rules']}"
    )


def _sizes(sizes: tuple[Size, ...]) -> str:
    """ "360x480", or the smallest and largest of several sizes."""
    smallest, largest = sizes[0], sizes[-1]
    words = f"{smallest[0]}x{smallest[1]}"
    return words if len(sizes) == 1 else f"{words} to {largest[0]}x{largest[1]}"
