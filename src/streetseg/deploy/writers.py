"""Writers of the export formats: the network in float32, then the same file in a lower precision."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Size
from streetseg.inference.engines.engine import Engine
from streetseg.models.formats import FORMATS
from streetseg.models.network import SegmentationNetwork

Images = Iterator[NDArray[np.uint8]]


class Writer(Protocol):
    """Writes the files of one export into a scratch folder."""

    def float32(self, network: SegmentationNetwork, about: dict[str, Any]) -> Path:
        """Write the network in float32 with the description `about`; return the model file."""
        ...

    def lower(self, precision: str, calibration: Images, about: dict[str, Any]) -> Path:
        """Write what `float32` wrote in another precision.

        Args:
            precision: "fp16", "bf16" or "int8".
            calibration: images uint8 (1, 3, H, W), at the size at which the network sees them; none but for int8.
            about: the description.
        """
        ...

    def open(self, file: Path) -> Engine:
        """Return the engine that runs the file in the checks."""
        ...


def writer(form: str, folder: Path, fixed: Size | None) -> Writer:
    """Return the writer of a format.

    Args:
        form: one of FORMATS.
        folder: the scratch folder.
        fixed: the only size of images that the file shall take; None for any.
    """
    if FORMATS[form].one_size:
        if fixed is None:
            raise ValueError(f"a file of the format {form} has one size")
        return _LiteRtWriter(folder, fixed)
    return _GraphWriter(folder, form, fixed)


class _GraphWriter:
    """Writes ONNX files, and OpenVINO's, which are converted from them."""

    def __init__(self, folder: Path, form: str, fixed: Size | None) -> None:
        self._graph, self._lowered = folder / "fp32.onnx", folder / "lowered.onnx"
        self._form, self._fixed = form, fixed

    def float32(self, network: SegmentationNetwork, about: dict[str, Any]) -> Path:
        from streetseg.deploy.graph import write_graph

        write_graph(self._graph, network, self._fixed)
        return self._finished(self._graph, about)

    def lower(self, precision: str, calibration: Images, about: dict[str, Any]) -> Path:
        from streetseg.deploy.half import halve
        from streetseg.deploy.quantize import quantize

        if precision == "int8":
            quantize(self._graph, self._lowered, calibration)
        else:
            halve(self._graph, self._lowered, precision)
        return self._finished(self._lowered, about)

    def _finished(self, graph: Path, about: dict[str, Any]) -> Path:
        """Describe a graph and convert it to the requested format."""
        from streetseg.deploy.graph import describe

        describe(graph, about)
        if self._form == "onnx":
            return graph
        import openvino

        file = graph.with_suffix(FORMATS[self._form].suffix)
        openvino.save_model(openvino.Core().read_model(graph), file, compress_to_fp16=False)
        return file

    def open(self, file: Path) -> Engine:
        if self._form == "onnx":
            from streetseg.inference.engines.onnxruntime_engine import OnnxRuntimeEngine

            return OnnxRuntimeEngine(file)
        from streetseg.inference.engines.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(file)


class _LiteRtWriter:
    """Writes LiteRT files."""

    def __init__(self, folder: Path, fixed: Size) -> None:
        self._file, self._lowered = folder / "fp32.tflite", folder / "lowered.tflite"
        self._fixed = fixed

    def float32(self, network: SegmentationNetwork, about: dict[str, Any]) -> Path:
        from streetseg.deploy.litert import describe_litert, write_litert

        write_litert(self._file, network, self._fixed)
        describe_litert(self._file, about)
        return self._file

    def lower(self, precision: str, calibration: Images, about: dict[str, Any]) -> Path:
        from streetseg.deploy.litert import describe_litert, lower_litert

        lower_litert(self._file, self._lowered, precision, calibration)
        describe_litert(self._lowered, about)
        return self._lowered

    def open(self, file: Path) -> Engine:
        from streetseg.inference.engines.litert_engine import LiteRtEngine

        return LiteRtEngine(file)
