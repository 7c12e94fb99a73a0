"""Makers of street data sets in the true layouts on disk, drawn with the streets of `tiny`.

Each maker fills a folder and returns DATA without the kind: the folder that a user would name.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

import tiny
from streetseg.labels.space import LabelSpace
from streetseg.labels.street_tables import CARLA_22, CARLA_28, COMMA10K_5, IDD_26, SYNTHIA_22
from streetseg.labels.tables import CITYSCAPES_19, CITYSCAPES_34

SIZE = (32, 32)
N_TRAIN, N_VAL = 2, 2

Ids = tuple[int, ...]  # for each class of street-11, the id on disk


@dataclass(frozen=True)
class Made:
    """A data set on disk.

    Args:
        data: DATA of the command line.
        splits: split -> numbers of the streets in it, in the order of the samples.
        classes: for each class of street-11, the name of the class that stands for it; "" for none.
    """

    data: str
    splits: Mapping[str, tuple[int, ...]]
    classes: tuple[str, ...]


def halves() -> list[tuple[str, int]]:
    """Return (split, number of the street) of every image of a data set with two splits."""
    return [("train" if i < N_TRAIN else "val", i) for i in range(N_TRAIN + N_VAL)]


def image(path: Path, index: int) -> tiny.Array:
    """Write the image of a street. Return its labels in street-11."""
    pixels, labels = tiny.street(index, SIZE)
    tiny.save(path, pixels)
    return labels


def ids_of(labels: tiny.Array, ids: Ids, void: int) -> tiny.Array:
    """Return street-11 labels as the ids on disk."""
    table = np.full(256, void, np.uint8)
    table[: len(ids)] = ids
    return table[labels]


def positions(space: LabelSpace, names: tuple[str, ...], first: int = 0) -> Ids:
    """Return the id on disk of each name of a space whose ids count from `first`."""
    return tuple(first + space.names.index(name) for name in names)


TWO = {"train": (0, 1), "val": (2, 3)}
ONE = {"all": (0, 1, 2, 3)}


def acdc(folder: Path, kind: str = "labelIds") -> Made:
    """Write ACDC: a folder a condition, a split and a recording; the test images have no masks."""
    space = CITYSCAPES_34 if kind == "labelIds" else CITYSCAPES_19
    for split, i in [*halves(), ("test", 4)]:
        stem = f"{'fog' if i % 2 == 0 else 'night'}/{split}/GOPR0475/GOPR0475_frame_{i:06d}"
        labels = image(folder / "rgb_anon" / f"{stem}_rgb_anon.png", i)
        if split != "test":
            ids = ids_of(labels, positions(space, tiny.CITYSCAPES_NAMES), 0 if kind == "labelIds" else 255)
            tiny.save(folder / "gt" / f"{stem}_gt_{kind}.png", ids)
    return Made(f"acdc:{folder}", TWO, tiny.CITYSCAPES_NAMES)


def idd(folder: Path, kind: str = "labellevel3Ids") -> Made:
    """Write IDD: the layout of Cityscapes, the masks that the publisher's script draws, or the polygons alone."""
    names = tiny.CITYSCAPES_NAMES
    for split, i in halves():
        labels = image(folder / "leftImg8bit" / split / "12" / f"{i:06d}_leftImg8bit.png", i)
        path = folder / "gtFine" / split / "12" / f"{i:06d}_gtFine_{kind}"
        if kind == "polygons":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(f"{path.name}.json").write_text(json.dumps(as_polygons(labels, names)))
        else:
            tiny.save(path.with_name(f"{path.name}.png"), ids_of(labels, positions(IDD_26, names), 255))
    return Made(f"idd:{folder}", TWO, names)


