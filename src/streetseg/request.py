"""The arguments of a call in Python as a recipe, a data source, a folder and objects of the caller's own."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

from streetseg.arguments import require_filled, type_error
from streetseg.data.open import full_spec, open_source
from streetseg.data.source import Source
from streetseg.data.sources.own import OwnData, as_source
from streetseg.data.splits import KeptSplit
from streetseg.errors import RequestError
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import is_built_in
from streetseg.models.formats import is_exported
from streetseg.models.hub import located
from streetseg.recipe.datasets import parts_of
from streetseg.recipe.load import load_recipe, require_meaning
from streetseg.recipe.schema import Data, Recipe

if TYPE_CHECKING:
    from torch import nn

    from streetseg.inference.prediction import Model
    from streetseg.models.own import OwnModules
    from streetseg.results import Run
    from streetseg.training.own import Own

DataLike = str | Path | Source | OwnData
# These hold for data objects, too.
OBJECT_FIELDS = ("data.source", "data.size", "data.train_split", "data.val_split", "data.extra", "data.extra_share")
RecipeLike = Recipe | Mapping[str, object] | str | Path | None


def request(
    data: DataLike,
    recipe: RecipeLike,
    flags: Mapping[str, object],
    sections: Mapping[str, object],
    *,
    only: tuple[str, Sequence[str]] | None = None,
    by_kind: bool = True,
) -> Recipe:
    """Return the recipe of a call.

    Args:
        data: what `data.source` becomes, with its kind in front.
        recipe: a complete recipe, which is returned as it is; else a YAML file, a shipped name or dotted fields.
        flags: dotted path -> value of the arguments with names of their own; None means not given.
        sections: section -> its fields, as in optim={"lr": 3e-4}.
        only: the name of the command and the fields that mean something to it; None where all do.
        by_kind: whether the kind of the data brings its shipped recipe.

    Raises:
        RequestError, DataError: something unknown is named, or has a wrong value.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if not isinstance(recipe, (Mapping, str, Path, type(None))):
        raise type_error("recipe", recipe, "a file, a name or fields", 'recipe={"optim.lr": 3e-4}')
    fields: dict[str, object] = {
        "data.source": with_kind(str(data)) if isinstance(data, (str, Path)) else as_source(data).spec
    }
    file, dotted = (None, recipe) if isinstance(recipe, Mapping) else (recipe, {})
    for section, values in sections.items():
        if section not in Recipe.model_fields:
            raise RequestError(
                f"unknown argument {section}", where=f"{section}=", hint=f"sections: {', '.join(Recipe.model_fields)}"
            )
        if not isinstance(values, Mapping):
            raise RequestError(
                f"{section} is a section of the recipe, found {values!r}", hint=f'{section}={{"field": value}}'
            )
        fields |= {f"{section}.{name}": value for name, value in values.items()}
    fields |= _dotted(dotted or {})
    # A None that a person wrote empties a field, as none does on a command line; a flag of None was not given.
    fields = {name: "none" if value is None else value for name, value in fields.items()}
    if only is not None:
        require_meaning([path for path in fields if path != "data.source"], *only)
    fields |= {name: value for name, value in flags.items() if value is not None}
    if not isinstance(data, (str, Path)):
        _require_object_fields(fields)
    return load_recipe(file, flags=fields, by_kind=by_kind)


def _require_object_fields(fields: Iterable[str]) -> None:
    """Raise RequestError for fields that say which files are read, or how: an object hands over its pairs itself."""
    for field in fields:
        if field.startswith("data.") and field not in OBJECT_FIELDS:
            raise RequestError(
                f"{field} has no effect on a data object", where=field, hint="its `splits` decide what is used"
            )


