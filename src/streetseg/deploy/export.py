"""Export a trained network to a file that runs without torch. Only a complete and checked file is written."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from streetseg.arrays import Size
from streetseg.atomic import atomic_write_files
from streetseg.data.source import Source
from streetseg.deploy.calibration import choose
from streetseg.deploy.checks import (
    Cost,
    Parity,
    as_seen,
    check_images,
    compare,
    mean_iou_cost,
    require_budget,
    require_parity,
)
from streetseg.deploy.writers import Images, writer
from streetseg.errors import RequestError
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.machine import program_version
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
        precision: "fp32", "fp16", "bf16" or "int8".
        fixed_size: height and width of the only size of images that the file takes; None if it takes any.
        parity: agreement with the network.
        cost: IoU of network and file on the same images; None if they were not scored.
    """

    files: tuple[Path, ...]
    bytes: int
    precision: str
    fixed_size: Size | None
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
    precision: str = "fp32",
    size: Size | None = None,
    scored: bool = False,
    calibration: Source | None = None,
    budget: float = 0.5,
    tell: Callable[[str], None] = lambda line: None,
    modules: OwnModules | None = None,
) -> Exported:
    """Write a bundle's network in another format.

    The float32 file is compared with the network first, in every precision: what is lost after that is lost by the
    lower precision alone.

    Args:
        model: a bundle or run folder.
        out: the file, with the suffix of the format; an existing one is replaced.
        form: one of FORMATS.
        source: images for the checks.
        split: labeled images that neither training nor calibration uses.
        precision: one of the precisions of the format.
        size: height and width of the only size of images that the file shall take; None for any, or for the training
            size where the format has one size.
        scored: score network and file on `split` and hold the budget.
        calibration: images for int8 (its split train); None for those of `source`.
        budget: how many points of mean IoU (0..100) the file may lose on `split`.
        tell: hears what is being done.
        modules: of the caller's own, which the network was made with.

    Raises:
        DisagreementError: file and network do not agree; nothing is written.
        BudgetError: the file loses more than the budget; nothing is written.
        ConversionError: the network cannot be converted.
        ModelError, RequestError, DataError: model or data cannot be read, or do not fit each other.
    """
    network, description = load_bundle(model, modules or NO_MODULES)
    fixed = _fixed_size(form, size, network.size)
    if fixed is not None:
        tell(f"the file takes images of {fixed[0]}x{fixed[1]}; others are fitted into that")
    about = description | {
        "format": EXPORTED,
        "streetseg": program_version(),
        "precision": "fp32",
        "calibration": None,
        "size": fixed or network.size,
        "fixed_size": fixed,
    }
    reference = TorchEngine(network, CPU)
    images = check_images(source, split, network.size, fixed)
    with TemporaryDirectory(prefix="streetseg-export-") as scratch:
        files = writer(form, Path(scratch), fixed)
        file = files.float32(network, about)
        engine = files.open(file)
        parity = compare(reference, engine, images)
        require_parity(parity, "fp32")
        if precision != "fp32":
            about["precision"] = precision
            chosen: Images = iter(())
            if precision == "int8":
                calibrated = choose(calibration or source)
                tell(calibrated.in_words())
                about["calibration"] = calibrated.as_dict()
                seen = as_seen(calibrated.source, calibrated.samples, network.size, fixed)
                chosen = (image for _, image in seen)
            file = files.lower(precision, chosen, about)
            engine = files.open(file)
            parity = compare(reference, engine, images)
            require_parity(parity, precision)
        cost = None
        if scored:
            tell(f"scoring on {len(source.splits[split])} images of {source.spec} {split}, before and after")
            cost = mean_iou_cost(reference, engine, source, split)
            require_budget(cost, budget)
        del engine
        published = _publish(FORMATS[form], file, out)
    return Exported(published, sum(path.stat().st_size for path in published), precision, fixed, parity, cost)


def _fixed_size(form: str, requested: Size | None, trained: Size | None) -> Size | None:
    """Return the only size of images that a file shall take, None for any. Raise RequestError if it must have one."""
    if requested is not None or not FORMATS[form].one_size:
        return requested
    if trained is None:
        raise RequestError(
            f"a file of the format {form} takes images of one size, and the model has no training size",
            where=f"--format {form}",
            hint="--size 512x1024 names one",
        )
    return trained


def _publish(form: ExportFormat, file: Path, out: Path) -> tuple[Path, ...]:
    """Copy the finished files to `out`, the model file last, so that it never stands without the others."""
    targets = dict(zip(reversed(form.files(out)), reversed(form.files(file)), strict=True))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_files({target: written.read_bytes() for target, written in targets.items()})
    except OSError as error:
        raise RequestError(f"the exported file cannot be written ({error.strerror or error})", where=out) from error
    return tuple(targets)
