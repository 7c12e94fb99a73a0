"""A network as a LiteRT (.tflite) file. Input: one uint8 image (1, H, W, 3) of a fixed size."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from timm.utils.model import reparameterize_model
from torch import Tensor, nn

from streetseg.arrays import Size
from streetseg.deploy import litert_worker
from streetseg.errors import RequestError, StreetsegError
from streetseg.models.description import INPUT, KEY, LABELS, LOGITS
from streetseg.models.network import SegmentationNetwork


class ConversionError(StreetsegError):
    """The converter of another library failed."""


class _ChannelsLast(nn.Module):
    """A network with channels last, as LiteRT computes, and with its labels as second output."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        logits: Tensor = self.network(images.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return {LOGITS: logits, LABELS: logits.argmax(3).to(torch.uint8)}


def require_converter() -> None:
    """Raise RequestError where litert-torch, which writes LiteRT files, cannot run or is not installed."""
    if sys.platform != "linux" or sys.version_info >= (3, 14):
        here = f"{sys.platform}, Python {sys.version_info.major}.{sys.version_info.minor}"
        raise RequestError(
            f"LiteRT files are written on Linux with Python 3.11 to 3.13 only (found {here})",
            where="--format litert",
            hint="litert-torch, which writes them, exists for no other; export there, the file runs everywhere",
        )
    for module in ("litert_torch", "ai_edge_litert"):
        if find_spec(module) is None:
            raise RequestError(
                f"the format litert needs {module}, which is not installed",
                where="--format litert",
                hint="pip install 'streetseg[litert,litert-export]'",
            )


def write_litert(path: Path, network: SegmentationNetwork, fixed: Size) -> None:
    """Write the network in evaluation mode in float32, with batch norm folded into the convolutions.

    Args:
        path: the .tflite file; an existing one is replaced.
        network: is not changed.
        fixed: the height and width of the images.

    Raises:
        ConversionError: the network cannot be converted.
    """
    exported = _ChannelsLast(reparameterize_model(network.cpu().eval())).eval()
    exported.to(memory_format=torch.contiguous_format)  # torch.export.save writes other weights wrong
    example = {INPUT: torch.zeros(1, *fixed, 3, dtype=torch.uint8)}
    program = path.with_suffix(".pt2")
    try:
        torch.export.save(torch.export.export(exported, (), example), program)
    except Exception as error:  # torch.export has no common base of its errors
        raise ConversionError(f"torch cannot export the network ({str(error).splitlines()[0]})") from error
    _work("convert", program, path)
    program.unlink()


def lower_litert(path: Path, out: Path, precision: str, images: Iterator[NDArray[np.uint8]]) -> None:
    """Write a float32 .tflite file in another precision.

    Args:
        path: the float32 file.
        out: the file to write; an existing one is replaced.
        precision: "fp16" or "int8".
        images: calibration images uint8 (1, 3, H, W) of the file's size; none for fp16.
    """
    stacked = [image.transpose(0, 2, 3, 1) for image in images]
    calibration = path.with_name("calibration.npy")
    np.save(calibration, np.concatenate(stacked) if stacked else np.empty(0, np.uint8))
    _work("lower", path, out, precision, calibration)
    calibration.unlink()


def describe_litert(path: Path, description: dict[str, Any]) -> None:
    """Write the description of the model into the metadata of the .tflite file, in place of an older one.

    It also names the outputs that the file computes, see `_name_outputs`.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    from streetseg.inference.engines.litert_engine import IDENTIFIER

    content = path.read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    for stored in model.buffers:
        if stored.offset > 1:  # the quantizer writes large buffers behind the model, at places that would now be others
            stored.data = np.frombuffer(content, np.uint8, stored.size, stored.offset)
            stored.offset = stored.size = 0
    text = json.dumps(description, ensure_ascii=False, allow_nan=False).encode()
    entries = [entry for entry in model.metadata or [] if entry.name != KEY.encode()]
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(text, np.uint8)
    entry.name, entry.buffer = KEY, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*entries, entry]
    _name_outputs(model)
    builder = flatbuffers.Builder(len(text) + len(content))
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    path.write_bytes(bytes(builder.Output()))


def _name_outputs(model: Any) -> None:
    """Let the signatures of an int8 model name its float32 outputs.

    The quantizer of LiteRT dequantizes an output into a new tensor, but leaves its name at the 8-bit one, which a
    delegate may never compute.
    """
    for signature in model.signatureDefs:
        graph = model.subgraphs[signature.subgraphIndex]
        behind = {op.inputs[0]: op.outputs[0] for op in graph.operators if op.outputs[0] in graph.outputs}
        for output in signature.outputs:
            if output.tensorIndex not in graph.outputs:
                output.tensorIndex = behind[output.tensorIndex]


def _work(*arguments: str | Path) -> None:
    """Run the worker. Raise ConversionError with its last line if it fails."""
    command = [sys.executable, "-P", litert_worker.__file__, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode == 0:
        return
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    reason = lines[-1] if lines else "it printed nothing"
    hint = "litert-torch does not convert every network; --format onnx does"
    if done.returncode < 0:
        reason, hint = f"it was ended by signal {-done.returncode}", "it needs about 2 GB of free memory"
    raise ConversionError(f"litert-torch cannot convert the network ({reason})", hint=hint)
