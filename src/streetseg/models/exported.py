"""What an exported model says of itself: one JSON text inside the file, so that a lone file can be used. No torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from streetseg.errors import ModelError
from streetseg.labels.space import LabelSpace
from streetseg.models.description import LARGEST, Description, checked, reading_of, size_of, space_of
from streetseg.recipe.reading import ImageReading

EXPORTED = "streetseg-exported"
KEY = "streetseg"  # of ONNX metadata_props, and of rt_info/framework in OpenVINO's format
INPUT, LOGITS, LABELS = "pictures", "logits", "labels"  # uint8 (B,3,H,W), float32 (B,C,H,W), uint8 (B,H,W)

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}  # by format


class ExportedDescription(Description):
    """model.json and what the export adds."""

    streetseg: str
    precision: Literal["fp32", "int8"]
    calibration: dict[str, Any] | None


@dataclass(frozen=True)
class About:
    """What an engine must know of the model it runs.

    Args:
        space: the classes.
        size: height and width the network was trained for, None for the pictures' own.
        reading: how the image files it was trained on became 8-bit RGB.
        precision: "fp32" or "int8".
        description: everything the file says.
    """

    space: LabelSpace
    size: tuple[int, int] | None
    reading: ImageReading
    precision: str
    description: dict[str, Any]


def is_exported(path: Path) -> bool:
    """Whether `path` names an exported model, by its ending."""
    return path.suffix.lower() in SUFFIXES.values()


def refuse_other_outputs(names: set[str], path: Path) -> None:
    """Raises ModelError unless the graph has the outputs of an exported model."""
    if missing := {LOGITS, LABELS} - names:
        raise ModelError(f"the graph has no output {' and '.join(sorted(missing))}", where=path)


def read_about(text: str | None, path: Path) -> About:
    """From the text under KEY in the file `path`. Raises ModelError."""
    if text is None:
        raise ModelError(
            "this file says nothing of classes and input, it was not exported by streetseg",
            where=path,
            hint="streetseg export MODEL --format onnx makes one from a bundle or run folder",
        )
    if len(text) > LARGEST:
        raise ModelError(f"the description has {len(text):,} characters, none needs that many", where=path)
    description = checked(text, ExportedDescription, EXPORTED, "the description in it", path)
    size, reading = size_of(description), reading_of(description)
    return About(space_of(description, path), size, reading, description["precision"], description)
