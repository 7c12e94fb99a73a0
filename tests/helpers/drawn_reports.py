"""Reports with images, drawn without a network: a rendered street, and predictions that are its labels, moved aside."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finished_runs import matrices, write_finished_run
from streetseg.comparison.compare import Comparison, compare_runs
from streetseg.labels.space import LabelSpace
from streetseg.metrics.confusion import confusion
from streetseg.report.charts.comparison import draw
from streetseg.report.gallery import IMAGE_AND_BEST, Exhibit, Gallery
from streetseg.report.gallery_layers import layers, map_keys
from streetseg.report.report import render
from streetseg.report.scored_images import scored_image
from streetseg.report.view import letters, page_of
from streetseg.scenes.render import render as render_scene

ENCODERS = (
    "mobilenetv2_100", "resnext50_32x4d", "resnet50", "efficientnet_b0", "mobilenetv3_large_100", "regnety_016",
    "mobilenetv3_small_050", "convnext_tiny.in12k_ft_in1k", "resnet18", "resnet101", "hrnet_w18", "densenet121",
)  # fmt: skip
IMAGES = 4  # of the viewer
DrawnReport = Callable[..., Path]


def space_of(classes: int) -> LabelSpace:
    """Return a label space with that many classes, with names as long as those of Cityscapes and of own data."""
    names = ("drivable surface", "everything else", "vulnerable road user", "traffic light", "motorcycle", "sky")
    colors = tuple((13 * c % 256, 97 * c % 256, 255 - 11 * c) for c in range(classes))
    return LabelSpace("toy", tuple(f"{names[c % 6]}{f' {c // 6}' if c > 5 else ''}" for c in range(classes)), colors)


def drawn_report(
    out: Path, *, encoders: int = 2, classes: int = 3, seeds: int = 1, progress: Sequence[float] = (0.5, 0.9, 1.0, 0.95)
) -> Path:
    """Write finished runs and their report, with one image, to the folder. Return the report."""
    space = space_of(classes)
    runs = [
        write_finished_run(
            out / "runs" / f"{encoder}-{seed}",
            encoder=encoder,
            seed=seed,
            counts=matrices(0.9 - 0.04 * k, seed=seed, classes=classes),
            classes=space.names,
            colors=space.colors,
            latency=40.0 + 10 * k,
            progress=progress,
        )
        for k, encoder in enumerate(ENCODERS[:encoders])
        for seed in range(seeds)
    ]
    comparison = compare_runs(runs)
    names = letters(encoders)
    page = page_of(comparison, names, draw(comparison, names), drawn_gallery(comparison, space, names), out)
    (out / "report.html").write_text(render(page), encoding="utf-8")
    return out / "report.html"


def drawn_gallery(comparison: Comparison, space: LabelSpace, names: Sequence[str]) -> Gallery:
    """Return a gallery of rendered images, one of them with its layers.

    The labels of encoder k are moved aside by 4 (k + 1) pixels, in a further image by more.
    """
    images = [_drawn_image(k, space, len(names)) for k in range(IMAGES)]
    name, image, ids, predicted = images[0]
    shown = layers(name, image, ids, predicted, space, names)
    scores = tuple(0.7 - 0.02 * k for k in range(len(names)))
    exhibit = Exhibit(name, "most disputed", scores, shown, IMAGE_AND_BEST)
    scored = [
        scored_image(*one, [confusion(one[2], labels, space.num_classes, space.ignore_index) for labels in one[3]])
        for one in images
    ]
    return Gallery((exhibit,), map_keys(names), "Drawn for a test.", tuple(scored))


def _drawn_image(
    index: int, space: LabelSpace, encoders: int
) -> tuple[str, NDArray[np.uint8], NDArray[np.uint8], list[NDArray[np.uint8]]]:
    """Return name, image, ground truth and predictions. The last class is only in the first image."""
    image, ids = render_scene(3 + index, 0, (120, 160))
    ids = (ids % space.num_classes).astype(np.uint8)
    if index:
        ids[ids == space.num_classes - 1] = 0
    name = f"aachen/a_long_name_without_a_space_{'0' * 20}" if index == 0 else f"aachen/{index:03d}"
    return name, image, ids, [np.roll(ids, 4 * (index + k + 1), axis=1) for k in range(encoders)]