def as_polygons(labels: tiny.Array, names: tuple[str, ...]) -> dict[str, object]:
    """Return labels as objects of one row of pixels each, in the format of Cityscapes' JSON files."""
    height, width = labels.shape
    objects = []
    for y in range(height):
        edges = [0, *(np.flatnonzero(np.diff(labels[y].astype(int))) + 1).tolist(), width]
        for left, right in pairwise(edges):
            value = labels[y, left]
            label = "out of roi" if value == tiny.VOID else names[value]
            objects.append({"label": label, "polygon": [[left, y], [right - 1, y], [right - 1, y], [left, y]]})
    return {"imgHeight": height, "imgWidth": width, "objects": objects}


def bdd100k(folder: Path) -> Made:
    """Write BDD100K: JPEG images in images/10k, train ids in labels/sem_seg."""
    for split, i in halves():
        stem = f"0004a4c0-{i:08x}"
        labels = image(folder / "images" / "10k" / split / f"{stem}.jpg", i)
        ids = ids_of(labels, positions(CITYSCAPES_19, tiny.CITYSCAPES_NAMES), 255)
        tiny.save(folder / "labels" / "sem_seg" / "masks" / split / f"{stem}.png", ids)
    return Made(f"bdd100k:{folder}", TWO, tiny.CITYSCAPES_NAMES)


MAPILLARY_NAMES = (
    "nature--sky", "construction--structure--building", "object--support--pole", "construction--flat--road",
    "construction--flat--sidewalk", "nature--vegetation", "object--traffic-sign--front",
    "construction--barrier--fence", "object--vehicle--car", "human--person", "human--rider--bicyclist",
)  # fmt: skip


def mapillary(folder: Path, version: str) -> Made:
    """Write Mapillary Vistas: palette masks, and the table that gives each index its name."""
    names = ("animal--bird", *MAPILLARY_NAMES, "void--unlabeled")
    if version == "2.0":
        more = {
            "human--person": "human--person--individual",
            "object--traffic-sign--front": "object--traffic-sign--direction-front",
        }
        names = tuple(more.get(name, name) for name in names)
    colors = [[7 * i + 3, 250 - 11 * i, 40 + i] for i in range(len(names))]
    config = {"labels": [{"name": n, "readable": n, "color": c} for n, c in zip(names, colors, strict=True)]}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"config_v{version}.json").write_text(json.dumps(config))
    for split, i in halves():
        part = folder / {"train": "training", "val": "validation"}[split]
        labels = image(part / "images" / f"pGz{i}.jpg", i)
        mask = Image.fromarray(ids_of(labels, tuple(range(1, 12)), 12))
        mask.putpalette([value for color in colors for value in color])
        path = part / f"v{version}" / "labels" / f"pGz{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        mask.save(path)
    return Made(f"mapillary-{version}:{folder}", TWO, names[1:12])


def mapillary_1(folder: Path) -> Made:
    """Write version 1.2 as it lies in the release of 2.0."""
    return mapillary(folder, "1.2")


def mapillary_2(folder: Path) -> Made:
    """Write version 2.0."""
    return mapillary(folder, "2.0")


def kitti(folder: Path) -> Made:
    """Write KITTI's semantics: a training set with ids of Cityscapes, a test set without."""
    for i in range(4):
        labels = image(folder / "training" / "image_2" / f"{i:06d}_10.png", i)
        ids = ids_of(labels, positions(CITYSCAPES_34, tiny.CITYSCAPES_NAMES), 0)
        tiny.save(folder / "training" / "semantic" / f"{i:06d}_10.png", ids)
        image(folder / "testing" / "image_2" / f"{i:06d}_10.png", 4 + i)
    return Made(f"kitti:{folder}", {"train": (0, 1, 2, 3)}, tiny.CITYSCAPES_NAMES)


A2D2_NAMES = (
    "Sky", "Buildings", "Poles", "RD normal street", "Sidewalk", "Nature object", "Traffic sign", "", "Car",
    "Pedestrian", "Bicycle",
)  # fmt: skip


