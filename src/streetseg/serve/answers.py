"""The JSON objects of the API, from which its OpenAPI description is made."""

from typing import Any

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """Why a request was not done."""

    error: str = Field(description="what is wrong")
    hint: str | None = Field(None, description="what to do about it")


class RequestFailedError(Exception):
    """The error of a request, answered as a `Problem`.

    Args:
        status: HTTP status code.
        error, hint: as of `Problem`.
        retry: seconds after which the same request may be done; None where it never will.
    """

    def __init__(self, status: int, error: str, *, hint: str | None = None, retry: int | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.hint = hint
        self.retry = retry


class ClassFacts(BaseModel):
    """A class of a model."""

    id: int
    name: str
    color: tuple[int, int, int] = Field(description="sRGB, 0 to 255")


class ModelFacts(BaseModel):
    """A model that is served."""

    name: str = Field(description="value of `model=` in requests")
    encoder: str
    dataset: str | None = Field(description="data set on which `mean_iou` was measured")
    mean_iou: float | None = Field(description="mean IoU of the network in float32, 0 to 100; null if unknown")
    size: tuple[int, int] | None = Field(description="height and width of training; null: the size of each image")
    classes: list[ClassFacts]
    adjustment: list[list[float]] | None = Field(
        description="probability of each true class (row) where a class is predicted (column), from the validation"
    )
    precision: str
    engine: str
    sha256: str = Field(description="of the model file; of an OpenVINO model, of its .xml and .bin one after the other")


class Limits(BaseModel):
    """The largest image that is labeled."""

    bytes: int
    pixels: int


class Models(BaseModel):
    """The models that are served, the one used by default first."""

    models: list[ModelFacts]
    limits: Limits


class Share(BaseModel):
    """The share of a class in an image."""

    id: int
    name: str
    raw: float = Field(description="share of the labels, 0 to 1")
    adjusted: float | None = Field(
        None, description="without the known errors of the network: `adjustment` of the model times the raw shares"
    )


class Segmented(BaseModel):
    """The labels of an image as JSON."""

    model: str
    width: int
    height: int
    milliseconds: float = Field(description="time to decode and label the image")
    shares: list[Share]
    labels: str | None = Field(None, description="base64 of an 8-bit PNG of class ids")
    confidence: str | None = Field(None, description="base64 of an 8-bit PNG: 255 is certain")
    polygons: dict[str, Any] | None = Field(None, description="GeoJSON, one MultiPolygon a class, in pixels")


class Alive(BaseModel):
    """The worker answers."""

    status: str = "ok"


class Ready(BaseModel):
    """Every model has labeled an image of 32x32 pixels just now."""

    milliseconds: dict[str, float] = Field(description="name of the model -> time of that")