def _dotted(fields: Mapping[str, object]) -> dict[str, object]:
    """Return dotted fields; a section may be given as a dict, {"optim": {"lr": 3e-4}}."""
    dotted: dict[str, object] = {}
    for name, value in fields.items():
        if not isinstance(name, str):
            problem = f"a field of the recipe is {name!r}, expected a text"
            raise RequestError(problem, where="recipe=", hint='recipe={"optim.lr": 3e-4}')
        if name in Recipe.model_fields and isinstance(value, Mapping):
            dotted |= {f"{name}.{field}": of_field for field, of_field in value.items()}
        else:
            dotted[name] = value
    return dotted


def with_kind(data: str) -> str:
    """Return DATA as "kind:path". A path without kind is opened to find it, as the kind decides the shipped recipe."""
    parts = parts_of(data)
    if len(parts) > 1:
        return "+".join(with_kind(part) if part else part for part in parts)
    return data if data == "scenes" or ":" in data else full_spec(data)


def open_data(data: DataLike, settings: Data, kept: KeptSplit | None = None) -> Source:
    """Return the data source: the caller's own object, else what `settings` ask for, in the split that a run keeps."""
    return open_source(settings, kept) if isinstance(data, (str, Path)) else as_source(data)


def is_joined(data: object) -> bool:
    """Return whether DATA joins several data sets."""
    return isinstance(data, (str, Path)) and len(parts_of(str(data))) > 1


def open_each(
    data: Sequence[DataLike], settings: Data, classes: LabelSpace, kept: KeptSplit | None = None
) -> list[Source]:
    """Return several data sets, each mapped to the classes of a model where there is a mapping.

    Without a mapping a data set keeps its own classes, which may be the same under another name.

    Args:
        data: texts, paths or objects of the caller's own.
        settings: how files are read; `source` means nothing here.
        classes: those of the model.
        kept: the split that the run of the model keeps of its data.

    Raises:
        RequestError, DataError: as `open_source`.
    """
    mapped = {"space": classes.name} if settings.space is None and is_built_in(classes) else {}
    sources: list[Source] = []
    for one in data:
        if not isinstance(one, (str, Path)):
            sources.append(as_source(one))
            continue
        own = settings.model_copy(update={"source": str(one)})
        try:
            sources.append(open_source(own.model_copy(update=mapped), kept))
        except RequestError:
            sources.append(open_source(own, kept))
    return sources


def dated_folder(parent: str, name: str, *, resume: bool) -> Path:
    """Return PARENT/<date>_<name>; with `resume`, the newest folder of that name, whatever its date."""
    name = re.sub(r"[^\w.-]+", "-", name)
    earlier = sorted(Path(parent).glob(f"????-??-??_{name}")) if resume else []
    return earlier[-1] if earlier else Path(parent) / f"{date.today().isoformat()}_{name}"


def initial_weights(
    weights: str | Path | Mapping[str, str | Path] | None, encoders: Sequence[str], *, default: str
) -> dict[str, str]:
    """Return encoder -> its initial weights; encoders that a dict leaves out take `default`."""
    if not isinstance(weights, Mapping):
        return dict.fromkeys(encoders, default if weights is None else str(weights))
    if unknown := [name for name in weights if name not in encoders]:
        raise RequestError("weights for encoders that are not in the study", where=unknown, hint=f"{list(encoders)}")
    return {name: str(weights.get(name, default)) for name in encoders}


def require_resume_with_force(*, force: bool, resume: bool) -> None:
    """Raise RequestError for `force` without `resume`: no run folder is ever overwritten."""
    if force and not resume:
        raise RequestError("--force goes with --resume", where="--force", hint="choose a new folder with --out")


def require_one_length(*, epochs: int | None, minutes: float | None) -> None:
    """Raise RequestError if the length of a run is given twice."""
    if epochs is not None and minutes is not None:
        raise RequestError("the length of a run is given twice", where="--minutes", hint="give --epochs or --minutes")


def name_of(part: "str | nn.Module | None") -> str | None:
    """Return the name of an encoder: a text as it is, "python:NAME" for a module. Raise ModelError for other things."""
    if part is None or isinstance(part, str):
        return part
    from streetseg.models.own import own_name, require_module

    require_module(part, f"encoder={part!r:.60}")
    return own_name(part)


