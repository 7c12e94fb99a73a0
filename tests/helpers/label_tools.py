"""Makers of the same few street scenes in the layout of each label tool. All have the same labels.

Each maker fills a folder and returns the path that a user would name: `KINDS[kind](folder)`.
"""

import base64
import csv
import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import tiny
from streetseg.data.sources.shapes import rle

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


def coco_runs(folder: Path) -> Path:
    """Write one COCO file with run lengths; of every second annotation they are compressed."""
    names = (*NAMES["train"], *NAMES["val"])
    content = coco_content(names, lambda box: {"size": [HEIGHT, WIDTH], "counts": rle.encode(inside(box))})
    for annotation in content["annotations"][::2]:
        annotation["segmentation"]["counts"] = rle.compress(annotation["segmentation"]["counts"])
    for name in names:
        save_image(folder / f"images/{name}.png", name)
    write_json(folder / "result.json", content)
    return folder


def panoptic(folder: Path) -> Path:
    """Write COCO's panoptic layout: a PNG for each image, whose colors are the numbers of segments."""
    names = (*NAMES["train"], *NAMES["val"])
    content = coco_content(names, ring)
    content["categories"].append({"id": 13, "name": "background"})
    content["annotations"] = []
    numbers = np.array([70_000, 300, 5, 66_000])
    for number, name in enumerate(names):
        save_image(folder / f"images/{name}.png", name)
        segment = numbers[labels(name)]
        rgb = np.stack([segment % 256, segment // 256 % 256, segment // 65536], axis=-1).astype(np.uint8)
        tiny.save(folder / f"annotations/panoptic/{name}_panoptic.png", rgb)
        segments = [
            {"id": one, "category_id": category, "iscrowd": 0}
            for one, category in zip(numbers.tolist(), (13, 10, 11, 12), strict=True)
        ]
        content["annotations"].append(
            {"image_id": number, "file_name": f"{name}_panoptic.png", "segments_info": segments}
        )
    write_json(folder / "annotations/panoptic.json", content)
    return folder


def yolo(folder: Path) -> Path:
    """Write Ultralytics' layout, whose `path` is a folder of another machine."""
    for split, names in NAMES.items():
        for name in names:
            save_image(folder / f"images/{split}/{name}.png", name)
            lines = [
                " ".join([str(CLASSES.index(one)), *(f"{x / WIDTH:.6f} {y / HEIGHT:.6f}" for x, y in outline(box))])
                for one, box in reversed(boxes(name))
            ]
            path = folder / f"labels/{split}/{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines))
    text = "path: ../datasets/street\ntrain: images/train\nval: images/val\nnames:\n"
    (folder / "data.yaml").write_text(text + "".join(f"  {i}: {name}\n" for i, name in enumerate(CLASSES)))
    return folder


def cvat(folder: Path) -> Path:
    """Write CVAT's XML: a polygon, a box and a mask in each image, the topmost first in the file."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "<version>1.1</version>", "<meta><job><labels>"]
    lines += [f"<label><name>{name}</name><color>#ff0000</color></label>" for name in CLASSES]
    lines += ["</labels></job></meta>"]
    for split, names in NAMES.items():
        for number, name in enumerate(names):
            save_image(folder / "images" / f"{name}.png", name)
            (road, road_box), (car, car_box), (sign, sign_box) = boxes(name)
            left, top, right, bottom = sign_box
            sides = f'left="{left}" top="{top}" width="{right - left}" height="{bottom - top}"'
            area = (right - left) * (bottom - top)
            points = ";".join(f"{x}.00,{y}.00" for x, y in outline(road_box))
            corners = " ".join(f'{key}="{n}"' for key, n in zip(("xtl", "ytl", "xbr", "ybr"), car_box, strict=True))
            size = f'width="{WIDTH}" height="{HEIGHT}"'
            lines += [
                f'<image id="{split}{number}" name="{name}.png" subset="{split}" {size}>',
                f'<mask label="{sign}" rle="0, {area}" {sides} z_order="2"></mask>',
                f'<box label="{car}" {corners} z_order="1"></box>',
                f'<polygon label="{road}" points="{points}" z_order="0"></polygon>',
                f'<points label="{car}" points="1.0,1.0" z_order="0"></points>',
                "</image>",
            ]
    (folder / "annotations.xml").write_text("\n".join([*lines, "</annotations>"]))
    return folder


def labelstudio(folder: Path) -> Path:
    """Write Label Studio's JSON: a polygon, a box and a brush mask in each image, named as an uploaded image is."""
    tasks = []
    for number, name in enumerate((*NAMES["train"], *NAMES["val"])):
        save_image(folder / "images" / f"{name}.png", name)
        (road, road_box), (car, car_box), (sign, sign_box) = boxes(name)
        left, top, right, bottom = car_box
        points = [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in outline(road_box)]
        box = {"x": 100 * left / WIDTH, "y": 100 * top / HEIGHT, "rotation": 0}
        box |= {"width": 100 * (right - left) / WIDTH, "height": 100 * (bottom - top) / HEIGHT}
        values: dict[str, dict[str, Any]] = {
            "polygonlabels": {"points": points, "closed": True, "polygonlabels": [road]},
            "rectanglelabels": box | {"rectanglelabels": [car]},
            "brushlabels": {"format": "rle", "rle": packed(inside(sign_box)), "brushlabels": [sign]},
        }
        result = [
            {"id": f"r{i}", "type": kind, "value": value, "original_width": WIDTH, "original_height": HEIGHT}
            for i, (kind, value) in enumerate(values.items())
        ]
        data = {"image": f"/data/upload/1/0123abcd-{name}.png"}
        tasks.append({"id": number, "annotations": [{"id": 1, "was_cancelled": False, "result": result}], "data": data})
    write_json(folder / "project-1.json", tasks)
    return folder


def packed(mask: NDArray[np.bool_]) -> list[int]:
    """Return a mask as Label Studio packs brush masks: 255 four times for each pixel inside, in runs of values."""
    values = np.repeat(np.where(mask, 255, 0), 4).ravel()
    ends = [*np.flatnonzero(np.diff(values)) + 1, len(values)]
    bits = f"{len(values):032b}{7:05b}" + "".join(f"{width - 1:04b}" for width in (3, 4, 8, 16))
    start = 0
    for end in ends:
        if end - start <= 8:  # short runs as single values
            bits += "000" + f"{end - start - 1:03b}" + "".join(f"{value:08b}" for value in values[start:end])
        else:
            bits += "111" + f"{end - start - 1:016b}{values[start]:08b}"
        start = end
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def supervisely(folder: Path) -> Path:
    """Write Supervisely's project: a polygon whose hole another one fills, a rectangle and a bitmap in each image."""
    write_json(folder / "meta.json", {"classes": [{"title": name, "shape": "any"} for name in CLASSES]})
    for split, names in NAMES.items():
        for name in names:
            save_image(folder / split / "img" / f"{name}.png", name)
            (road, road_box), (car, car_box), (sign, sign_box) = boxes(name)
            left, top, right, bottom = sign_box
            alpha = np.full((bottom - top, right - left, 4), 255, np.uint8)
            bitmap = {"data": base64.b64encode(zlib.compress(png(alpha))).decode(), "origin": [left, top]}
            hole = outline((34, 30, 40, 36))
            objects: list[dict[str, Any]] = [
                {"classTitle": road, "geometryType": "polygon", "points": points}
                for points in (
                    {"exterior": inner_outline(road_box), "interior": [hole]},
                    {"exterior": inner_outline((33, 29, 41, 37)), "interior": []},
                )
            ]
            corners = [car_box[:2], (car_box[2] - 1, car_box[3] - 1)]
            objects += [
                {"classTitle": car, "geometryType": "rectangle", "points": {"exterior": corners, "interior": []}},
                {"classTitle": sign, "geometryType": "bitmap", "bitmap": bitmap},
                {"classTitle": sign, "geometryType": "point", "points": {"exterior": [[1, 1]], "interior": []}},
            ]
            content = {"size": {"height": HEIGHT, "width": WIDTH}, "objects": objects}
            write_json(folder / split / "ann" / f"{name}.png.json", content)
    return folder


def voc(folder: Path) -> Path:
    """Write CVAT's export of masks: labelmap.txt, masks in colors, and lists of the splits."""
    colors = np.array([(0, 0, 0), (128, 64, 128), (0, 0, 142), (220, 220, 0)], np.uint8)
    named = zip(("background", *CLASSES), colors.tolist(), strict=True)
    lines = [f"{name}:{','.join(map(str, color))}::" for name, color in named]
    lists = folder / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (folder / "labelmap.txt").write_text("# label:color_rgb:parts:actions\n" + "\n".join(lines))
    for split, names in NAMES.items():
        (lists / f"{split}.txt").write_text("\n".join(names))
        for name in names:
            save_image(folder / f"JPEGImages/{name}.png", name)
            tiny.save(folder / f"SegmentationClass/{name}.png", colors[labels(name)])
    return folder


def roboflow_masks(folder: Path) -> Path:
    """Write Roboflow's export of semantic masks."""
    for split, names in (("train", NAMES["train"]), ("valid", NAMES["val"])):
        for name in names:
            save_image(folder / split / f"{name}.png", name)
            tiny.save(folder / split / f"{name}_mask.png", labels(name))
        rows = "".join(f"{value}, {name}\n" for value, name in enumerate(("background", *CLASSES)))
        (folder / split / "_classes.csv").write_text("Pixel Value, Class\n" + rows)
    return folder


def via_regions(name: str) -> list[dict[str, Any]]:
    """Return the regions of a scene as VIA writes them: polygons and a box."""
    regions = []
    for one, box in boxes(name):
        x, y = (list(axis) for axis in zip(*outline(box), strict=True))
        shape: dict[str, Any] = {"name": "polygon", "all_points_x": x, "all_points_y": y}
        if one == "car":
            shape = {"name": "rect", "x": box[0], "y": box[1], "width": box[2] - box[0], "height": box[3] - box[1]}
        regions.append({"shape_attributes": shape, "region_attributes": {"kind": one}})
    return regions


def via(folder: Path) -> Path:
    """Write VIA's annotations as JSON."""
    content = {}
    for name in (*NAMES["train"], *NAMES["val"]):
        save_image(folder / f"{name}.png", name)
        content[f"{name}.png123"] = {"filename": f"{name}.png", "size": 123, "regions": via_regions(name)}
    write_json(folder / "via_region_data.json", content)
    return folder


def via_csv(folder: Path) -> Path:
    """Write VIA's annotations as CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "via_region_data.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["filename", "file_size", "region_id", "region_shape_attributes", "region_attributes"])
        for name in (*NAMES["train"], *NAMES["val"]):
            save_image(folder / f"{name}.png", name)
            for number, region in enumerate(via_regions(name)):
                texts = [json.dumps(region[key]) for key in ("shape_attributes", "region_attributes")]
                table.writerow([f"{name}.png", 123, number, *texts])
    return folder


def kaggle(folder: Path) -> Path:
    """Write a table of run lengths as in competitions on Kaggle."""
    rows = ["ImageId,ClassId,EncodedPixels"]
    for name in (*NAMES["train"], *NAMES["val"]):
        save_image(folder / f"train_images/{name}.png", name)
        for one, (left, top, right, bottom) in boxes(name):
            runs = " ".join(f"{column * HEIGHT + top + 1} {bottom - top}" for column in range(left, right))
            rows.append(f"{name}.png,{1 + CLASSES.index(one)},{runs}")
    (folder / "train.csv").write_text("\n".join(rows))
    return folder


def inside(box: Box) -> NDArray[np.bool_]:
    """Return the pixels of a box, bool (H, W)."""
    left, top, right, bottom = box
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels as the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


KINDS: dict[str, Callable[[Path], Path]] = {
    "coco": coco,
    "coco of Roboflow": roboflow,
    "coco with run lengths": coco_runs,
    "coco panoptic": panoptic,
    "yolo": yolo,
    "labelme": labelme,
    "labelme folders": labelme_folders,
    "cvat": cvat,
    "labelstudio": labelstudio,
    "supervisely": supervisely,
    "voc": voc,
    "roboflow": roboflow_masks,
    "via": via,
    "via as CSV": via_csv,
    "kaggle": kaggle,
}
