"""The file model.json of a bundle."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field

from streetseg.json_files.scores import Fitted
from streetseg.json_files.terms import Count, Fixed, InitialWeights, Positive, Sha256, Size, Unit

Channel = Annotated[int, Field(ge=0, le=255)]
OfRgb = Annotated[Sequence[float], Field(min_length=3, max_length=3)]


class Images(Fixed):
    """The rules by which image files become 8-bit RGB."""

    exif: str
    """whether an EXIF orientation is applied"""
    range: str
    """the values of a deeper image that become 0 and 255"""


class Normalization(Fixed):
    """The normalization inside the network."""

    input: Literal["RGB 0..255"]
    """what the network takes"""
    mean: OfRgb
    """mean of each channel, 0 to 255"""
    std: OfRgb
    """standard deviation of each channel, 0 to 255"""


class Validation(Fixed):
    """The confusion matrix of each image, or group of images, of the validation."""

    images: Positive
    """number of images"""
    unit: Unit
    """unit that a bootstrap draws"""
    note: str | None
    """a limit that a reader must know"""
    units: Sequence[Count]
    """number of the unit of each matrix"""
    counts: str
    """int64 (N, C, C), rows are ground truth: little-endian bytes in zlib in base64"""


class ModelFile(Fixed):
    """The description of a model, beside weights.safetensors."""

    format: Literal["streetseg-bundle"]
    """mark of the file"""
    version: Literal[3]
    """version of the format"""
    encoder: str
    """timm's name of the encoder, or that of a module of the caller's own"""
    decoder: str
    """kind of the decoder"""
    note: NotRequired[str]
    """which code the bundle does not hold"""
    channels: Sequence[Positive]
    """channels of each block of the decoder"""
    size: Size | None
    """[height, width] in pixels at which the network was trained"""
    size_rule: Literal["same-area"]
    """rule by which the size is applied to an image of another shape"""
    images: Images
    """how image files become 8-bit RGB"""
    space: str
    """name of the label space"""
    classes: Sequence[str]
    """names of the classes, in the order of the ids"""
    colors: Sequence[Annotated[Sequence[Channel], Field(min_length=3, max_length=3)]]
    """RGB color of each class"""
    ignore_index: Channel
    """id of pixels that are ignored"""
    confidence: Fitted | None
    """calibration of the probabilities; null where nothing was fitted"""
    mask_ids: Sequence[Sequence[int]] | None
    """values of each class in the masks of the training; null if they are not known"""
    normalization: Normalization
    """normalization inside the network"""
    initial_weights: InitialWeights
    """origin of the initial weights"""
    protocol: Mapping[str, Any]
    """what the scores were measured on"""
    scores: Mapping[str, Any]
    """scores of these weights, 0 to 1"""
    validation: Validation | None
    """counts behind the scores; null before the run is finished"""
    sha256: Sha256
    """SHA-256 of weights.safetensors"""
