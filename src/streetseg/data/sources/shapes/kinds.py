"""The label tools whose files are read: how a path is recognized, and what opens it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streetseg.data.source import Source
from streetseg.data.sources.shapes.coco import is_coco, open_coco
from streetseg.data.sources.shapes.cvat import is_cvat, open_cvat
from streetseg.data.sources.shapes.kaggle import is_kaggle, open_kaggle
from streetseg.data.sources.shapes.labelme import is_labelme, open_labelme
from streetseg.data.sources.shapes.labelstudio import is_labelstudio, open_labelstudio
from streetseg.data.sources.shapes.roboflow import is_roboflow, open_roboflow
from streetseg.data.sources.shapes.supervisely import is_supervisely, open_supervisely
from streetseg.data.sources.shapes.via import is_via, open_via
from streetseg.data.sources.shapes.voc import is_voc, open_voc
from streetseg.data.sources.shapes.yolo import is_yolo, open_yolo


@dataclass(frozen=True)
class ToolKind:
    """A kind of data that a label tool writes.

    Args:
        open: opens a file or folder.
        recognize: returns whether a file or folder is of this kind.
    """

    open: Callable[[Path], Source]
    recognize: Callable[[Path], bool]


TOOL_KINDS: dict[str, ToolKind] = {
    "coco": ToolKind(open_coco, is_coco),
    "yolo": ToolKind(open_yolo, is_yolo),
    "labelme": ToolKind(open_labelme, is_labelme),
    "cvat": ToolKind(open_cvat, is_cvat),
    "labelstudio": ToolKind(open_labelstudio, is_labelstudio),
    "supervisely": ToolKind(open_supervisely, is_supervisely),
    "voc": ToolKind(open_voc, is_voc),
    "roboflow": ToolKind(open_roboflow, is_roboflow),
    "via": ToolKind(open_via, is_via),
    "kaggle": ToolKind(open_kaggle, is_kaggle),
}
