"""Export a network, calibrate its confidence, measure its speed, and push it to the Hugging Face Hub."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from streetseg.arguments import OnImage, PathLike, as_size, checked
from streetseg.errors import DataError, RequestError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from streetseg.data.source import Source
    from streetseg.deploy.export import Exported
    from streetseg.inference.prediction import Model
    from streetseg.models.calibration import Calibration
    from streetseg.request import DataLike
    from streetseg.results import Run
    from streetseg.sharing import Pushed


@checked
def export(
    model: "PathLike | Model | Run",
    format: str,
    *,
    int8: bool = False,
    precision: str | None = None,
    size: tuple[int, int] | str | None = None,
    data: PathLike | None = None,
    split: str = "val",
    space: str | None = None,
    calibration: PathLike | None = None,
    budget: float = 0.5,
    out: PathLike | None = None,
    runtime: PathLike | None = None,
    force: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> "Exported":
    """Write a network as one file that runs without torch, checked against it; or as a page that runs in a browser.

    Args:
        model: a run folder (its best bundle), a bundle folder, a `Run`, or what `load` returned: that is how a network
            with modules of your own is exported.
        format: onnx, openvino or litert; or web, a folder with a page for any host of static files.
        int8: the same as precision="int8".
        precision: fp32, fp16 (16-bit weights), bf16 (the same in another form; not litert), or int8: 8-bit integers,
            calibrated and scored on `data`.
        size: height and width of the only size of images that the file shall take, (512, 1024) or "512x1024"; None for
            any size, or for litert, whose files have one, that of the training.
        data: labeled images: network and file are compared and scored on them; None compares on the built-in scenes.
        split: split of `data` to check and score on.
        space: label space to map the data to.
        calibration: data whose split train calibrates int8; None for `data`.
        budget: how many points of 100 mean IoU the file may lose on `data`.
        out: the file to write; None for one beside the model. For web a folder; one that holds such a page already gets
            the network beside its others.
        runtime: for web the unpacked npm package onnxruntime-web; None: npm fetches it, once.
        force: replace a file that is there, or a network of the page that has the same name.
        progress: called with a line for each part of the work.

    >>> import streetseg
    >>> done = streetseg.export(run.folder, "onnx", out=folder / "model.onnx")
    >>> done.files[0].name, done.precision
    ('model.onnx', 'fp32')
    """
    from streetseg.models.formats import FORMATS, WEB, is_exported
    from streetseg.models.hub import named_path
    from streetseg.request import as_model

    path, modules = as_model(model)
    named = named_path(path)
    if format == WEB:
        graph = partial(
            export,
            model if modules else path,
            "onnx",
            int8=int8,
            precision=precision,
            size=size,
            data=data,
            split=split,
            space=space,
            calibration=calibration,
            budget=budget,
        )
        suffix = "_int8" if int8 else f"_{precision}" if precision not in (None, "fp32") else ""
        from streetseg.deploy.web import export_page

        folder = Path(out or named.with_name(f"{named.name}_web"))
        package = None if runtime is None else Path(runtime)
        return export_page(path, folder, graph, suffix, package, force=force, tell=progress)
    if runtime is not None:
        raise RequestError(f"a browser runs no file for {format}", where="--runtime", hint="--format web")
    if format not in FORMATS:
        formats = (*FORMATS, WEB)
        hint = did_you_mean(format, formats) or " or ".join(formats)
        raise RequestError(f"unknown format {format}", where="--format", hint=hint)
    if int8 and precision not in (None, "int8"):
        raise RequestError(f"int8 and {precision} are two precisions", where="--int8", hint="give one of them")
    precision = "int8" if int8 else precision or "fp32"
    if precision not in FORMATS[format].precisions:
        offered = " or ".join(FORMATS[format].precisions)
        raise RequestError(f"no {format} file is written in {precision}", where="--precision", hint=offered)
    if calibration is not None and precision != "int8":
        problem = f"{precision} needs no calibration"
        raise RequestError(problem, where="--calibration", hint="--precision int8, or leave it out")
    requested = None if size is None else as_size(size)
    if is_exported(path):
        raise RequestError("this is an exported model already", where=path, hint="give the bundle or run folder")
    if precision == "int8" and data is None:
        raise RequestError("int8 is calibrated and scored on real images", where="--int8", hint="add --data DATA")
    if precision == "int8" and split == "train" and calibration is None:
        problem = "int8 is calibrated on train, and cannot be scored on it"
        raise RequestError(problem, where="--split train", hint="--split val")
    ending = FORMATS[format].suffix
    suffix = "" if precision == "fp32" else f"_{precision}"
    target = Path(out or named.with_name(f"{named.name}{suffix}{ending}"))
    if target.suffix.lower() != ending:
        raise RequestError(f"the file of an {format} model ends in {ending}", where=target)
    if (there := [file for file in FORMATS[format].files(target) if file.exists()]) and not force:
        hint = "--out FILE writes elsewhere, --force replaces it"
        raise RequestError("a file is there already", where=there, hint=hint)

    from streetseg.models.description import read_model_json, reading_of

    reading = reading_of(read_model_json(path))  # what is wrong with the path is said before torch is imported
    if format == "litert":
        from streetseg.deploy.litert import require_converter

        require_converter()

    from streetseg.data.open import open_source
    from streetseg.deploy.export import export as export_model
    from streetseg.recipe.schema import Data
    from streetseg.runs.folder import kept_split

    def opened(spec: PathLike) -> "Source":
        return open_source(Data(source=str(spec), space=space).read_as(reading), kept_split(path))

    return export_model(
        path,
        target,
        format,
        opened(data or "scenes"),
        split=split,
        precision=precision,
        size=requested,
        scored=data is not None,
        calibration=None if calibration is None else opened(calibration),
        budget=budget,
        tell=progress,
        modules=modules,
    )


@checked
def calibrate(
    model: "PathLike | Model | Run",
    data: "DataLike",
    *,
    out: PathLike,
    split: str = "val",
    space: str | None = None,
    progress: OnImage = lambda done, total: None,
) -> "Calibration":
    """Fit the confidence of a network to labeled images, and write the network with it as a new bundle.

    Args:
        model: a run folder (its best bundle), a bundle folder, a `Run`, or what `load` returned. It is not changed.
        data: as for `evaluate`; images that the network was not trained on.
        out: a new folder for the bundle.
        split: the split to fit on.
        space: label space to map the data to.
        progress: called after each image with the number done and the number of all.

    >>> import streetseg
    >>> fitted = streetseg.calibrate(run.folder, data, out=folder / "calibrated")
    >>> fitted.images, fitted.after.nll <= fitted.before.nll
    (2, True)
    """
    from streetseg.evaluation.score import open_split, require_empty
    from streetseg.models.formats import is_exported
    from streetseg.recipe.load import CHECK_FIELDS
    from streetseg.request import as_model, open_data, request

    path, modules = as_model(model)
    if is_exported(path):
        hint = "calibrate the bundle or run folder that it was made from, and export that again"
        raise RequestError("an exported file is not changed", where=path, hint=hint)
    out = Path(out)
    require_empty(out)
    flags = {"data.val_split": split, "data.space": space}
    config = request(data, None, flags, {}, only=("calibrate", CHECK_FIELDS)).data

    from streetseg.evaluation.calibration import fit_calibration
    from streetseg.inference.engines.torch_engine import TorchEngine
    from streetseg.inference.predictor import Predictor
    from streetseg.models.bundle import load_bundle, save_bundle
    from streetseg.models.own import NO_MODULES
    from streetseg.runs.folder import kept_split
    from streetseg.runtime.device import choose_device

    network, about = load_bundle(path, modules or NO_MODULES)
    predictor = Predictor(TorchEngine(network, choose_device("auto")))
    source = open_data(data, config.read_as(network.reading), kept_split(path))
    store = open_split(predictor, source, split)
    fitted = fit_calibration(predictor, store, dataset=source.spec, split=split, on_image=progress)
    if fitted is None:
        raise DataError(
            "nothing to fit on: no pixel has a label, or the network returns no finite numbers",
            where=f"{source.spec} {split}",
        )
    network.calibration = fitted
    save_bundle(
        out, network, initial_weights=about["initial_weights"], protocol=about["protocol"], scores=about["scores"]
    )
    return fitted


@checked
def bench(
    *models: "PathLike | Model | Run",
    size: tuple[int, int] | str | None = None,
    batch: int = 1,
    engine: str | None = None,
    precision: str = "fp32",
    device: str = "auto",
    data: PathLike | None = None,
    split: str = "val",
    space: str | None = None,
) -> "pd.DataFrame":
    """Measure latency, throughput and memory of models, and with `data` their mean IoU: one row a model and engine.

    Args:
        models: run or bundle folders, .onnx, .xml or .tflite files, runs, or what `load` returned.
        size: height and width of the images, (512, 1024) or "512x1024"; None for what each model was trained for.
        batch: images at a time.
        engine: torch, onnxruntime, openvino or litert; None for all that run the model.
        precision: fp32 or bf16.
        device: auto, cpu, cuda, cuda:1.
        data: labeled images to score on.
        split: split of `data` to score on.
        space: label space to map the data to.

    >>> import streetseg
    >>> streetseg.bench(run.folder, size=(64, 96), engine="torch").loc[0, "engine"]
    'torch'
    """
    import pandas as pd

    from streetseg.evaluation.bench import bench_models
    from streetseg.recipe.schema import Data
    from streetseg.request import as_model

    if not models:
        raise RequestError("no model is given", where="models=", hint='streetseg.bench("runs/first")')
    found = [as_model(model, "models") for model in models]
    requested = None if size is None else as_size(size)
    measured = bench_models(
        found,
        requested,
        engine=engine,
        device=device,
        precision=precision,
        batch=batch,
        data=None if data is None else Data(source=str(data), space=space),
        split=split,
    )
    return pd.json_normalize(measured, sep="_")


@checked
def push(
    model: "PathLike | Model | Run",
    repository: str,
    *,
    private: bool = False,
    message: str | None = None,
    revision: str | None = None,
    license: str | None = None,
) -> "Pushed":
    """Push a model to the Hugging Face Hub with a model card: all in one commit, and nothing else of its run.

    Args:
        model: a run folder (its best bundle), a bundle folder, an exported file, a `Run`, or what `load` returned.
        repository: "OWNER/NAME"; it is made where it is missing.
        private: only its owner can see the repository.
        message: of the commit.
        revision: a branch, made where it is missing; None for main.
        license: of the model, as the Hub names it; None: the card says that none is stated.

    Raises:
        RequestError: the run is not finished, a name or the token is wrong, or the repository is public.
        HubError: the Hub cannot be reached, or the connection was cut. The repository is as it was.

    >>> import streetseg
    >>> streetseg.push(run.folder, "street")
    Traceback (most recent call last):
        ...
    streetseg.errors.RequestError: this is no name of a repository
    where: street
    hint:  OWNER/NAME: me/street
    """
    from streetseg.request import as_model
    from streetseg.sharing import push as push_model

    path, _ = as_model(model)
    return push_model(path, repository, private=private, message=message, revision=revision, license=license)
