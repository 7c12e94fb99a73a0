"""Precision of an audit on labels with planted errors: of its first 50 regions, how many lie on a planted error.

    python benchmarks/audit_planted.py MODEL DATA [--split train] [--limit 200] [--share 0.3] [--seed 0] [--json]

The errors of benchmarks/planted_errors.py are planted into a share of the images, in memory; no file is changed. A
region is correct if at least half of its pixels are where the labels were changed. Real errors of the data set count as
incorrect. The figures: precision at 50 and 100, the number of different images with an error among them, and, for
comparison, the precision of regions that are ranked by size, or by mass alone, or drawn at random.

With --folds K, MODEL is a run folder: the data with the errors is written to OUT/data, in CamVid's layout, and K
networks are trained on it by the recipe of the run, as `streetseg audit --folds K` does.

    python benchmarks/audit_planted.py RUN DATA --folds 2 --out OUT train.epochs=3
"""

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from planted_errors import Planted, plant

from streetseg.arrays import input_size, resize_image
from streetseg.auditing.cross_fit import cross_fitted, recipe_of
from streetseg.auditing.evidence import Evidence, Part, gather
from streetseg.auditing.regions import Region
from streetseg.auditing.scoring import image_scores, suspects
from streetseg.data.open import open_source
from streetseg.data.source import Sample, Source
from streetseg.data.sources.scenes import ScenesSource
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import IGNORE_INDEX, LabelSpace
from streetseg.recipe.load import load_recipe
from streetseg.recipe.schema import Data

SCENES_SEED = 7


@dataclass(frozen=True, eq=False)
class InMemory:
    """Images with labels, as an audit takes them."""

    space: LabelSpace
    samples: tuple[Sample, ...]
    images: Sequence[NDArray[np.uint8]]
    labels: Sequence[NDArray[np.uint8]]

    def __getitem__(self, i: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return self.images[i], self.labels[i]


def audited(predictor: Predictor, source: Source, split: str, share: float, seed: int) -> tuple[Evidence, Planted]:
    """Return the evidence of a split with planted errors, and the errors."""
    samples = source.splits[split]
    labels = [source.read_mask(sample) for sample in samples]
    planted = plant(labels, source.space.names, share, seed)
    images = []
    for sample in samples:
        image = source.read_image(sample)
        size = image.shape[:2]
        images.append(image if predictor.size is None else resize_image(image, input_size(size, predictor.size)))
    store = InMemory(source.space, samples, images, planted.labels)
    part = Part(predictor, store, dict.fromkeys((sample.name for sample in samples), split))
    return gather([part], lambda done, total: None), planted


def cross_audited(
    run: Path, source: Source, split: str, share: float, seed: int, folds: int, out: Path, overrides: Sequence[str]
) -> tuple[Evidence, Planted]:
    """Return the evidence of networks that were trained on the planted errors, each on the other folds."""
    samples = source.splits[split]
    planted = plant([source.read_mask(sample) for sample in samples], source.space.names, share, seed)
    data = out / "data"
    for folder in ("train", "trainannot"):
        (data / folder).mkdir(parents=True, exist_ok=True)
    stems = [sample.name.rpartition("/")[2] for sample in samples]
    for sample, stem, labels in zip(samples, stems, planted.labels, strict=True):
        Image.fromarray(source.read_image(sample)).save(data / "train" / f"{stem}.png")
        Image.fromarray(np.where(labels == IGNORE_INDEX, 11, labels).astype(np.uint8)).save(
            data / "trainannot" / f"{stem}.png"
        )
    lines = [f"train/{stem}.png trainannot/{stem}.png\n" for stem in stems]
    (data / "train.txt").write_text("".join(lines), encoding="utf-8")
    recipe = load_recipe(recipe_of(run), overrides, flags={"data.source": f"camvid:{data}"})
    evidence = gather(cross_fitted(recipe, folds, open_source(recipe.data), out), lambda done, total: None)
    order = [stems.index(sample.name.rpartition("/")[2]) for sample in evidence.samples]
    return evidence, Planted(
        *([values[i] for i in order] for values in (planted.labels, planted.changed, planted.kinds))
    )


def is_planted(region: Region, planted: Planted) -> bool:
    """Return whether at least half of a region's pixels, by its box and its label, were changed."""
    box = (region.image, slice(region.top, region.top + region.height), slice(region.left, region.left + region.width))
    changed = planted.changed[box[0]][box[1:]] & (planted.labels[box[0]][box[1:]] == region.label)
    return 2 * int(changed.sum()) >= region.pixels


def figures(evidence: Evidence, planted: Planted, seed: int) -> dict[str, Any]:
    """Return the precision of several rankings, and what the first regions are."""
    ranked = suspects(evidence)
    every = [suspect.region for suspect in ranked]
    rankings: Mapping[str, list[Region]] = {
        "score": every,
        "mass": sorted(every, key=lambda region: -region.mass),
        "size": sorted(evidence.regions, key=lambda region: -region.pixels),
        "random": [every[i] for i in np.random.default_rng(seed).permutation(len(every))],
    }
    found = {
        name: {str(k): float(np.mean([is_planted(region, planted) for region in regions[:k]])) for k in (50, 100)}
        for name, regions in rankings.items()
    }
    hits = [region for region in every[:50] if is_planted(region, planted)]
    order = np.argsort(-image_scores(evidence, ranked), kind="stable")
    with_error = sum(kind is not None for kind in planted.kinds)
    image_precision = float(np.mean([bool(planted.kinds[i]) for i in order[:with_error]]))
    return {
        "images": len(evidence.samples),
        "with_error": Counter(kind for kind in planted.kinds if kind),
        "mean_iou": mean_iou(evidence),
        "precision": found,
        "kinds_at_50": Counter(str(planted.kinds[region.image]) for region in hits),
        "images_at_50": len({region.image for region in hits}),
        "image_precision": {
            "at": with_error,
            "value": image_precision,
        },
    }


def mean_iou(evidence: Evidence) -> float:
    """Return the mean IoU of the predictions with the labels, errors included."""
    total = evidence.counts.total
    correct = np.diag(total)
    return float(np.nanmean(correct / np.maximum(total.sum(axis=0) + total.sum(axis=1) - correct, 1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data")
    parser.add_argument("--split", default="train")
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folds", type=int, default=None)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--json", action="store_true")
    options, overrides = parser.parse_known_args()
    # Scenes are drawn with another seed than those that networks are trained on.
    scenes = ScenesSource(train=options.limit or 200, val=0, seed=SCENES_SEED)
    source = scenes if options.data == "scenes" else open_source(Data(source=options.data, limit=options.limit))
    errors = (source, options.split, options.share, options.seed)
    if options.folds is None:
        evidence, planted = audited(Predictor.load(options.model), *errors)
    else:
        evidence, planted = cross_audited(options.model, *errors, options.folds, options.out, overrides)
    print(json.dumps(figures(evidence, planted, options.seed), indent=None if options.json else 2))


if __name__ == "__main__":
    main()
