"""Eight-bit integers instead of float32, after training (static, QDQ), calibrated on training images.

QDQ is the form of quantization that both ONNX Runtime and OpenVINO read: the graph stays one of floats, with pairs of
QuantizeLinear and DequantizeLinear around what an engine may compute in integers. Weights have one scale a channel,
activations one a tensor.

The first convolution, which sees the whole range of an image with few channels, the head, whose rounding would go
straight into the labels, and depthwise convolutions, whose channels differ in range but would share one scale, stay in
float32; together they are a small part of the work. On CamVid, a MobileNetV2 with the fast decoder loses 0.4 points of
mean IoU so, and 0.9 with its depthwise convolutions in integers, which saved no time.

Processors without VNNI (AVX2 only) add pairs of 8-bit products in 16 bits, and the sum can overflow. Weights of 7 bits
cannot; they are taken everywhere, as nobody knows where a file will run, and cost little, because each channel of
weights has a scale of its own.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from streetseg.models.description import INPUT

CALIBRATION = 32  # images


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # untyped in ONNX Runtime
    def __init__(self, images: Iterator[NDArray[np.uint8]]) -> None:
        self._images = images

    def get_next(self) -> dict[str, Any] | None:
        image = next(self._images, None)
        return None if image is None else {INPUT: image}


def quantize(path: Path, out: Path, images: Iterator[NDArray[np.uint8]]) -> None:
    """Writes the int8 form of an .onnx file.

    Args:
        path: float32.
        out: the new file; replaced.
        images: uint8 (1, 3, H, W), of what the network will meet.
    """
    prepared = out.with_name("prepared.onnx")
    quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # ONNX Runtime speaks through the root logger, of preparations that were made
    try:
        quantize_static(
            str(prepared),
            str(out),
            _Reader(images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=sensitive(onnx.load(str(prepared))),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    finally:
        root.setLevel(level)
        prepared.unlink()


def sensitive(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that stay in float32: the first convolution, the last, and the depthwise ones."""
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    first, *_, last = convolutions
    return [first.name, last.name, *(node.name for node in convolutions if is_depthwise(node, model))]


def is_depthwise(node: onnx.NodeProto, model: onnx.ModelProto) -> bool:
    """Whether a convolution mixes no channels: its weights (out, in / groups, h, w) see one of them."""
    shapes = {weight.name: tuple(weight.dims) for weight in model.graph.initializer}
    groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
    return groups > 1 and shapes[node.input[1]][1] == 1
