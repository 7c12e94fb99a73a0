"""What label tools write, as valid inputs for mutation: for each kind the name of its file and a few contents."""

import base64
import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from streetseg.data.sources.shapes.kinds import TOOL_KINDS

HEIGHT, WIDTH = 12, 17
IMAGE = "a.png"

Corners = list[list[float]]
TRIANGLE: Corners = [[2, 1], [15.5, 3], [6, 11]]


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()


def coco() -> list[bytes]:
    def file(*segmentations: Any) -> bytes:
        annotations = [
            {"id": i, "image_id": 1, "category_id": 1 + i % 2, "iscrowd": i % 2, "segmentation": one}
            for i, one in enumerate(segmentations)
        ]
        image = {"id": 1, "file_name": IMAGE, "height": HEIGHT, "width": WIDTH}
        categories = [{"id": 1, "name": "road", "supercategory": "flat"}, {"id": 2, "name": "car"}]
        return _json({"images": [image], "categories": categories, "annotations": annotations})

    ring = [number for corner in TRIANGLE for number in corner]
    size = [HEIGHT, WIDTH]
    return [
        file([ring], [ring, [0, 0, 5, 0, 5, 5, 0, 5]]),
        file({"size": size, "counts": [20, 30, 154]}, {"size": size, "counts": "d0n0j4"}),
    ]


def yolo() -> list[bytes]:
    return [b"0 0.1 0.1 0.9 0.2 0.5 0.8\n1 0.2 0.2 0.4 0.2 0.4 0.4 0.2 0.4\n", b"1 0.1 0.1 0.9 0.2 0.5 0.8\n"]


def yolo_yaml() -> list[bytes]:
    return [
        b"path: .\ntrain: images/train\nval: [images/train]\nnc: 2\nnames:\n  0: road\n  1: car\n",
        b"train: ../images/train\nval: images/train\nnames: [road, car]\n",
    ]


def labelme() -> list[bytes]:
    patch = base64.b64encode(_png(np.full((4, 5), 255, np.uint8))).decode()
    kinds: dict[str, Corners] = {
        "polygon": TRIANGLE,
        "rectangle": TRIANGLE[:2],
        "circle": [[8, 6], [10, 6]],
        "line": TRIANGLE[:2],
        "linestrip": TRIANGLE,
        "point": [[3, 3]],
    }
    shapes: list[dict[str, Any]] = [{"label": "road", "shape_type": kind, "points": p} for kind, p in kinds.items()]
    shapes.append({"label": "car", "shape_type": "mask", "points": [[2, 2], [6, 5]], "mask": patch})
    head = {"version": "5.5.0", "imagePath": IMAGE, "imageHeight": HEIGHT, "imageWidth": WIDTH}
    return [_json(head | {"shapes": shapes}), _json(head | {"shapes": shapes[:2]})]


def label_names() -> list[bytes]:
    return [b"_background_\nroad\ncar\n", b"_background_\n__ignore__\nroad\n"]


def cvat() -> list[bytes]:
    return [
        b'<?xml version="1.0"?><annotations><meta><labels>'
        b"<label><name>road</name></label><label><name>car</name></label>"
        b'</labels></meta><image id="0" name="a.png" subset="train" width="17" height="12">'
        b'<polygon label="road" points="2.0,1.0;15.5,3.0;6.0,11.0" z_order="1"/>'
        b'<box label="car" xtl="1.0" ytl="2.0" xbr="5.5" ybr="6.0" z_order="0"/>'
        b'<ellipse label="car" cx="8" cy="6" rx="3" ry="2" rotation="10.0" z_order="2"/>'
        b'<mask label="road" rle="3, 5, 4" left="2" top="2" width="4" height="3" z_order="0"/></image></annotations>',
    ]


def labelstudio() -> list[bytes]:
    # A brush mask of one run: 12 x 17 pixels of 4 values, 8 bits each, one length of 16 bits.
    bits = f"{4 * HEIGHT * WIDTH:032b}{7:05b}" + "".join(f"{n - 1:04b}" for n in (3, 4, 8, 16))
    bits += f"111{4 * HEIGHT * WIDTH - 1:016b}{255:08b}"
    bits += "0" * (-len(bits) % 8)
    packed = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    box = {"x": 5, "y": 10, "width": 40, "height": 30, "rotation": 10}
    values: list[dict[str, Any]] = [
        {"points": [[10, 10], [90, 20], [50, 80]], "polygonlabels": ["road"]},
        box | {"rectanglelabels": ["car"]},
        {"x": 50, "y": 50, "radiusX": 20, "radiusY": 10, "rotation": 5, "ellipselabels": ["car"]},
        {"format": "rle", "rle": packed, "brushlabels": ["road"]},
    ]
    result = [
        {"id": f"r{i}", "original_width": WIDTH, "original_height": HEIGHT, "value": v} for i, v in enumerate(values)
    ]
    task = {
        "id": 1,
        "annotations": [{"result": result, "was_cancelled": False}],
        "data": {"image": "/data/upload/a.png"},
    }
    return [_json([task]), _json([task | {"annotations": [{"result": result[3:]}]}])]


