"""Measure latency and memory of a model on disk in an engine."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streetseg.arrays import Size
from streetseg.errors import RequestError
from streetseg.inference.engines.open import engines_here, gains_from_bf16, open_engine, remembered, require_fit
from streetseg.inference.latency import measure_latency
from streetseg.inference.predictor import Predictor
from streetseg.machine import cores, forget_peak_memory, peak_memory, resident_memory, thread_limit
from streetseg.models.description import find_bundle
from streetseg.models.formats import is_exported
from streetseg.models.hub import origin_of

if TYPE_CHECKING:
    from streetseg.models.own import OwnModules


Score = Callable[[Path, str, str, "OwnModules | None"], float]  # model, engine, precision, modules -> mean IoU


def measure_model(
    path: Path,
    name: str,
    size: Size | None,
    *,
    device: str = "auto",
    precision: str = "fp32",
    batch: int = 1,
    modules: "OwnModules | None" = None,
) -> dict[str, Any]:
    """Measure a model, from images in memory to labels in memory.

    Args:
        path: a bundle or run folder, or an exported file.
        name: the engine.
        size: height and width of the images; None for the size that the model was trained for. The network sees them
            at the size that `input_size` gives, as in `predict`.
        precision: "fp32" or "bf16".
        batch: images per call.
        modules: of the caller's own, which the network was made with.

    Returns:
        For a bundle the result of `cost.measure_cost` and `encoder`. For an exported file the result of
        `measure_latency`, `encoder`, `device`, `threads`, and `peak_memory_mb` (MiB): the largest growth of the
        process's memory since before the file was opened; NaN on systems that do not report it (Linux does, except in
        some containers).

    Raises:
        ModelError, RequestError: as `open_engine`; or no size was given and the model has none.
    """
    require_fit(name, path)
    if not is_exported(path):
        find_bundle(path)
        from streetseg.inference.cost import measure_cost
        from streetseg.models.bundle import load_bundle
        from streetseg.models.own import NO_MODULES
        from streetseg.runtime.device import choose_device

        network, _ = load_bundle(path, modules or NO_MODULES)
        cost = measure_cost(network, _size(size, network.size, path), choose_device(device), precision, batch=batch)
        return {"encoder": network.encoder_name} | cost
    before = resident_memory() if forget_peak_memory() else math.nan
    engine = open_engine(path, name, device=device, precision=precision)
    measured = measure_latency(Predictor(engine), _size(size, engine.size, path), batch=batch)
    return {
        "encoder": engine.encoder,
        **measured,
        "device": "cpu",
        "threads": thread_limit() or cores(),
        "peak_memory_mb": (peak_memory() - before) / 2**10,
    }


def measure_models(
    models: "Sequence[tuple[Path, OwnModules | None]]",
    size: Size | None,
    *,
    engine: str | None,
    device: str,
    precision: str,
    batch: int,
    score: Score | None = None,
) -> list[dict[str, Any]]:
    """Return the result of `measure_model` for each model in one engine, or in all that can run it.

    An int8 model is also measured with its float layers in bf16, where the processor has instructions for that.

    Args:
        models, size, device, precision, batch: as of `measure_model`.
        engine: the engine; None for all.
        score: computes the mean IoU of a model; None for none.

    Returns:
        For each, `model`; the result of `measure_model`; `auto`: whether engine "auto" takes this one for many images,
        None if it has not measured yet; `mean_iou`, 0..1, with `score`.
    """

    def row(path: Path, modules: "OwnModules | None", name: str, computed: str) -> dict[str, Any]:
        measured = {"model": origin_of(path) or path} | measure_model(
            path, name, size, device=device, precision=computed, batch=batch, modules=modules
        )
        choice = remembered(path, precision)
        measured["auto"] = (
            None if choice is None else (choice.engine, choice.precision) == (name, measured["precision"])
        )
        return measured if score is None else measured | {"mean_iou": score(path, name, computed, modules)}

    rows = []
    for path, modules in models:
        for name in [engine] if engine else engines_here(path, precision):
            rows.append(row(path, modules, name, precision))
            if engine is None and precision == "fp32" and gains_from_bf16(name, rows[-1]["precision"]):
                rows.append(row(path, modules, name, "bf16"))
    return rows


def _size(requested: Size | None, trained: Size | None, path: Path) -> Size:
    size = requested or trained
    if size is None:
        raise RequestError("the model has no training size", where=path, hint="--size 512x1024")
    return size