def a2d2(folder: Path) -> Made:
    """Write A2D2: RGB masks in the colors of class_list.json, cars in two of them, beside lidar files."""
    table = {f"#{10 * i + 5:02x}64{200 - i:02x}": name for i, name in enumerate(A2D2_NAMES) if name not in ("", "Car")}
    cars = {"#ff0000": "Car 1", "#c80000": "Car 2"}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "class_list.json").write_text(json.dumps(table | cars | {"#48d1cc": "Ego car"}))
    colors = {name: list(bytes.fromhex(text[1:])) for text, name in (table | cars | {"#48d1cc": "Ego car"}).items()}
    for i in range(4):
        drive = ("20180807_145028", "20180925_101535")[i // 2]
        name = f"{drive.replace('_', '')}_{{}}_frontcenter_{i:09d}"
        labels = image(folder / drive / "camera" / "cam_front_center" / f"{name.format('camera')}.png", i)
        named = [f"Car {i % 2 + 1}" if own == "Car" else own or "Ego car" for own in A2D2_NAMES]
        rgb = np.array([colors[own] for own in [*named, "Ego car"]], np.uint8)[np.minimum(labels, 11)]
        tiny.save(folder / drive / "label" / "cam_front_center" / f"{name.format('label')}.png", rgb)
        lidar = folder / drive / "lidar" / "cam_front_center" / f"{name.format('lidar')}.npz"
        lidar.parent.mkdir(parents=True, exist_ok=True)
        lidar.write_bytes(b"")
    return Made(f"a2d2:{folder}", ONE, A2D2_NAMES)


def wilddash(folder: Path) -> Made:
    """Write WildDash 2: ids of Cityscapes and a few more, named in panoptic.json."""
    categories = [
        {"id": i, "name": name, "color": list(color), "isthing": 0}
        for i, (name, color) in enumerate(zip(CITYSCAPES_34.names, CITYSCAPES_34.colors, strict=True))
    ]
    categories += [{"id": 35, "name": "van", "color": [0, 40, 120], "isthing": 1}]
    names = tuple("van" if name == "car" else name for name in tiny.CITYSCAPES_NAMES)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "panoptic.json").write_text(json.dumps({"images": [], "annotations": [], "categories": categories}))
    ids = {one["name"]: one["id"] for one in categories}
    for i in range(4):
        labels = image(folder / "images" / f"aa{i:04d}_100000.jpg", i)
        tiny.save(folder / "labels" / f"aa{i:04d}_100000.png", ids_of(labels, tuple(ids[name] for name in names), 0))
    return Made(f"wilddash:{folder}", ONE, names)


COMMA10K_NAMES = (
    "undrivable", "undrivable", "undrivable", "road", "undrivable", "undrivable", "undrivable", "undrivable", "movable",
    "movable", "movable",
)  # fmt: skip


def comma10k(folder: Path) -> Made:
    """Write comma10k: RGB masks in five colors; names that end in 9 are for validation."""
    for split, i in halves():
        name = f"{i:04d}_0085e9e41513078a_2018-08-19--13-26-08_11_{i}{9 if split == 'val' else 4}.png"
        labels = image(folder / "imgs" / name, i)
        classes = ids_of(labels, positions(COMMA10K_5, COMMA10K_NAMES), COMMA10K_5.names.index("my car"))
        tiny.save(folder / "masks" / name, tiny.painted(classes, COMMA10K_5))
    return Made(f"comma10k:{folder}", TWO, COMMA10K_NAMES)


def gta5(folder: Path) -> Made:
    """Write GTA5: palette masks whose indices are the ids of Cityscapes, and the publisher's file of splits."""
    for i in range(4):
        labels = image(folder / "images" / f"{i + 1:05d}.png", i)
        mask = Image.fromarray(ids_of(labels, positions(CITYSCAPES_34, tiny.CITYSCAPES_NAMES), 0))
        mask.putpalette([value for color in CITYSCAPES_34.colors for value in color])
        (folder / "labels").mkdir(exist_ok=True)
        mask.save(folder / "labels" / f"{i + 1:05d}.png")
    (folder / "split.mat").write_bytes(b"MATLAB 5.0")
    return Made(f"gta5:{folder}", ONE, tiny.CITYSCAPES_NAMES)