def supervisely() -> list[bytes]:
    bitmap = base64.b64encode(zlib.compress(_png(np.full((4, 5, 4), 255, np.uint8)))).decode()
    points = {"exterior": TRIANGLE, "interior": [[[6, 4], [9, 4], [7, 6]]]}
    objects = [
        {"classTitle": "road", "geometryType": "polygon", "points": points},
        {"classTitle": "car", "geometryType": "rectangle", "points": {"exterior": TRIANGLE[:2], "interior": []}},
        {"classTitle": "car", "geometryType": "bitmap", "bitmap": {"data": bitmap, "origin": [3, 4]}},
    ]
    return [_json({"size": {"height": HEIGHT, "width": WIDTH}, "objects": objects})]


def via() -> list[bytes]:
    x, y = zip(*TRIANGLE, strict=True)
    shapes: list[dict[str, Any]] = [
        {"name": "polygon", "all_points_x": x, "all_points_y": y},
        {"name": "rect", "x": 1, "y": 2, "width": 5, "height": 4},
        {"name": "circle", "cx": 8, "cy": 6, "r": 3},
        {"name": "ellipse", "cx": 8, "cy": 6, "rx": 3, "ry": 2, "theta": 10},
    ]
    regions = [{"shape_attributes": shape, "region_attributes": {"class": "road"}} for shape in shapes]
    images = {"a.png1": {"filename": IMAGE, "size": 1, "regions": regions}}
    return [_json(images), _json({"_via_img_metadata": images, "_via_settings": {}})]


def via_csv() -> list[bytes]:
    return [
        b"filename,file_size,region_id,region_shape_attributes,region_attributes\n"
        b'a.png,1,0,"{""name"":""rect"",""x"":1,""y"":2,""width"":5,""height"":4}","{""class"":""road""}"\n'
        b'a.png,1,1,"{""name"":""circle"",""cx"":8,""cy"":6,""r"":3}","{""class"":{""car"":true}}"\n'
    ]


def kaggle() -> list[bytes]:
    return [
        b"ImageId,ClassId,EncodedPixels\na.png,1,1 3 20 15\na.png,2,40 10\n",
        b"ImageId_ClassId,EncodedPixels\na.png_1,1 3\n",
    ]


def labelmap() -> list[bytes]:
    return [b"# label:color_rgb:parts:actions\nbackground:0,0,0::\nroad:128,64,128::\nignored:224,224,192::\n"]


def roboflow() -> list[bytes]:
    return [b"Pixel Value, Class\n0, background\n1, road\n"]


# Kind of input -> kind of data, the file that is mutated, its valid contents.
FILES: dict[str, tuple[str, str, Callable[[], list[bytes]]]] = {
    "COCO": ("coco", "train.json", coco),
    "YOLO labels": ("yolo", "labels/train/a.txt", yolo),
    "YOLO data.yaml": ("yolo", "data.yaml", yolo_yaml),
    "LabelMe": ("labelme", "a.json", labelme),
    "LabelMe names": ("labelme", "a_json/label_names.txt", label_names),
    "CVAT": ("cvat", "annotations.xml", cvat),
    "Label Studio": ("labelstudio", "project.json", labelstudio),
    "Supervisely": ("supervisely", "train/ann/a.png.json", supervisely),
    "VIA": ("via", "via.json", via),
    "VIA as CSV": ("via", "via.csv", via_csv),
    "Kaggle": ("kaggle", "train.csv", kaggle),
    "VOC label map": ("voc", "labelmap.txt", labelmap),
    "Roboflow classes": ("roboflow", "train/_classes.csv", roboflow),
}


def place(name: str) -> Callable[[bytes, Path], None]:
    """Return a function that writes an input as the file of this kind, beside the other files of the data set."""
    kind, file, _ = FILES[name]

    def write(data: bytes, folder: Path) -> None:
        ids = np.zeros((HEIGHT, WIDTH), np.uint8)
        colors = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        files: dict[str, dict[str, bytes]] = {
            "yolo": {"data.yaml": yolo_yaml()[0], "images/train/a.png": _png(colors), "labels/train/a.txt": yolo()[0]},
            "supervisely": {
                "meta.json": _json({"classes": [{"title": "road"}, {"title": "car"}]}),
                "train/img/a.png": _png(colors),
            },
            "voc": {"JPEGImages/a.png": _png(colors), "SegmentationClass/a.png": _png(colors)},
            "roboflow": {"train/a.png": _png(colors), "train/a_mask.png": _png(ids)},
        }
        others = files.get(kind, {IMAGE: _png(colors)})
        if name == "LabelMe names":
            others = {"a_json/img.png": _png(colors), "a_json/label.png": _png(ids)}
        for path, content in (others | {file: data}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)

    return write


def read(name: str) -> Callable[[Path], None]:
    """Return a function that reads the data set in a folder as this kind."""
    kind = TOOL_KINDS[FILES[name][0]]

    def reader(folder: Path) -> None:
        kind.recognize(folder)
        source = kind.open(folder)
        for samples in source.splits.values():
            for sample in samples:
                source.stamp(sample)
                source.read_image(sample)
                labels = source.read_mask(sample)
                assert labels.dtype == np.uint8
                assert ((labels < source.space.num_classes) | (labels == 255)).all()

    return reader
