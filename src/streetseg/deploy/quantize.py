"""Static post-training quantization to int8 (QDQ), calibrated on training images.

ONNX Runtime and OpenVINO both read QDQ: the graph stays in float32, with pairs of QuantizeLinear and DequantizeLinear
around the operations that an engine may compute in integers. Weights have one scale per channel, activations one scale
per tensor.

Three kinds of convolution stay in float32; together they are a small part of the computation:
- the first four, because the image and the first maps carry their whole range in few channels;
- the head, because its rounding errors would change labels directly;
- depthwise convolutions, because their channels differ in range but would share one scale.
On CamVid's validation images, a MobileNetV2 with the fast decoder loses 0.2 points of mean IoU in this way. With only
the first convolution in float32 it loses 0.6, with the first three 0.5; percentiles or moving averages instead of the
extremes of the activations lose 0.6 and 0.8. With depthwise convolutions in integers it loses more and is no faster.

Processors without VNNI (AVX2 only) add pairs of 8-bit products in 16 bits, and the sum can overflow. With 7-bit weights
it cannot. Every export uses 7-bit weights, because the file may run on any processor. They lose little, because each
channel of the weights has its own scale.
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

FIRST = 4  # convolutions at the start that stay in float32


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # untyped in ONNX Runtime
    """Calibration images in the form that ONNX Runtime reads."""

    def __init__(self, images: Iterator[NDArray[np.uint8]]) -> None:
        self._images = images

    def get_next(self) -> dict[str, Any] | None:
        image = next(self._images, None)
        return None if image is None else {INPUT: image}


def quantize(path: Path, out: Path, images: Iterator[NDArray[np.uint8]]) -> None:
    """Write the int8 form of an .onnx file.

    Args:
        path: the float32 file.
        out: the int8 file; an existing one is replaced.
        images: calibration images uint8 (1, 3, H, W), at the size at which the network sees them.
    """
    prepared = out.with_name("prepared.onnx")
    quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # ONNX Runtime warns through the root logger to preprocess, which was done above
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
    """Return the names of the nodes that stay in float32: the first convolutions, the last, and the depthwise ones."""
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    kept = [*convolutions[:FIRST], convolutions[-1], *(node for node in convolutions if is_depthwise(node, model))]
    return list(dict.fromkeys(node.name for node in kept))


def is_depthwise(node: onnx.NodeProto, model: onnx.ModelProto) -> bool:
    """Return whether a convolution is depthwise: its weights (out, in / groups, h, w) have one input channel."""
    shapes = {weight.name: tuple(weight.dims) for weight in model.graph.initializer}
    groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
    return groups > 1 and shapes[node.input[1]][1] == 1
