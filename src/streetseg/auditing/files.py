"""The files of an audit besides its page: tables as CSV, and the regions as a COCO file that label tools import."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from streetseg.auditing.findings import Findings
from streetseg.auditing.label_next import Ranking
from streetseg.auditing.scoring import Suspect
from streetseg.data.source import Sample
from streetseg.evaluation.files import table
from streetseg.metrics.scores import per_image

REGION_COLUMNS = (
    *("rank", "image", "split", "x", "y", "w", "h", "pixels", "label", "predicted"),
    *("confidence", "expected", "score"),
)


def regions_csv(findings: Findings) -> str:
    """Return one row per region, the most suspicious first; x, y, w, h is the box in pixels of the labels."""
    names, evidence = findings.evidence.space.names, findings.evidence
    rows: list[dict[str, str | int | float]] = [
        {
            "rank": rank,
            "image": evidence.samples[suspect.region.image].name,
            "split": evidence.splits[suspect.region.image],
            "x": suspect.region.left,
            "y": suspect.region.top,
            "w": suspect.region.width,
            "h": suspect.region.height,
            "pixels": suspect.region.pixels,
            "label": names[suspect.region.label],
            "predicted": names[suspect.region.predicted],
            "confidence": suspect.region.confidence,
            "expected": suspect.expected,
            "score": suspect.score,
        }
        for rank, suspect in enumerate(findings.listed, start=1)
    ]
    return table(rows) if rows else ",".join(REGION_COLUMNS) + "\n"


def images_csv(findings: Findings) -> str:
    """Return one row per image, the most suspicious first."""
    evidence = findings.evidence
    scores = per_image(evidence.counts.counts)
    regions = np.bincount([suspect.region.image for suspect in findings.ranked], minlength=len(evidence.samples))
    return table(
        {
            "image": evidence.samples[i].name,
            "split": evidence.splits[i],
            "score": float(findings.image_scores[i]),
            "regions": int(regions[i]),
            "iou": float(scores["iou"][i]),
            "accuracy": float(scores["pixel_accuracy"][i]),
            "uncertainty": float(evidence.entropy[i]),
            "file": evidence.samples[i].image,
        }
        for i in findings.images_ranked
    )


def classes_csv(findings: Findings) -> str:
    """Return one row per class; `needs` says why it needs more images."""
    return table(
        {
            "class": state.name,
            "images": state.images,
            "share": state.share,
            "iou": state.iou,
            "iou_low": state.low,
            "iou_high": state.high,
            "needs": "; ".join(state.needs),
        }
        for state in findings.classes
    )


def next_csv(ranking: Ranking) -> str:
    """Return one row per image that is worth labeling, the first one first."""
    return table(
        {
            "rank": rank,
            "image": str(candidate.path),
            "uncertainty": candidate.uncertainty,
            "distance": candidate.distance,
        }
        for rank, candidate in enumerate(ranking.candidates, start=1)
    )


def regions_coco(findings: Findings) -> dict[str, Any]:
    """Return the regions as COCO boxes. The category of a box is the class that the network sees there.

    Attributes of a box, which CVAT shows, hold the class of the labels, the rank and the score. Category ids count
    from 1.
    """
    evidence = findings.evidence
    images = sorted({suspect.region.image for suspect in findings.listed})
    numbers = {image: number for number, image in enumerate(images, start=1)}
    return {
        "info": {"description": "regions where labels and network disagree, written by streetseg audit"},
        "images": [
            {
                "id": numbers[image],
                "file_name": file_name(evidence.samples[image]),
                "height": evidence.shapes[image][0],
                "width": evidence.shapes[image][1],
            }
            for image in images
        ],
        "categories": [{"id": k + 1, "name": name} for k, name in enumerate(evidence.space.names)],
        "annotations": [
            _annotation(rank, suspect, numbers, evidence.space.names)
            for rank, suspect in enumerate(findings.listed, start=1)
        ],
    }


def file_name(sample: Sample) -> str:
    """Return the name of an image file, by which label tools find it; NAME.png for an image that is no file."""
    name = PurePosixPath(sample.image.replace("\\", "/").rpartition("!")[2]).name
    return name if PurePosixPath(name).suffix else f"{PurePosixPath(sample.name).name}.png"


def _annotation(rank: int, suspect: Suspect, numbers: dict[int, int], names: Sequence[str]) -> dict[str, Any]:
    region = suspect.region
    return {
        "id": rank,
        "image_id": numbers[region.image],
        "category_id": region.predicted + 1,
        "bbox": [region.left, region.top, region.width, region.height],
        "area": region.pixels,
        "segmentation": [],
        "iscrowd": 0,
        "score": suspect.score,
        "attributes": {"rank": rank, "labels": names[region.label], "score": suspect.score},
    }
