"""Open a model on disk in an engine. Only the library of that engine is imported."""

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from streetseg.errors import RequestError, did_you_mean
from streetseg.inference.engines.choice import Choice, Memory
from streetseg.inference.engines.engine import Engine
from streetseg.inference.engines.fastest import Fastest, in_words, listed
from streetseg.models.description import find_bundle
from streetseg.models.formats import ENGINES, FORMATS, LIBRARIES, format_of, is_exported

log = logging.getLogger("streetseg")

MANY = 16  # images; from this number on engines are measured, and throughput counts more than latency


def open_engine(
    path: Path, name: str = "auto", *, device: str = "auto", precision: str = "fp32", images: int | None = None
) -> Engine:
    """Return an engine that runs a model.

    Args:
        path: a bundle or run folder, or an exported .onnx, .xml or .tflite.
        name: "torch", "onnxruntime", "openvino", "litert", or "auto": the fastest of the installed engines that run
            this model in this precision, measured on the first images and remembered; for fewer than MANY images the
            one that starts soonest.
        device: "auto", "cpu", "cuda", …; exported models run on the CPU.
        precision: "fp32" or "bf16"; a model exported in int8 stays int8.
        images: the number of images to predict, None if unknown. From MANY on, an engine is set up for throughput
            instead of latency.

    Raises:
        RequestError: the engine is unknown, is not installed or cannot run this model, or the device or precision is
            not available.
        ModelError: the model cannot be read.
    """
    if name == "auto":
        names = engines_here(path, precision)
        if len(names) > 1 and images is not None and images < MANY:
            log.info("engine: %s, which starts soonest; from %d images on engines are measured", names[0], MANY)
            names = names[:1]
    else:
        require_fit(name, path)
        names = [name]
    if is_exported(path) and device not in ("auto", "cpu"):
        raise RequestError(f"an exported model runs on the CPU, not on {device}", where=path, hint="--device cpu")
    many = images is not None and images >= MANY
    if name != "auto" or (images is not None and not many):
        return _open(names[0], path, device, precision, many=many)
    memory = Memory(path, names, precision, many=many)
    if engine := _recalled(memory, names, path, device, precision, many=many):
        return engine
    engines = [_open(engine, path, device, precision, many=many) for engine in names]
    if precision == "fp32" and any(gains_from_bf16(engine.name, engine.precision) for engine in engines):
        engines.append(_open("openvino", path, device, "bf16", many=many))
    return engines[0] if len(engines) == 1 else Fastest(engines, memory.keep)


def _recalled(
    memory: Memory, names: Sequence[str], path: Path, device: str, precision: str, *, many: bool
) -> Engine | None:
    """Return the engine that was chosen for an exported model before; None if there is none, or it is not here now."""
    choice = memory.recall() if is_exported(path) else None
    if choice is None or choice.engine not in names:
        return None
    computed = "bf16" if choice.precision == "int8-bf16" else precision
    engine = _open(choice.engine, path, device, computed, many=many)
    if not choice.is_of(engine):
        return None
    height, width = choice.size
    text = "engine: %s, the fastest here at %dx%d when it was measured (an image: %s)"
    log.info(text, in_words(engine), height, width, listed(choice))
    return engine


def gains_from_bf16(engine: str, precision: str) -> bool:
    """Return whether a model in this engine may be faster if its float layers are computed in bf16: an int8 model in
    OpenVINO, on a processor that has instructions for bf16.

    On a processor with avx512_bf16 it needs half the time: the layers that stay in float are the slow ones.
    """
    return (engine, precision) == ("openvino", "int8") and _lacks("openvino", "bf16") is None


def remembered(path: Path, precision: str = "fp32") -> Choice | None:
    """Return what "auto" has chosen for an exported model and many images; None if it has not measured yet."""
    if not is_exported(path):
        return None
    names = engines_here(path, precision)
    choices = (Memory(path, names, precision, many=many).recall() for many in (True, False))
    return next((choice for choice in choices if choice), None)


def engines_for(path: Path) -> tuple[str, ...]:
    """Return the engines that can run a model, by its suffix."""
    form = format_of(path)
    return form.engines if form else ("torch",)


def engines_here(path: Path, precision: str = "fp32") -> list[str]:
    """Return the engines of `engines_for` that are installed and compute in the precision; the log names the others.

    If none is installed, return the first one: opening it raises the error that says what to install.

    Raises:
        RequestError: no installed engine computes in the precision.
    """
    offered = engines_for(path)
    installed = [engine for engine in offered if _installed(engine)]
    if precision == "fp32" or not installed:  # all engines compute in fp32, so no library has to be imported
        return installed or [offered[0]]
    lacking = {engine: reason for engine in installed if (reason := _lacks(engine, precision))}
    if len(lacking) == len(installed):
        raise RequestError("; ".join(lacking.values()), where=path, hint="leave it at fp32")
    for engine, reason in lacking.items():
        log.info("engine %s is left out: %s", engine, reason)
    return [engine for engine in installed if engine not in lacking]


def require_fit(name: str, path: Path) -> None:
    """Raise RequestError unless `name` is an engine that can run the model at `path`."""
    if name not in ENGINES:
        raise RequestError(
            f"unknown engine {name}",
            where="--engine",
            hint=did_you_mean(name, ENGINES) or f"auto, {', '.join(ENGINES)}",
        )
    offered = engines_for(path)
    if name not in offered:
        forms = "|".join(form for form, facts in FORMATS.items() if name in facts.engines)
        raise RequestError(
            f"engine {name} cannot run this model ({' and '.join(offered)} can)",
            where=path,
            hint="give the bundle or run folder it was exported from"
            if name == "torch"
            else f"streetseg export MODEL --format {forms}",
        )


def _installed(name: str) -> bool:
    return find_spec(LIBRARIES.get(name, name)) is not None


def _open(name: str, path: Path, device: str, precision: str, *, many: bool) -> Engine:
    if name == "torch":
        find_bundle(path)  # a folder that is not there is said before a library that is not there
    if not _installed(name):
        raise RequestError(f"engine {name} needs {name}, which is not installed", where=path, hint=ENGINES[name])
    match name:
        case "onnxruntime":
            from streetseg.inference.engines.onnxruntime_engine import OnnxRuntimeEngine

            return OnnxRuntimeEngine(path, precision)
        case "openvino":
            from streetseg.inference.engines.openvino_engine import OpenVinoEngine

            return OpenVinoEngine(path, precision, many=many)
        case "litert":
            from streetseg.inference.engines.litert_engine import LiteRtEngine

            return LiteRtEngine(path, precision)
        case _:
            from streetseg.inference.engines.torch_engine import TorchEngine
            from streetseg.models.bundle import load_bundle
            from streetseg.runtime.device import choose_device

            return TorchEngine(load_bundle(path)[0], choose_device(device), precision)


def _lacks(name: str, precision: str) -> str | None:
    """Return why an installed engine does not compute in a precision; None if it does."""
    match name:
        case "onnxruntime":
            from streetseg.inference.engines.onnxruntime_engine import OnnxRuntimeEngine

            return OnnxRuntimeEngine.lacks(precision)
        case "openvino":
            from streetseg.inference.engines.openvino_engine import OpenVinoEngine

            return OpenVinoEngine.lacks(precision)
        case "litert":
            from streetseg.inference.engines.litert_engine import LiteRtEngine

            return LiteRtEngine.lacks(precision)
        case _:
            from streetseg.inference.engines.torch_engine import TorchEngine

            return TorchEngine.lacks(precision)
