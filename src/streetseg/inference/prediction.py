"""`Model`, ready to predict, and its results `Prediction` and `Predictions`: what Python callers use."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.arguments import require_argument
from streetseg.errors import RequestError
from streetseg.inference.backend import operations
from streetseg.inference.finished import model_digest
from streetseg.inference.inputs import find_images, no_image, require_image
from streetseg.inference.logits import Views
from streetseg.inference.output import (
    KINDS,
    SCORED,
    USUAL,
    color_map,
    overlay,
    parse_kinds,
    write_legend,
    write_results,
)
from streetseg.inference.polygons import geojson
from streetseg.inference.predict_files import MAX_MEGAPIXELS, predict_files, predict_to_folder, require_free
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import Color, LabelSpace
from streetseg.png import encode_png

if TYPE_CHECKING:
    import pandas as pd

    from streetseg.inference.video import LabeledVideo
    from streetseg.models.own import OwnModules

SAVED = (*USUAL, "overlay")  # kinds of results that `save` writes without a request

ImageLike = NDArray[np.uint8] | Image.Image | str | Path


def open_predictor(
    path: Path,
    modules: "OwnModules | None" = None,
    *,
    engine: str = "auto",
    precision: str = "fp32",
    device: str = "auto",
    tta: bool | Views = False,
    tile: int | None = None,
) -> Predictor:
    """Return a model on disk, ready to run; with modules of the caller's own a bundle, which torch runs.

    Raises:
        ModelError: the model cannot be read, or the modules do not fit it.
        RequestError: engine, device or precision are not available.
    """
    if modules is None:
        return Predictor.load(path, device, precision, engine=engine, tta=tta, tile=tile)
    from streetseg.inference.engines.torch_engine import TorchEngine
    from streetseg.models.bundle import load_bundle
    from streetseg.runtime.device import choose_device

    if engine not in ("auto", "torch"):
        problem = f"engine {engine} cannot run modules of your own"
        raise RequestError(problem, where=path, hint="export the model, then load the exported file")
    return Predictor(TorchEngine(load_bundle(path, modules)[0], choose_device(device), precision), tta=tta, tile=tile)


class Prediction:
    """The labels of one image; shown in a notebook as the image under the colors of its classes.

    Args:
        predictor: predicted the labels; it runs again for confidences or probabilities.
        image: uint8 RGB (H, W, 3).
        labels: uint8 (H, W), ids of the model's classes.
        name: the stem of the files that `save` writes.
    """

    def __init__(self, predictor: Predictor, image: NDArray[np.uint8], labels: NDArray[np.uint8], name: str) -> None:
        self._predictor = predictor
        self.image = image
        self.labels = labels
        self.name = name

    @property
    def space(self) -> LabelSpace:
        """The classes that the labels are ids of."""
        return self._predictor.space

    @property
    def legend(self) -> dict[str, Color]:
        """Class -> its color, sRGB 0..255."""
        return dict(zip(self.space.names, self.space.colors, strict=True))

    @property
    def shares(self) -> "pd.Series[float]":
        """Class -> the share of the image's pixels that it has, 0..1, as a pandas Series."""
        import pandas as pd

        counts = np.bincount(self.labels.ravel(), minlength=self.space.num_classes)
        return pd.Series(counts / self.labels.size, index=list(self.space.names), name=self.name)

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """Probability of the class that each pixel was given, float32 (H, W)."""
        confidence = np.empty(self.labels.shape, np.float32)
        for (rows, columns), logits in self._predictor.regions(self._batch):
            labels = operations(logits).argmax(logits)
            confidence[rows, columns] = self._predictor.confidence(logits, labels)[0]
        return confidence

    def probabilities(self) -> NDArray[np.float32]:
        """Return the probability of each class at each pixel, float32 (C, H, W)."""
        probabilities: NDArray[np.float32] = self._predictor.probabilities(self._predictor.logits(self._batch))[0]
        return probabilities

    def polygons(self) -> dict[str, Any]:
        """Return the classes as a GeoJSON object: one MultiPolygon a class, in pixels from the upper left corner."""
        return geojson(self.labels, self.space)

    def overlay(self) -> Image.Image:
        """Return the image, half covered by the colors of its classes."""
        return Image.fromarray(overlay(self.image, self.labels, self.space))

    def colors(self) -> Image.Image:
        """Return the labels in the colors of their classes."""
        return Image.fromarray(color_map(self.labels, self.space))

    def save(self, folder: str | Path, kinds: str | Sequence[str] = SAVED) -> dict[str, Path]:
        """Write NAME_ids.png, NAME_color.png and NAME_overlay.png, or other kinds of results, as `--save` does.

        Args:
            folder: is made if it is not there.
            kinds: of results, a list or a text with commas: ids, color, overlay, confidence, probabilities, logits,
                coco, geojson.

        Returns:
            Kind of result -> its file.

        Raises:
            RequestError: a kind is unknown, or a file is in the way that no earlier prediction wrote.
        """
        require_argument("folder", folder)
        kinds = as_kinds(kinds)
        folder, source = Path(folder), Path(self.name)
        paths = require_free({source: self.name}, folder, kinds)[source]
        folder.mkdir(parents=True, exist_ok=True)
        scored = [kind for kind in kinds if kind in SCORED]
        scores = self._predictor.scores(self.image, scored) if scored else {}
        if "color" in kinds:
            write_legend(folder, self.space)
        write_results(paths, self.image, self.labels, self.space, scores=scores)
        return paths

    def __repr__(self) -> str:
        found = ", ".join(self.space.names[i] for i in np.unique(self.labels))
        height, width = self.labels.shape
        return f"<Prediction of {self.name}, {height}x{width}: {found}>"

    def _repr_png_(self) -> bytes:
        return encode_png(overlay(self.image, self.labels, self.space))

    @property
    def _batch(self) -> NDArray[np.uint8]:
        return self.image.transpose(2, 0, 1)[None]