def decoder_name(decoder: "str | nn.Module | None") -> str | None:
    """Return the name of a decoder: a text as it is, "own" for anything else, which `OwnDecoder` checks."""
    return decoder if decoder is None or isinstance(decoder, str) else "own"


def with_loss(sections: Mapping[str, object], loss: object) -> Mapping[str, object]:
    """Return sections of the recipe with `loss` as one of them, unless it is a function of the caller's own."""
    return sections if loss is None or callable(loss) else {**sections, "loss": loss}


def own_objects(
    data: DataLike,
    encoders: "Sequence[str | nn.Module | None]",
    decoder: "str | nn.Module | None",
    callbacks: Iterable[object],
    loss: object,
) -> "Own":
    """Return the objects of a call that no recipe can hold; names among them are passed over."""
    from streetseg.models.own import OwnModules, own_name
    from streetseg.training.own import Own

    modules = OwnModules(
        {own_name(part): part for part in encoders if part is not None and not isinstance(part, str)},
        None if isinstance(decoder, str) else decoder,
    )
    source = None if isinstance(data, (str, Path)) else as_source(data)
    return Own(tuple(callbacks), loss if callable(loss) else None, source, modules)


def as_model(model: "str | Path | Model | Run", name: str = "model") -> "tuple[Path, OwnModules | None]":
    """Return where a model is, and the modules of the caller's own that it was made with.

    Args:
        model: a path, hub:OWNER/NAME, a `Run`, or what `load` returned.
        name: the argument that holds it, for messages.

    Raises:
        RequestError: it is anything else, or an empty text.
        RequestError, ModelError, HubError: as `located`.
    """
    if isinstance(model, (str, Path)):
        require_filled(name, model)
        return located(model), None
    from streetseg.inference.prediction import Model
    from streetseg.results import Run

    if isinstance(model, Run):
        return model.folder, model.modules
    if isinstance(model, Model):
        return model.path, model.modules
    raise type_error(name, model, "a path, a run or a loaded model", f'{name}="runs/first"')


def require_unloaded(function: Callable[..., object], **options: object) -> None:
    """Raise RequestError if options of loading are given with a model that is loaded already."""
    parameters = signature(function).parameters
    if given := [f"{name}=" for name, value in options.items() if value != parameters[name].default]:
        raise RequestError("the model is loaded already", where=given, hint="give the option to the first load")


def own_modules_of(model: Path, encoder: "nn.Module | None", decoder: "nn.Module | None") -> "OwnModules | None":
    """Return the modules that a bundle is loaded with; None where none were passed.

    Raises:
        RequestError: the network of the bundle was made without a module of the caller's own, or it is exported.
        ModelError: there is no bundle.
    """
    if encoder is None and decoder is None:
        return None
    if is_exported(model):
        problem = "an exported model holds its whole network, and takes no module of your own"
        raise RequestError(problem, where=model, hint="leave encoder= and decoder= out, or give the bundle")
    from streetseg.models.description import read_model_json
    from streetseg.models.own import OwnModules, is_own

    description = read_model_json(model)
    for part, given, own in (
        ("encoder", encoder, is_own(description["encoder"])),
        ("decoder", decoder, description["decoder"] == "own"),
    ):
        if given is not None and not own:
            problem = f"the {part} of this model is {description[part]}, not a module of your own"
            raise RequestError(problem, where=model, hint=f"leave {part}= out")
    return OwnModules({} if encoder is None else {description["encoder"]: encoder}, decoder)


@contextmanager
def interruptible(function: str, folder: Path) -> Iterator[None]:
    """On Ctrl-C or the stop button of a notebook, say in the exception how to go on from `folder`."""
    try:
        yield
    except KeyboardInterrupt:
        if not folder.exists():
            raise KeyboardInterrupt("stopped before anything was saved") from None
        how = f"the same call of streetseg.{function} with out={str(folder)!r}, resume=True goes on from there"
        raise KeyboardInterrupt(f"stopped, and saved in {folder}; {how}") from None
