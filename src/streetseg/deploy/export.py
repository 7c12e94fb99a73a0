"""Export a trained network to a file that runs without torch. Only a complete and checked file is written."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from streetseg.arrays import Size
from streetseg.atomic import atomic_write_files
from streetseg.data.source import Source, short_name
from streetseg.deploy.checks import (
    Cost,
    Parity,
    as_seen,
    check_images,
    compare,
    mean_iou_cost,
    require_budget,
    require_parity,
    samples_of,
    spread,
)
from streetseg.deploy.graph import describe, write_graph
from streetseg.errors import RequestError
from streetseg.inference.engines.engine import Engine
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.models.bundle import load_bundle
from streetseg.models.description import EXPORTED
from streetseg.models.formats import FORMATS, ExportFormat
from streetseg.models.own import NO_MODULES, OwnModules

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Exported:
    """The files of an export and the results of its checks.

    Args:
        files: the model file, and its .bin where the format has one.
        bytes: size of all files together.
        precision: "fp32" or "int8".
        parity: agreement with the network.
        cost: mean IoU before and after quantization; None for fp32.
    """

    files: tuple[Path, ...]
    bytes: int
    precision: str
    parity: Parity
    cost: Cost | None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a dict for JSON."""
        return asdict(self)


def export(
    model: Path,
    out: Path,
    form: str,
    source: Source,
    *,
    split: str = "val",
    int8: bool = False,
    budget: float = 0.5,
    tell: Callable[[str], None] = lambda line: None,
    modules: OwnModules | None = None,
) -> Exported:
    """Write a bundle's network in another format.

    Args:
        model: a bundle or run folder.
        out: the file, with the suffix of the format; an existing one is replaced.
        form: "onnx" or "openvino".
        source: images for the checks, and with `int8` for calibration (split "train") and scoring (`split`).
        split: labeled images that neither training nor calibration uses.
        int8: quantize.
        budget: how many points of mean IoU (0..100) int8 may cost on `split`.
        tell: hears what is being done.
        modules: of the caller's own, which the network was made with.

    Raises:
        DisagreementError: file and network do not agree; nothing is written.
        BudgetError: int8 loses more than the budget; nothing is written.
        ModelError, RequestError, DataError: model or data cannot be read, or do not fit each other.
    """
    network, description = load_bundle(model, modules or NO_MODULES)
    reference = TorchEngine(network, CPU)
    about = description | {
        "format": EXPORTED,
        "streetseg": version("streetseg"),
        "precision": "int8" if int8 else "fp32",
        "calibration": None,
    }
    with TemporaryDirectory(prefix="streetseg-export-") as scratch:
        graph = Path(scratch) / "model.onnx"
        write_graph(graph, network)
        if int8:
            about["calibration"] = _quantize_in_place(graph, source, network.size, tell)
        describe(graph, about)
        file, engine = _in_format(graph, form)
        parity = compare(reference, engine, check_images(source, split, network.size))
        cost = None
        if int8:
            tell(f"scoring on {len(source.splits[split])} images of {source.spec} {split}, before and after")
            cost = mean_iou_cost(reference, engine, source, split)
            require_budget(cost, budget)
        else:
            require_parity(parity)
        del engine
        files = _publish(FORMATS[form], file, out)
    return Exported(files, sum(path.stat().st_size for path in files), about["precision"], parity, cost)


def _quantize_in_place(graph: Path, source: Source, size: Size | None, tell: Callable[[str], None]) -> dict[str, Any]:
    """Replace a float32 .onnx file by its int8 form.

    Returns:
        The description of the calibration images: `dataset`, `split` and the number of `images`.
    """
    from streetseg.deploy.quantize import CALIBRATION, quantize

    samples = spread(samples_of(source, "train"), CALIBRATION)
    tell(f"calibrating on {len(samples)} images of {source.spec} train")
    fp32 = graph.rename(graph.with_name("fp32.onnx"))
    quantize(fp32, graph, (image for _, image in as_seen(source, samples, size)))
    return {"dataset": short_name(source.spec), "split": "train", "images": len(samples)}


def _in_format(graph: Path, form: str) -> tuple[Path, Engine]:
    """Convert an .onnx file to the requested format; return the new file and an engine that runs it."""
    if form == "onnx":
        from streetseg.inference.engines.onnxruntime_engine import OnnxRuntimeEngine

        return graph, OnnxRuntimeEngine(graph)
    import openvino

    from streetseg.inference.engines.openvino_engine import OpenVinoEngine

    file = graph.with_suffix(FORMATS[form].suffix)
    openvino.save_model(openvino.Core().read_model(graph), file, compress_to_fp16=False)
    return file, OpenVinoEngine(file)


def _publish(form: ExportFormat, file: Path, out: Path) -> tuple[Path, ...]:
    """Copy the finished files to `out`, the model file last, so that it never stands without the others."""
    targets = dict(zip(reversed(form.files(out)), reversed(form.files(file)), strict=True))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_files({target: written.read_bytes() for target, written in targets.items()})
    except OSError as error:
        raise RequestError(f"cannot be written ({error.strerror or error})", where=out) from error
    return tuple(targets)
