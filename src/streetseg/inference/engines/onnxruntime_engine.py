"""ONNX Runtime on the CPU, for an exported .onnx file."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from streetseg.errors import ModelError, RequestError
from streetseg.inference.engines.engine import ExportedEngine
from streetseg.machine import thread_limit
from streetseg.models.description import INPUT, KEY, read_about, require_outputs

_ERRORS_ONLY = 3  # severity level of ONNX Runtime's log


class OnnxRuntimeEngine(ExportedEngine):
    """An engine with one session for all image sizes; one thread per core, fewer under a CPU quota.

    The default settings of ONNX Runtime are the fastest. With threads that do not spin while they wait for the next
    layer, or stop spinning after an image, a MobileNetV2 at 384x480 was 1.2 to 1.5 times slower on two cores.

    Args:
        path: the .onnx file.
        precision: only "fp32", which means the precision of the file, int8 included.

    Raises:
        ModelError: the file cannot be read, or was not exported by streetseg.
        RequestError: another precision was requested.
    """

    name = "onnxruntime"
    workers = 1  # one session uses all cores

    def __init__(self, path: Path, precision: str = "fp32") -> None:
        if lacking := self.lacks(precision):
            raise RequestError(lacking, where=path, hint="--engine openvino, or torch with the bundle")
        onnxruntime.disable_telemetry_events()  # those of Windows, which heeds no variable
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = thread_limit() or 0  # 0: ONNX Runtime chooses
        try:
            self._session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        except OSError as error:
            raise ModelError(f"cannot be read ({error.strerror or error})", where=path) from error
        except Exception as error:  # ONNX Runtime has one exception class per kind of failure, without a common base
            raise ModelError(f"not a readable ONNX file ({str(error).splitlines()[0]})", where=path) from error
        self.about = read_about(self._session.get_modelmeta().custom_metadata_map.get(KEY), path)
        require_outputs({output.name for output in self._session.get_outputs()}, path)
        self.precision = self.about.precision

    @staticmethod
    def lacks(precision: str) -> str | None:
        """Return why the engine does not compute in a precision; None if it does."""
        if precision == "fp32":
            return None
        return f"ONNX Runtime computes in the precision of the file, not in {precision}"

    def _run(self, output: str, images: NDArray[np.uint8]) -> NDArray[Any]:
        result: NDArray[Any] = self._session.run([output], {INPUT: np.ascontiguousarray(images)})[0]
        return result
