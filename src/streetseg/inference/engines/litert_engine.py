"""LiteRT on the CPU, for an exported .tflite file, as a phone runs it."""

import os
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from streetseg.errors import ModelError, RequestError
from streetseg.inference.engines.engine import ExportedEngine
from streetseg.machine import cores, thread_limit
from streetseg.models.description import INPUT, KEY, LOGITS, read_about, require_outputs

IDENTIFIER = b"TFL3"  # bytes 4 to 7 of every .tflite file
_STDERR = 2


class LiteRtEngine(ExportedEngine):
    """An engine with one interpreter, which takes images of the size that is fixed in the file.

    Args:
        path: the .tflite file.
        precision: only "fp32", which means the precision of the file, int8 included.

    Raises:
        ModelError: the file cannot be read, or was not exported by streetseg.
        RequestError: another precision was requested.
    """

    name = "litert"
    workers = 1  # one interpreter uses all cores

    def __init__(self, path: Path, precision: str = "fp32") -> None:
        if lacking := self.lacks(precision):
            raise RequestError(lacking, where=path, hint="leave it at fp32")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"cannot be read ({error.strerror or error})", where=path) from error
        try:
            with _quiet():
                interpreter = Interpreter(model_content=content, num_threads=thread_limit() or cores())
                interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"not a readable LiteRT file ({str(error).splitlines()[0]})", where=path) from error
        self.about = read_about(description(content), path)
        if self.about.fixed_size is None:
            raise ModelError("the description in it names no size of the images", where=path)
        signatures = interpreter.get_signature_list()
        require_outputs({name for signature in signatures.values() for name in signature["outputs"]}, path)
        self.precision = self.about.precision
        self._run_signature = interpreter.get_signature_runner()
        self._interpreter = interpreter
        self._lock = threading.Lock()  # an interpreter has one set of tensors

    @staticmethod
    def lacks(precision: str) -> str | None:
        """Return why the engine does not compute in a precision; None if it does."""
        return None if precision == "fp32" else f"LiteRT computes in the precision of the file, not in {precision}"

    def _run(self, output: str, images: NDArray[np.uint8]) -> NDArray[Any]:
        with self._lock:
            results = self._run_signature(**{INPUT: np.ascontiguousarray(images.transpose(0, 2, 3, 1))})
            result: NDArray[Any] = results[output]
        return np.ascontiguousarray(result.transpose(0, 3, 1, 2)) if output == LOGITS else result


def description(content: bytes) -> str | None:
    """Return the description in a .tflite file, None if there is none."""
    try:
        model = schema.Model.GetRootAs(content)
        entries = [model.Metadata(i) for i in range(model.MetadataLength())]
        found = next((entry for entry in entries if entry.Name() == KEY.encode()), None)
        return None if found is None else model.Buffers(found.Buffer()).DataAsNumpy().tobytes().decode()
    except (struct.error, TypeError, AttributeError, UnicodeDecodeError):  # offsets that lead nowhere
        return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what LiteRT's C++ code prints on stderr, such as the names of its delegates, away from the terminal."""
    with tempfile.TemporaryFile() as discarded:
        stderr = os.dup(_STDERR)
        os.dup2(discarded.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(stderr, _STDERR)
            os.close(stderr)
