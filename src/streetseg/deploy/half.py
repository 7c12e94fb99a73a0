"""An ONNX graph with 16-bit weights, half the size of the file.

Only the weights of convolutions and matrix products are stored in 16 bits. A Cast behind each gives them back to the
graph in float32, so that every runtime computes as before, and none needs 16-bit arithmetic.
"""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_KINDS = {"fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}


def halve(path: Path, out: Path, precision: str) -> None:
    """Write an .onnx file with its weights in 16 bits.

    Args:
        path: the float32 file.
        out: the file to write; an existing one is replaced.
        precision: "fp16" or "bf16".
    """
    model = onnx.load(str(path))
    graph = model.graph
    used = {name for node in graph.node if node.op_type in WEIGHTED for name in node.input[1:2]}
    for tensor in [tensor for tensor in graph.initializer if tensor.name in used]:
        values = numpy_helper.to_array(tensor)
        raw = values.astype(np.float16).tobytes() if precision == "fp16" else bf16_bits(values).tobytes()
        name = f"{tensor.name}_{precision}"
        graph.initializer.remove(tensor)
        graph.initializer.append(helper.make_tensor(name, _KINDS[precision], tensor.dims, raw, raw=True))
        graph.node.insert(0, helper.make_node("Cast", [name], [tensor.name], name=f"{name}_cast", to=TensorProto.FLOAT))
    onnx.save(model, str(out))


def bf16_bits(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return finite float32 values rounded to bfloat16, to the nearest and of two equally near to the even one: uint16
    of the same shape. numpy has no such type."""
    bits = np.ascontiguousarray(values).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
