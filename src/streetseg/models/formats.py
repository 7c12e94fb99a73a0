"""The table of export formats and the table of engines."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExportFormat:
    """The facts of an export format that need no library.

    Args:
        suffix: suffix of the model file.
        engines: engines that run the format, the one that starts soonest first.
        precisions: precisions in which it can be written.
        beside: suffixes of further files of the model, next to the model file.
        one_size: a file takes images of one size only.
    """

    suffix: str
    engines: tuple[str, ...]
    precisions: tuple[str, ...]
    beside: tuple[str, ...] = ()
    one_size: bool = False

    def files(self, model: Path) -> list[Path]:
        """Return all files of the model whose model file is `model`, the model file first."""
        return [model, *(model.with_suffix(suffix) for suffix in self.beside)]


EXPORT_PRECISIONS = ("fp32", "fp16", "bf16", "int8")
FORMATS = {
    "onnx": ExportFormat(".onnx", ("onnxruntime", "openvino"), EXPORT_PRECISIONS),
    "openvino": ExportFormat(".xml", ("openvino",), EXPORT_PRECISIONS, beside=(".bin",)),
    "litert": ExportFormat(".tflite", ("litert",), ("fp32", "fp16", "int8"), one_size=True),
}
WEB = "web"  # a further export: a folder with a page, in which a browser runs the .onnx

# Engine -> the command that installs its library. A bundle runs in torch.
ENGINES = {
    "torch": "pip install 'streetseg[train]'",
    "onnxruntime": "pip install streetseg",
    "openvino": "pip install 'streetseg[openvino]'",
    "litert": "pip install 'streetseg[litert]'",
}
LIBRARIES = {"litert": "ai_edge_litert"}  # engine -> the module of its library, where the names differ


def is_exported(path: Path) -> bool:
    """Return whether `path` names an exported model, by its suffix."""
    return format_of(path) is not None


def bundle_folder(path: Path) -> Path | None:
    """Return the bundle folder that `path` means: itself, or `path/best` of a run folder; None where there is none."""
    return next((folder for folder in (path, path / "best") if (folder / "model.json").is_file()), None)


def format_of(path: Path) -> ExportFormat | None:
    """Return the format of an exported model, by its suffix; None for any other path."""
    return next((form for form in FORMATS.values() if form.suffix == path.suffix.lower()), None)
