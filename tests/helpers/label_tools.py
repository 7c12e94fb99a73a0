"""Makers of the same few street scenes in the layout of each label tool. All have the same labels.

Each maker fills a folder and returns the path that a user would name: `KINDS[kind](folder)`.
"""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import tiny

CLASSES = ("road", "car", "sign")
HEIGHT, WIDTH = 40, 64
NAMES = {"train": ("a", "b", "c"), "val": ("d", "e")}
Box = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom are the first pixels outside


def boxes(name: str) -> list[tuple[str, Box]]:
    """Return the objects of a scene from the lowest to the topmost."""
    shift = 2 * "abcde".index(name)
    return [
        ("road", (0, 24, 64, 40)),
        ("car", (10 + shift, 18, 30 + shift, 31)),
        ("sign", (40 + shift, 4, 47 + shift, 12)),
    ]


def labels(name: str) -> NDArray[np.uint8]:
    """Return the labels of a scene: 0 is background, then CLASSES."""
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    for one, (left, top, right, bottom) in boxes(name):
        drawn[top:bottom, left:right] = 1 + CLASSES.index(one)
    return drawn


def save_image(path: Path, name: str) -> None:
    """Save the image of a scene: each class in its color with noise."""
    colors = np.array([(150, 190, 240), (90, 90, 95), (200, 30, 40), (240, 220, 40)], np.float64)
    noise = np.random.default_rng("abcde".index(name)).normal(0, 12, (HEIGHT, WIDTH, 3))
    tiny.save(path, (colors[labels(name)] + noise).clip(0, 255).astype(np.uint8))


def scene_of(image: str) -> str:
    """Return the name of the scene of an image, by its path."""
    path = Path(image)
    return path.parent.name[0] if path.stem == "img" else path.stem


def outline(box: Box) -> list[tuple[int, int]]:
    """Return the corners of a box on the edges of its pixels."""
    left, top, right, bottom = box
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def inner_outline(box: Box) -> list[tuple[int, int]]:
    """Return the corners of a box on its own pixels, for tools that draw the outline, too."""
    left, top, right, bottom = box
    return outline((left, top, right - 1, bottom - 1))


def write_json(path: Path, content: Any) -> Path:
    """Write a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def coco_content(names: tuple[str, ...], segmentation: Callable[[Box], Any], **more: Any) -> dict[str, Any]:
    """Return the content of a COCO file."""
    annotations = [
        {"image_id": number, "category_id": 10 + CLASSES.index(one), "segmentation": segmentation(box), "iscrowd": 0}
        for number, name in enumerate(names)
        for one, box in boxes(name)
    ]
    return {
        "images": [
            {"id": i, "file_name": f"{name}.png", "height": HEIGHT, "width": WIDTH} for i, name in enumerate(names)
        ],
        "categories": [{"id": 10 + i, "name": name, "supercategory": "street"} for i, name in enumerate(CLASSES)],
        "annotations": [{"id": i, **annotation} for i, annotation in enumerate(annotations, start=1)],
        **more,
    }


def ring(box: Box) -> list[list[int]]:
    """Return a box as COCO's polygons."""
    return [[number for point in outline(box) for number in point]]


def coco(folder: Path) -> Path:
    """Write COCO's own layout: annotations/instances_SPLIT.json beside the folders of images."""
    for split, names in NAMES.items():
        write_json(folder / f"annotations/instances_{split}2017.json", coco_content(names, ring))
        for name in names:
            save_image(folder / f"{split}2017/{name}.png", name)
    return folder


def roboflow(folder: Path) -> Path:
    """Write Roboflow's layout of COCO: a file in each split, and a category that groups the others."""
    for split, names in (("train", NAMES["train"]), ("valid", NAMES["val"])):
        content = coco_content(names, ring)
        content["categories"].insert(0, {"id": 0, "name": "street", "supercategory": "none"})
        write_json(folder / split / "_annotations.coco.json", content)
        for name in names:
            save_image(folder / split / f"{name}.png", name)
    return folder


def labelme(folder: Path) -> Path:
    """Write LabelMe's layout: a JSON file beside each image; one shape of each kind that can hold a box."""
    for split, names in NAMES.items():
        for name in names:
            save_image(folder / split / f"{name}.png", name)
            shapes = [
                {"label": one, "points": inner_outline(box), "shape_type": "polygon", "group_id": None, "flags": {}}
                for one, box in boxes(name)
            ]
            left, top, right, bottom = boxes(name)[1][1]
            shapes[1] |= {"shape_type": "rectangle", "points": [[right - 1, bottom - 1], [left, top]]}
            left, top, right, bottom = boxes(name)[2][1]
            patch = io.BytesIO()
            Image.new("1", (right - left, bottom - top), 1).save(patch, "PNG")
            shapes[2] |= {"shape_type": "mask", "points": [[left, top], [right - 1, bottom - 1]]}
            shapes[2] |= {"mask": base64.b64encode(patch.getvalue()).decode()}
            content = {"version": "5.5.0", "shapes": shapes, "imagePath": f"{name}.png", "imageData": None}
            write_json(folder / split / f"{name}.json", content | {"imageHeight": HEIGHT, "imageWidth": WIDTH})
    (folder / "labels.txt").write_text("__ignore__\n_background_\nroad\ncar\nsign\n")
    return folder


def labelme_folders(folder: Path) -> Path:
    """Write what labelme_json_to_dataset writes: a folder for each image, whose ids are counted anew."""
    for index, name in enumerate(sum(NAMES.values(), ())):
        here = folder / f"{name}_json"
        save_image(here / "img.png", name)
        order = [0, *np.roll([1, 2, 3], index)]
        table = np.argsort(order).astype(np.uint8)
        tiny.save(here / "label.png", table[labels(name)])
        (here / "label_names.txt").write_text("\n".join(["_background_", *(CLASSES[k - 1] for k in order[1:])]))
    return folder


KINDS: dict[str, Callable[[Path], Path]] = {
    "coco": coco,
    "coco of Roboflow": roboflow,
    "labelme": labelme,
    "labelme folders": labelme_folders,
}
