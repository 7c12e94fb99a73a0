"""OpenVINO on the CPU, for an exported .onnx or .xml file."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from streetseg.errors import ModelError, RequestError
from streetseg.inference.engines.engine import ExportedEngine
from streetseg.machine import thread_limit
from streetseg.models.description import KEY, LABELS, read_about, require_outputs

_KEPT = 8  # most compiled networks in memory; each image size needs one
_HINTS = {"fp32": "f32", "bf16": "bf16"}


class OpenVinoEngine(ExportedEngine):
    """An engine that compiles the network for each image size, which is faster than one network for all sizes.

    Args:
        path: the .onnx or .xml file.
        precision: "fp32", which means the precision of the file, int8 included; "bf16" if the processor supports it:
            the layers that are in float are then computed in bf16.
        many: run several images at once, each on a part of the cores: higher throughput, longer latency. Otherwise
            each image uses all cores.

    Raises:
        ModelError: the file cannot be read, or was not exported by streetseg.
        RequestError: the precision is not available on this machine.
    """

    name = "openvino"

    def __init__(self, path: Path, precision: str = "fp32", *, many: bool = False) -> None:
        self._core = _core()
        if lacking := self.lacks(precision):
            raise RequestError(lacking, where=path, hint="leave it at fp32")
        if not path.is_file():
            raise ModelError("no such model file", where=path)
        try:
            self._model = self._core.read_model(path)
        except Exception as error:  # OpenVINO raises RuntimeError and whatever its file readers raise
            raise ModelError(f"OpenVINO cannot read it ({_reason(error)})", where=path) from error
        self.about = read_about(_description(self._model), path)
        require_outputs({name for output in self._model.outputs for name in output.names}, path)
        self.precision = _precision(self.about.precision, precision)
        self.workers = 1
        # Without a hint OpenVINO computes in bf16 where the processor can; the requested precision must hold.
        self._settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "PERFORMANCE_HINT": "THROUGHPUT" if many else "LATENCY",
        }
        if (limit := thread_limit()) is not None:
            self._settings["INFERENCE_NUM_THREADS"] = limit
        self._compiled: OrderedDict[tuple[str, tuple[int, ...]], _Network] = OrderedDict()
        self._lock = threading.Lock()
        if many:
            height, width = self.fixed_size or self.size or (512, 1024)
            network = self._network(LABELS, (1, 3, height, width))
            self.workers = int(network.compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))

    @staticmethod
    def lacks(precision: str) -> str | None:
        """Return why the engine does not compute in a precision on this machine; None if it does."""
        if precision not in _HINTS:
            return f"unknown precision {precision} (fp32 or bf16)"
        if precision == "bf16" and "BF16" not in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            return "this processor does not compute in bf16"
        return None

    def _run(self, output: str, images: NDArray[np.uint8]) -> NDArray[Any]:
        network = self._network(output, images.shape)
        request = network.request()
        request.infer({0: np.ascontiguousarray(images)}, share_inputs=True)
        result: NDArray[Any] = request.get_output_tensor(0).data.copy()
        network.idle.append(request)
        return result

    def _network(self, output: str, shape: tuple[int, ...]) -> "_Network":
        """Return the network compiled for images of this shape, which computes only this output."""
        key = (output, shape)
        with self._lock:
            if key not in self._compiled:
                model = self._model.clone()
                model.reshape(list(shape))
                needed = [result for result in model.get_results() if output in result.input(0).get_tensor().names]
                part = openvino.Model(needed, model.get_parameters())
                self._compiled[key] = _Network(self._core.compile_model(part, "CPU", self._settings))
                if len(self._compiled) > _KEPT:
                    self._compiled.popitem(last=False)
            self._compiled.move_to_end(key)
            return self._compiled[key]


@cache
def _core() -> openvino.Core:
    """Return the one OpenVINO core of the process, which is never released.

    A core installs an alternate signal stack in the thread that first compiles. If another thread released the core,
    that stack would be freed while still in use, and Ctrl-C would crash the process.
    """
    return openvino.Core()


@dataclass
class _Network:
    """A compiled network and its idle requests. A request owns the memory that a forward pass needs."""

    compiled: Any
    idle: list[Any] = field(default_factory=list)

    def request(self) -> Any:
        """Return an idle request, or a new one; the caller puts it back into `idle`."""
        try:
            return self.idle.pop()
        except IndexError:
            return self.compiled.create_infer_request()


def _precision(file: str, computed: str) -> str:
    """Return the precision of a file whose float layers are computed in the precision `computed`."""
    if computed == "fp32":
        return file
    return f"int8-{computed}" if file == "int8" else computed


def _description(model: Any) -> str | None:
    """Return the description in the file, None if there is none. OpenVINO keeps ONNX metadata under "framework"."""
    path = ["framework", KEY]
    return str(model.get_rt_info(path).value) if model.has_rt_info(path) else None


def _reason(error: Exception) -> str:
    """Return the last line of OpenVINO's message, which names the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
