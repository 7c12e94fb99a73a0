"""The formats that a network is exported to, and the engines that run a model."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExportFormat:
    """What is said of a format without its library.

    Args:
        suffix: of the model's file.
        engines: that run it, the one that starts soonest first.
        beside: suffixes of the files that belong to the model's.
    """

    suffix: str
    engines: tuple[str, ...]
    beside: tuple[str, ...] = ()

    def files(self, model: Path) -> list[Path]:
        """All files of the model in `model`, which is the first of them."""
        return [model, *(model.with_suffix(suffix) for suffix in self.beside)]


FORMATS = {
    "onnx": ExportFormat(".onnx", engines=("onnxruntime", "openvino")),
    "openvino": ExportFormat(".xml", engines=("openvino",), beside=(".bin",)),
}

# Engine -> how its library is installed. A bundle runs in torch.
ENGINES = {
    "torch": "pip install 'streetseg[train]'",
    "onnxruntime": "pip install streetseg",
    "openvino": "pip install 'streetseg[openvino]'",
}


def is_exported(path: Path) -> bool:
    """Whether `path` names an exported model, by its suffix."""
    return format_of(path) is not None


def format_of(path: Path) -> ExportFormat | None:
    """The format of an exported model, by its suffix; None for anything else."""
    return next((form for form in FORMATS.values() if form.suffix == path.suffix.lower()), None)
