"""A model that is served: from the bytes of an image file to the bytes of an answer."""

import base64
import hashlib
import io
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.data.files import FileError
from streetseg.data.images import NoImageError, TooLargeError, decode_bytes
from streetseg.inference.engines.engine import ExportedEngine
from streetseg.inference.engines.open import engines_here, open_engine
from streetseg.inference.output import encode_result, overlay
from streetseg.inference.polygons import geojson
from streetseg.inference.predictor import Predictor
from streetseg.metrics.adjusted import adjustment
from streetseg.models.description import validation_of
from streetseg.models.formats import format_of
from streetseg.serve.answers import ClassFacts, ModelFacts, RequestFailedError, Segmented, Share
from streetseg.serve.settings import MAX_BORDER

INCLUDED = ("labels", "confidence", "polygons")  # what an answer as JSON may hold beside the shares
JPEG_QUALITY = 90


@dataclass(frozen=True)
class Answer:
    """The body of an answer and its media type."""

    body: bytes
    media_type: str


class ServedModel:
    """An exported model and its facts.

    Args:
        path: the exported model.
        engine: its name, or "auto" for the one that starts soonest, which `streetseg predict` uses for a few images.
        max_pixels: larger images are refused from their header.

    Raises:
        ModelError: the model cannot be read.
        RequestError: the engine cannot run it.
    """

    def __init__(self, path: Path, engine: str, *, max_pixels: int) -> None:
        opened = open_engine(path, engines_here(path)[0] if engine == "auto" else engine)
        assert isinstance(opened, ExportedEngine)  # because `path` is an exported model, and the engine is one
        self.name = path.stem
        self.predictor = Predictor(opened)
        self.max_pixels = max_pixels
        self.facts = _facts(path, opened)

    def check(self) -> float:
        """Label an image of 32x32 pixels. Return the milliseconds that it took."""
        start = time.perf_counter()
        self.predictor.predict(np.zeros((32, 32, 3), np.uint8))
        return _milliseconds(start)

    def labels(self, data: bytes, name: str) -> Answer:
        """Return the labels as PNG, byte for byte the file of `streetseg predict`. Raises RequestFailedError."""
        return Answer(_png(self.predictor.predict(self._decoded(data, name))), "image/png")

    def overlay(self, data: bytes, name: str, *, jpeg: bool) -> Answer:
        """Return the image under the colors of its classes, as JPEG or PNG. Raises RequestFailedError."""
        image = self._decoded(data, name)
        drawn = overlay(image, self.predictor.predict(image), self.predictor.space)
        if not jpeg:
            return Answer(_png(drawn), "image/png")
        file = io.BytesIO()
        Image.fromarray(drawn).save(file, format="JPEG", quality=JPEG_QUALITY)
        return Answer(file.getvalue(), "image/jpeg")

    def json(self, data: bytes, name: str, include: Collection[str]) -> Answer:
        """Return the shares of the classes, and what is to be included, as JSON. Raises RequestFailedError."""
        start = time.perf_counter()
        image, space = self._decoded(data, name), self.predictor.space
        scored = self.predictor.scores(image, ("confidence",)) if "confidence" in include else None
        labels: NDArray[np.uint8] = self.predictor.predict(image) if scored is None else scored["labels"]
        raw = np.bincount(labels.ravel(), minlength=space.num_classes) / labels.size
        adjusted = None if self.facts.adjustment is None else np.array(self.facts.adjustment) @ raw
        segmented = Segmented(
            model=self.name,
            width=labels.shape[1],
            height=labels.shape[0],
            milliseconds=_milliseconds(start),
            shares=[
                Share(id=k, name=space.names[k], raw=raw[k], adjusted=None if adjusted is None else adjusted[k])
                for k in range(space.num_classes)
            ],
        )
        if "labels" in include:
            segmented.labels = _base64(labels)
        if scored is not None:
            segmented.confidence = _base64(np.rint(scored["confidence"].astype(np.float32) * 255).astype(np.uint8))
        if "polygons" in include:
            _require_short_borders(labels)
            segmented.polygons = geojson(labels, space)
        return Answer(segmented.model_dump_json(exclude_none=True).encode(), "application/json")

    def _decoded(self, data: bytes, name: str) -> NDArray[np.uint8]:
        """Return the image in the bytes of a file. Raises RequestFailedError."""
        if not data:
            raise RequestFailedError(400, "the body is empty", hint="send the bytes of an image file")
        try:
            return decode_bytes(data, name, max_pixels=self.max_pixels, reading=self.predictor.engine.reading)
        except TooLargeError as error:
            raise RequestFailedError(413, error.line, hint="send a smaller image") from error
        except NoImageError as error:
            raise RequestFailedError(415, error.line, hint="send a PNG, JPEG or WebP file") from error
        except FileError as error:
            raise RequestFailedError(400, error.line, hint="send another file") from error


def _facts(path: Path, engine: ExportedEngine) -> ModelFacts:
    form = format_of(path)
    assert form is not None  # the settings hold exported models alone
    digest = hashlib.sha256()
    for file in form.files(path):
        digest.update(file.read_bytes())
    about, space = engine.about, engine.space
    validation = validation_of(about.description, path)
    return ModelFacts(
        name=path.stem,
        encoder=engine.encoder,
        dataset=about.description["protocol"].get("dataset"),
        mean_iou=about.mean_iou,
        size=engine.size,
        classes=[ClassFacts(id=k, name=space.names[k], color=space.colors[k]) for k in range(space.num_classes)],
        adjustment=None if validation is None else adjustment(validation).tolist(),
        precision=engine.precision,
        engine=engine.name,
        sha256=digest.hexdigest(),
    )


def _require_short_borders(labels: NDArray[np.uint8]) -> None:
    """Raise RequestFailedError if tracing the borders between the classes would take too long."""
    border = np.count_nonzero(labels[1:] != labels[:-1]) + np.count_nonzero(labels[:, 1:] != labels[:, :-1])
    if border > MAX_BORDER:
        problem = f"polygons of these labels have borders of {border:,} pixels, at most {MAX_BORDER:,} are traced"
        raise RequestFailedError(413, problem, hint="include=labels, or a smaller image")


def _png(image: NDArray[np.uint8]) -> bytes:
    return encode_result(lambda rows: image[rows], len(image))


def _base64(image: NDArray[np.uint8]) -> str:
    return base64.b64encode(_png(image)).decode("ascii")


def _milliseconds(start: float) -> float:
    return round(1000 * (time.perf_counter() - start), 1)