class Predictions:
    """The predictions of many images, made while one iterates over them: few are in memory at a time.

    Args:
        model: predicts the labels.
        images: files and the names of their results, or images in memory.
    """

    def __init__(self, model: "Model", images: Sequence[ImageLike] | Mapping[Path, str]) -> None:
        self._model = model
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[Prediction]:
        predictor = self._model.predictor
        if isinstance(self._images, Mapping):
            for file in predict_files(predictor, self._images, max_megapixels=self._model.max_megapixels):
                yield Prediction(predictor, file.image, file.labels, file.path.stem)
            return
        for number, image in enumerate(self._images):
            yield self._model.predict_one(image, f"image_{number:04}")

    @property
    def shares(self) -> "pd.DataFrame":
        """One row an image: the share of its pixels that each class has, 0..1."""
        import pandas as pd

        rows = [prediction.shares for prediction in self]
        return pd.DataFrame(rows, index=pd.Index([row.name for row in rows], name="image"))

    def save(self, folder: str | Path, kinds: str | Sequence[str] = SAVED) -> None:
        """Write the results of every image into a folder; arguments and errors are those of `Prediction.save`."""
        require_argument("folder", folder)
        kinds = as_kinds(kinds)
        if isinstance(self._images, Mapping):
            model = self._model
            predict_to_folder(model.predictor, self._images, Path(folder), kinds, max_megapixels=model.max_megapixels)
            return
        for prediction in self:
            prediction.save(folder, kinds)

    def __repr__(self) -> str:
        return f"<Predictions of {len(self)} images>"


