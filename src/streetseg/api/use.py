"""Use a network: load it, predict, and measure the shares of classes."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from streetseg.arguments import OnImage, PathLike, checked
from streetseg.errors import RequestError
from streetseg.pretrained.networks import BOX

if TYPE_CHECKING:
    from torch import nn

    from streetseg.inference.prediction import ImageLike, Model, Prediction, Predictions
    from streetseg.json_files.measures import MeasuredBy
    from streetseg.results import Measured, Run


@checked
def load(
    model: "PathLike | Model | Run" = BOX,
    *,
    engine: str = "auto",
    precision: str = "fp32",
    device: str = "auto",
    tta: bool = False,
    tile: int | None = None,
    max_megapixels: float = 100.0,
    encoder: "nn.Module | None" = None,
    decoder: "nn.Module | None" = None,
) -> "Model":
    """Load a trained model.

    Args:
        model: a run folder (its best bundle), a bundle folder, an exported .onnx, .xml or .tflite file, a `Run`, or
            "hub:OWNER/NAME[@REVISION]", which is downloaded from the Hugging Face Hub unless it is here already.
            "scenes" is the network in the box, which needs no torch. What `load` returned is returned as it is.
        engine: torch, onnxruntime, openvino or litert; auto: the fastest of those that run the model.
        precision: fp32 or bf16.
        device: auto, cpu, cuda, cuda:1.
        tta: average over mirrored and rescaled views.
        tile: side of the windows, for images too large for the memory.
        max_megapixels: larger image files are refused from their header.
        encoder, decoder: the torch modules that the model was trained with, if it has modules of your own: a bundle
            holds their weights, not their code.

    Raises:
        ModelError: the model cannot be read, or modules of your own are missing or do not fit.
        RequestError: engine, device or precision are not available, or options are given to a loaded model.

    >>> import streetseg
    >>> model = streetseg.load(run.folder)
    >>> model.classes[:3]
    ('sky', 'building', 'pole')
    >>> model.predict(image).labels.shape
    (64, 96)
    """
    from streetseg.inference.prediction import Model, open_predictor
    from streetseg.request import as_model, own_modules_of, require_unloaded

    if isinstance(model, Model):
        require_unloaded(
            load,
            engine=engine,
            precision=precision,
            device=device,
            tta=tta,
            tile=tile,
            max_megapixels=max_megapixels,
            encoder=encoder,
            decoder=decoder,
        )
        return model
    if max_megapixels <= 0:
        raise RequestError(f"a limit of {max_megapixels:g} megapixels", where="max_megapixels", hint="100, or more")
    path, modules = as_model(model)
    modules = own_modules_of(path, encoder, decoder) or modules
    predictor = open_predictor(path, modules, engine=engine, precision=precision, device=device, tta=tta, tile=tile)
    return Model(predictor, path, max_megapixels=max_megapixels, modules=modules)


@checked
def predict(
    model: "PathLike | Model | Run", images: "ImageLike | Iterable[ImageLike] | None" = None, **options: Any
) -> "Prediction | Predictions":
    """Label images; shorthand for `load(model, ...).predict(images)`.

    Args:
        model: as for `load`, or what `load` returned. A single argument names the images: the network in the box
            labels them.
        images: one image (a path, a PIL image, a uint8 array (H, W, 3)) gives a `Prediction`; a folder, a pattern or a
            list gives `Predictions`, made while they are walked through.
        options: as for `load`.

    >>> import streetseg
    >>> prediction = streetseg.predict(run.folder, image)
    >>> float(round(prediction.shares.sum(), 3))
    1.0
    >>> prediction.probabilities().shape
    (11, 64, 96)
    >>> prediction.polygons()["type"]
    'FeatureCollection'
    """
    if images is None:
        return load(**options).predict(cast("ImageLike", model))
    return load(model, **options).predict(images)


@checked
def measure(
    model: "PathLike | Model | Run",
    images: "PathLike | Iterable[PathLike]",
    *,
    out: PathLike | None = None,
    validation: PathLike | None = None,
    split: str = "val",
    sample: bool = False,
    progress: OnImage = lambda done, total: None,
    **options: Any,
) -> "Measured":
    """Measure the share of each class in images, and correct it for the known errors of the model.

    Args:
        model: as for `load`, or what `load` returned.
        images: an image, a folder, a pattern, "@LIST.txt" or an address; or a list of these.
        out: a folder for tables, maps and a page; None writes nothing.
        validation: labeled images that the errors of the model are counted on; None for those of its own validation,
            which a model keeps since it was trained.
        split: the split of `validation`.
        sample: the images are a sample of a place: the intervals are about the place, and not about these images alone.
        progress: called after each image with the number done and the number of all.
        options: as for `load`.

    Raises:
        UnreadError: no image can be read. If some cannot, they are in `unread` of the result.
        RequestError: an input holds no image, or `out` has files that no measurement wrote.

    >>> import streetseg
    >>> measured = streetseg.measure(run.folder, data.partition(":")[2] + "/val")
    >>> measured.images["green_view"].size, list(measured.shares.columns[:3])
    (2, ['raw', 'olofsson', 'olofsson_low'])
    """
    from streetseg.data.open import open_source
    from streetseg.measurement.files import require_own_folder, summary_of, write_measures
    from streetseg.measurement.measure import measure as measure_images
    from streetseg.measurement.validation import Validation, counted_validation, kept_validation
    from streetseg.models.hub import origin_of
    from streetseg.recipe.schema import Data
    from streetseg.report.measures import render_measures
    from streetseg.results import Measured
    from streetseg.runs.folder import kept_split

    if out is not None:
        require_own_folder(Path(out))
    loaded = load(model, **options)
    predictor = loaded.predictor

    def known_errors() -> Validation | None:
        if validation is None:
            return kept_validation(predictor, loaded.path)
        labeled = open_source(Data(source=str(validation)).read_as(predictor.engine.reading), kept_split(loaded.path))
        return counted_validation(predictor, labeled, split)

    inputs = [str(images)] if isinstance(images, (str, Path)) else [str(image) for image in images]
    measures = measure_images(
        predictor,
        inputs,
        known_errors,
        sample=sample,
        max_megapixels=loaded.max_megapixels,
        on_image=progress,
    )
    engine = predictor.engine
    about: MeasuredBy = {
        "model": origin_of(loaded.path) or loaded.path.resolve().name,
        "encoder": engine.encoder,
        "engine": engine.name,
        "precision": engine.precision,
    }
    summary = summary_of(measures, about)
    left_out = {}
    if out is not None:
        left_out = write_measures(Path(out), measures, summary, render_measures(measures, summary))
    return Measured(measures, summary, None if out is None else Path(out), left_out)
