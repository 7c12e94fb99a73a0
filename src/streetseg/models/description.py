"""The description of a model, checked before anything is built from it. Read without torch.

A bundle has it in model.json. An exported file has it inside as a JSON text, so that the file alone can be used.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError, from_json

from streetseg.atomic import sha256
from streetseg.errors import ModelError
from streetseg.labels.space import LabelSpace
from streetseg.metrics.validation_counts import MOST, ValidationCounts
from streetseg.models.calibration import Calibration
from streetseg.models.formats import bundle_folder
from streetseg.recipe.decoders import DECODERS, DecoderName
from streetseg.recipe.plain_yaml import invalid
from streetseg.recipe.reading import ImageReading
from streetseg.text import one_line, without_folders

FORMAT: Final = "streetseg-bundle"
VERSION: Final = 3
SIZE_RULE: Final = "same-area"  # the rule by which `size` is applied: arrays.input_size

EXPORTED = "streetseg-exported"
KEY = "streetseg"  # key in ONNX metadata_props, and in rt_info/framework of OpenVINO's format
# Names of the input and outputs of an exported graph: uint8 (B, 3, H, W), float32 (B, C, H, W), uint8 (B, H, W).
# A LiteRT file has channels last: uint8 (1, H, W, 3), float32 (1, H, W, C), uint8 (1, H, W).
INPUT, LOGITS, LABELS = "images", "logits", "labels"

LARGEST = 4 * 2**20  # bytes of a description; real ones have a few thousand
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl")
NO_PICKLES = "pickle files (.pt, .pth, .bin) are never opened, they can run code; convert them to .safetensors"

Channel = Annotated[int, Field(ge=0, le=255)]
Side = Annotated[int, Field(ge=1, le=16384)]


class _Plain(BaseModel):
    model_config = ConfigDict(strict=True)


class InitialWeightsEntry(_Plain):
    """Where the initial weights of the network are from."""

    kind: str
    source: str
    text: str


class ValidationEntry(_Plain):
    """The counts of the network's validation, as `ValidationCounts.pack` writes them."""

    images: Annotated[int, Field(ge=1)]
    unit: Literal["image", "clip", "sequence"]
    note: str | None
    units: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=MOST)]
    counts: str


class Description(_Plain):
    """The keys of model.json that the program uses; it may hold others."""

    encoder: str
    decoder: DecoderName
    channels: Annotated[list[Annotated[int, Field(ge=1, le=4096)]], Field(max_length=5)]
    size: tuple[Side, Side] | None
    size_rule: Literal["same-area"]
    images: ImageReading
    space: str
    classes: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=255)]
    colors: Annotated[list[tuple[Channel, Channel, Channel]], Field(max_length=255)]
    ignore_index: Channel
    confidence: Calibration | None = None  # earlier versions did not fit one
    mask_ids: list[list[int]] | None = None  # of each class in the masks of the training; None if they are not known
    initial_weights: InitialWeightsEntry
    protocol: dict[str, Any]
    scores: dict[str, Any]
    validation: ValidationEntry | None = None
    sha256: str

    @field_validator("mask_ids")
    @classmethod
    def _one_list_a_class(cls, ids: list[list[int]] | None, info: ValidationInfo) -> list[list[int]] | None:
        classes = info.data.get("classes")
        if ids is not None and classes is not None and len(ids) != len(classes):
            raise PydanticCustomError("lists", f"expected a list for each of the {len(classes)} classes")
        return ids

    @field_validator("channels")
    @classmethod
    def _one_a_block(cls, channels: list[int], info: ValidationInfo) -> list[int]:
        decoder = info.data.get("decoder")
        if decoder is not None and len(channels) not in DECODERS[decoder].blocks:
            blocks = DECODERS[decoder].blocks_in_words
            raise PydanticCustomError("blocks", f"expected {blocks} for the {decoder} decoder")
        return channels

    @field_validator("confidence")
    @classmethod
    def _one_a_class(cls, confidence: Calibration | None, info: ValidationInfo) -> Calibration | None:
        classes = info.data.get("classes")
        if confidence is not None and classes is not None and len(confidence.temperature) != len(classes):
            raise PydanticCustomError("temperatures", f"expected temperatures of {len(classes)} classes")
        return confidence


def find_bundle(path: Path) -> Path:
    """Return the bundle folder that `path` means: itself, or `path/best` of a run folder. Raise ModelError."""
    if folder := bundle_folder(path):
        return folder
    if path.is_file():
        hint = "give a run folder, a folder with weights.safetensors and model.json, or a .onnx, .xml or .tflite file"
        if path.suffix == ".safetensors" or path.name == "model.json":
            hint = f"give the folder that holds weights.safetensors and model.json: {path.parent}"
        elif path.suffix in PICKLES:
            hint = NO_PICKLES
        raise ModelError("a model is a bundle or run folder, this is a file", where=path, hint=hint)
    raise ModelError(
        "no bundle here (no model.json or best/model.json)" if path.is_dir() else "no such model folder",
        where=path,
        hint="give a run folder or its best/ folder",
    )


def read_model_json(path: Path) -> dict[str, Any]:
    """Return the content of model.json of a bundle or run folder, checked.

    Raises:
        ModelError: it is no JSON, of another format or version, lacks a key, or holds a wrong value.
    """
    file = find_bundle(path) / "model.json"
    try:
        if file.stat().st_size > LARGEST:
            raise ModelError(f"model.json has {file.stat().st_size:,} bytes (expected at most {LARGEST:,})", where=file)
        text = file.read_bytes()
    except OSError as error:
        raise ModelError(f"model.json cannot be read ({error})", where=file) from error
    return checked(text, Description, FORMAT, "model.json", file)


