"""An exported model that gives each pixel the class whose color is nearest: its labels of a color map are exact."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import STREET_11
from streetseg.models.description import EXPORTED, INPUT, KEY, LABELS, LOGITS, VERSION


def color_model(
    path: Path, space: LabelSpace = STREET_11, *, validation: dict[str, Any] | None = None, bias: float = 0.0
) -> Path:
    """Write the model as ONNX. Return its path.

    Args:
        space: the classes.
        validation: the counts of its validation, as a bundle keeps them.
        bias: added to the logit of the last class.
    """
    colors = np.array(space.colors, np.float32)
    weight = (2 * colors)[:, :, None, None]
    offset = -(colors**2).sum(axis=1)
    offset[-1] += bias
    sides = ("batch", "height", "width")
    graph = helper.make_graph(
        [
            helper.make_node("Cast", [INPUT], ["float"], to=TensorProto.FLOAT),
            helper.make_node("Conv", ["float", "weight", "offset"], [LOGITS]),
            helper.make_node("ArgMax", [LOGITS], ["argmax"], axis=1, keepdims=0),
            helper.make_node("Cast", ["argmax"], [LABELS], to=TensorProto.UINT8),
        ],
        "colors",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [sides[0], 3, *sides[1:]])],
        [
            helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, [sides[0], space.num_classes, *sides[1:]]),
            helper.make_tensor_value_info(LABELS, TensorProto.UINT8, list(sides)),
        ],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(offset, "offset")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, json.dumps(description(space) | {"validation": validation})
    onnx.save(model, str(path))
    return path


def description(space: LabelSpace) -> dict[str, Any]:
    """Return what an export writes about its model."""
    return {
        "format": EXPORTED, "version": VERSION, "streetseg": "0", "precision": "fp32", "calibration": None,
        "encoder": "colors", "decoder": "classic", "channels": [1, 1, 1, 1, 1], "size": None,
        "size_rule": "same-area", "images": {"exif": "apply", "range": "full"}, "space": space.name,
        "classes": list(space.names), "colors": [list(color) for color in space.colors],
        "ignore_index": space.ignore_index, "initial_weights": {"kind": "", "source": "", "text": ""},
        "protocol": {"dataset": "scenes", "split": "val"}, "scores": {}, "sha256": "",
    }  # fmt: skip