SYNTHIA_NAMES = (
    "sky", "building", "pole", "road", "sidewalk", "vegetation", "traffic sign", "fence", "car", "pedestrian",
    "bicycle",
)  # fmt: skip


def synthia(folder: Path, channels: int = 3) -> Made:
    """Write SYNTHIA: masks of 16 bits, the class in the first channel, the instance in the second."""
    for i in range(4):
        labels = image(folder / "RGB" / f"{i:07d}.png", i)
        classes = ids_of(labels, positions(SYNTHIA_22, SYNTHIA_NAMES, 1), 0).astype(np.int64)
        instances = [300 * classes, np.zeros_like(classes)]
        path = folder / "GT" / "LABELS" / f"{i:07d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tiny.png(np.dstack([classes, *instances[: channels - 1]]), bits=16))
    return Made(f"synthia:{folder}", ONE, SYNTHIA_NAMES)


def carla(folder: Path, space: LabelSpace, car: str) -> Made:
    """Write a recording of CARLA: the class in the red channel, RGBA."""
    names = tuple({"car": car, "bicycle": car}.get(name, name) for name in SYNTHIA_NAMES)
    for i in range(4):
        labels = image(folder / "CameraRGB" / f"F61-{i}.png", i)
        classes = ids_of(labels, positions(space, names, 1), 0)
        zeros, opaque = np.zeros_like(classes), np.full_like(classes, 255)
        tiny.save(folder / "CameraSeg" / f"F61-{i}.png", np.dstack([classes, zeros, zeros, opaque]))
    return Made(f"{space.name}:{folder}", ONE, names)


def carla_22(folder: Path) -> Made:
    """Write a recording of an older version, which has one class for all vehicles."""
    return carla(folder, CARLA_22, "vehicles")


def carla_28(folder: Path) -> Made:
    """Write a recording of a newer version."""
    return carla(folder, CARLA_28, "car")


ADE20K_NAMES = (
    "sky", "building", "pole", "road", "sidewalk", "tree", "signboard", "fence", "car", "person", "bicycle",
)  # fmt: skip


def ade20k(folder: Path, kind: str = "ade20k") -> Made:
    """Write ADE20K's scene parsing: ids that count from 1, their table, and the scene of each image; all but one image
    of each split are streets."""
    names = ("wall", *ADE20K_NAMES)
    rows = [f"{i}\t0.1\t10\t1\t{name}, another name" for i, name in enumerate(names, start=1)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "objectInfo150.txt").write_text("\n".join(["Idx\tRatio\tTrain\tVal\tName", *rows]) + "\n")
    streets = kind == "ade20k-streets"
    scenes = []
    for split, i in [*halves(), ("train", 8), ("val", 9)]:
        stem = f"ADE_{split}_{i + 1:08d}"
        part = {"train": "training", "val": "validation"}[split]
        labels = image(folder / "images" / part / f"{stem}.jpg", i)
        tiny.save(folder / "annotations" / part / f"{stem}.png", ids_of(labels, tuple(range(2, 13)), 0))
        scenes.append(f"{stem} {'street' if i < 8 else 'bedroom'}\n")
    (folder / "sceneCategories.txt").write_text("".join(scenes))
    splits = TWO if streets else {"train": (0, 1, 8), "val": (2, 3, 9)}
    return Made(f"{kind}:{folder}", splits, ADE20K_NAMES)


def ade20k_streets(folder: Path) -> Made:
    """Write the same, of which only the streets are read."""
    return ade20k(folder, "ade20k-streets")


MAKERS: dict[str, Callable[[Path], Made]] = {
    "a2d2": a2d2,
    "acdc": acdc,
    "ade20k": ade20k,
    "ade20k-streets": ade20k_streets,
    "bdd100k": bdd100k,
    "carla-22": carla_22,
    "carla-28": carla_28,
    "comma10k": comma10k,
    "gta5": gta5,
    "idd": idd,
    "kitti": kitti,
    "mapillary-1.2": mapillary_1,
    "mapillary-2.0": mapillary_2,
    "synthia": synthia,
    "wilddash": wilddash,
}