def checked(text: str | bytes, kind: type[_Plain], form: str, name: str, file: Path) -> dict[str, Any]:
    """Return all values of a description.

    Args:
        text: the description as JSON.
        kind: the model of the keys that it must have.
        form: the value of `format` that it must have.
        name: the name of the description, for messages.
        file: the file that holds it.

    Raises:
        ModelError: as `read_model_json`.
    """
    try:
        description = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ModelError(f"{name} cannot be read ({error})", where=file) from error
    if not isinstance(description, dict) or description.get("format") != form:
        raise ModelError(f'{name} is not of the format "{form}"', where=file)
    version = description.get("version")
    if type(version) is not int or version != VERSION:
        hint = None
        if type(version) is int and version > 0:
            hint = "update streetseg" if version > VERSION else "train again, or use the streetseg that wrote it"
        raise ModelError(
            f"bundle version {version!r:.20}, this program reads version {VERSION}",
            where=file,
            hint=hint,
        )
    try:
        kind.model_validate_json(text)
    except ValidationError as error:
        raise ModelError(f"{name} is incomplete or invalid ({invalid(error)})", where=file) from error
    return description


def space_of(description: dict[str, Any], file: Path) -> LabelSpace:
    """Return the classes of a checked description. Raise ModelError if they are no label space."""
    try:
        return LabelSpace(
            description["space"],
            tuple(description["classes"]),
            tuple((r, g, b) for r, g, b in description["colors"]),
            description["ignore_index"],
        )
    except ValueError as error:
        raise ModelError(f"the classes of {file.name} are invalid: {error}", where=file) from error


def require_same_weights(
    weights: Path, description: Mapping[str, Any], *, where: Sequence[str | Path] = (), hint: str | None = None
) -> None:
    """Raise ModelError, about `where` or else the file, unless there are the weights that their description is of."""
    if not weights.is_file() or sha256(weights) != description["sha256"]:
        raise ModelError("weights and model.json do not match (SHA-256 differs)", where=where or weights, hint=hint)


def to_share(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part of a description without folders of this machine, and with visible characters only: paths may hold
    bytes that JSON cannot."""
    return {key: one_line(without_folders(value)) if isinstance(value, str) else value for key, value in about.items()}


def size_of(description: dict[str, Any]) -> tuple[int, int] | None:
    """Return the height and width that a network was trained for; None for the size of each image."""
    size = description["size"]
    return (size[0], size[1]) if size else None


def validation_of(description: dict[str, Any], file: Path) -> ValidationCounts | None:
    """Return the counts of the network's validation; None where the description holds none.

    Raises:
        ModelError: they are damaged.
    """
    entry = description.get("validation")
    if entry is None:
        return None
    try:
        return ValidationCounts.unpack(entry, len(description["classes"]))
    except ValueError as error:
        raise ModelError(f"the counts of the validation cannot be read ({error})", where=file) from error


def reading_of(description: dict[str, Any]) -> ImageReading:
    """Return how the image files that a network was trained on became 8-bit RGB."""
    return ImageReading.model_validate(description.get("images", {}))


def calibration_of(description: dict[str, Any]) -> Calibration | None:
    """Return the calibration of a network's probabilities; None where none was fitted."""
    confidence = description.get("confidence")
    return None if confidence is None else Calibration.model_validate(confidence)


class ExportedDescription(Description):
    """The keys of model.json, and those that the export adds."""

    streetseg: str
    precision: Literal["fp32", "fp16", "bf16", "int8"]
    calibration: dict[str, Any] | None
    fixed_size: tuple[Side, Side] | None = None


@dataclass(frozen=True)
class About:
    """The facts that an engine needs about the model that it runs.

    Args:
        space: the classes.
        size: height and width that the network was trained for; None for the size of each image.
        reading: how the image files that it was trained on became 8-bit RGB.
        calibration: of its probabilities; None where none was fitted.
        precision: "fp32", "fp16", "bf16" or "int8".
        fixed_size: height and width of the only size that the file takes; None if it takes any.
        description: the whole description.
    """

    space: LabelSpace
    size: tuple[int, int] | None
    reading: ImageReading
    calibration: Calibration | None
    precision: str
    fixed_size: tuple[int, int] | None
    description: dict[str, Any]

    @property
    def mean_iou(self) -> float | None:
        """The mean IoU of the validation, 0..100; None where it is not known."""
        mean_iou = self.description["scores"].get("mean", {}).get("iou")
        known = isinstance(mean_iou, (int, float)) and math.isfinite(mean_iou)
        return 100 * mean_iou if known else None


def require_outputs(names: set[str], path: Path) -> None:
    """Raise ModelError unless the graph in the file `path` has the outputs of an exported model."""
    if missing := {LOGITS, LABELS} - names:
        raise ModelError(f"the graph has no output {' and '.join(sorted(missing))}", where=path)


def read_about(text: str | None, path: Path) -> About:
    """Return the facts in the text under KEY of the file `path`. Raise ModelError if they are missing or wrong."""
    if text is None:
        raise ModelError(
            "the file holds no description of classes and input; it was not exported by streetseg",
            where=path,
            hint="streetseg export MODEL --format onnx makes one from a bundle or run folder",
        )
    if len(text) > LARGEST:
        raise ModelError(f"the description has {len(text):,} characters (expected at most {LARGEST:,})", where=path)
    description = checked(text, ExportedDescription, EXPORTED, "the description in it", path)
    fixed = description.get("fixed_size")
    return About(
        space_of(description, path),
        size_of(description),
        reading_of(description),
        calibration_of(description),
        description["precision"],
        (fixed[0], fixed[1]) if fixed else None,
        description,
    )