class Model:
    """A trained model, ready to predict.

    Args:
        predictor: the engine, and the size at which it sees an image.
        path: where the model was read from.
        max_megapixels: larger image files are refused from their header.
        modules: of the caller's own, which the network was made with.
    """

    def __init__(
        self,
        predictor: Predictor,
        path: Path,
        *,
        max_megapixels: float = MAX_MEGAPIXELS,
        modules: "OwnModules | None" = None,
    ) -> None:
        self.predictor = predictor
        self.path = path
        self.max_megapixels = max_megapixels
        self.modules = modules

    @property
    def space(self) -> LabelSpace:
        """The classes: names and colors in the order of their ids."""
        return self.predictor.space

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their ids."""
        return tuple(self.space.names)

    @overload
    def predict(self, images: NDArray[np.uint8] | Image.Image) -> Prediction: ...  # type: ignore[overload-overlap]

    @overload
    def predict(self, images: str | Path) -> Prediction | Predictions: ...  # type: ignore[overload-overlap]

    @overload
    def predict(self, images: Iterable[ImageLike]) -> Predictions: ...

    def predict(self, images: ImageLike | Iterable[ImageLike]) -> Prediction | Predictions:
        """Label an image, or many.

        Args:
            images: a path, a PIL image or a uint8 RGB array (H, W, 3) is one image and gives a `Prediction`; a folder,
                a pattern such as "street/*.jpg" or a list gives `Predictions`, made one by one.

        Raises:
            RequestError: there is no such file, or an array or object is no image.
            DataError: a file cannot be read.
        """
        if isinstance(images, (str, Path)):
            path = Path(images)
            return self.predict_one(path, path.stem) if path.is_file() else Predictions(self, _files([images]))
        if isinstance(images, (np.ndarray, Image.Image)):
            return self.predict_one(images, "image")
        if not isinstance(images, Iterable) or isinstance(images, (bytes, Mapping)):
            raise no_image(images)
        given = list(images)
        if others := [image for image in given if not isinstance(image, (str, Path, np.ndarray, Image.Image))]:
            raise no_image(images if hasattr(images, "permute") else others[0])
        if all(isinstance(image, (str, Path)) for image in given):
            return Predictions(self, _files([str(image) for image in given]))
        return Predictions(self, given)

    def predict_video(
        self, video: str | Path, folder: str | Path, kinds: str | Sequence[str] = ("overlay",), *, smooth: float = 0.0
    ) -> "LabeledVideo":
        """Write the labels of a video, a camera or a stream into a folder, as `streetseg predict` does.

        A call that was stopped goes on where it was.

        Args:
            video: a file, /dev/video0, or an address such as rtsp://...
            folder: is made if it is not there.
            kinds: overlay, color, side (image and overlay side by side) and ids (one mask a frame).
            smooth: weight of the frames before in the probabilities of a frame, 0 to below 1.

        Returns:
            `paths`: kind of result -> its file; `frames`: the number of frames.

        Raises:
            DataError: the video cannot be read.
            RequestError: a kind or weight is wrong, a result would replace a file, or PyAV is not installed.
        """
        from streetseg.inference.video import KINDS, predict_video, require_smooth

        require_argument("folder", folder)
        require_smooth(smooth)
        kinds, digest = as_kinds(kinds, KINDS), model_digest(self.path)
        return predict_video(self.predictor, str(video), Path(folder), kinds, smooth=smooth, model=digest)

    def predict_one(self, image: ImageLike, name: str) -> Prediction:
        """Label one image; `name` is the stem of its files, if it is saved."""
        pixels = require_image(image, self.predictor.engine.reading, max_megapixels=self.max_megapixels)
        return Prediction(self.predictor, pixels, self.predictor.predict(pixels), name)

    def __repr__(self) -> str:
        return f"<Model {self.path}: {self.predictor.engine.name}, {len(self.classes)} classes>"


def as_kinds(kinds: str | Sequence[str], known: Collection[str] = tuple(KINDS)) -> tuple[str, ...]:
    """Return kinds of results from a list or a text with commas. Raises RequestError for one that is not `known`."""
    return parse_kinds(kinds if isinstance(kinds, str) else ",".join(map(str, kinds)), known)


def _files(inputs: Sequence[str | Path]) -> dict[Path, str]:
    return find_images([str(text) for text in inputs])
