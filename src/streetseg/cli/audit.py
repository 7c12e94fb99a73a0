"""The command `streetseg audit`."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.common import resumable
from streetseg.cli.mistakes import require_model_first
from streetseg.cli.options import (
    DataArgument,
    FirstEngineFlag,
    JsonFlag,
    LimitFlag,
    ModelArgument,
    Overrides,
    QuietFlag,
    ResumeFlag,
    SpaceFlag,
)
from streetseg.cli.output import counted_bar, print_result, say
from streetseg.errors import DataError

if TYPE_CHECKING:
    from streetseg.cli import outputs
    from streetseg.recipe.schema import Recipe
    from streetseg.results import Audit


def audit(
    model: ModelArgument,
    data: DataArgument,
    out: Annotated[Path, typer.Option(metavar="DIR", help="new folder for the page and the tables")],
    overrides: Overrides = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="S", help="split to audit (default: train and val)"),
    ] = None,
    unlabeled: Annotated[
        Path | None,
        typer.Option(
            "--unlabeled", "--unlabelled", metavar="DIR", help="images without labels, ranked by what they would teach"
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=2,
            help="train N networks by the recipe of the run MODEL, and judge each image by one that has not seen it",
        ),
    ] = None,
    space: SpaceFlag = None,
    limit: LimitFlag = None,
    engine: FirstEngineFlag = None,
    resume: ResumeFlag = False,
    quiet: QuietFlag = False,
    json: JsonFlag = False,
) -> None:
    """Find likely label errors, the worst images, and what to label next."""
    from streetseg import api
    from streetseg.auditing.audit import summary

    require_model_first("audit", model, [data, *(overrides or [])])
    config = requested(model, data, overrides, {"data.space": space, "data.limit": limit}, folds)
    with resumable(out) if folds else nullcontext(), counted_bar("images", hidden=json or quiet) as progress:
        audited = api.audit(
            model,
            data,
            out=out,
            split=split,
            unlabeled=unlabeled,
            folds=folds,
            engine=engine,
            resume=resume,
            quiet=quiet or json,
            recipe=config,
            progress=progress,
        )
    unread = unread_error(audited)
    if json:
        output: outputs.Audit = {
            "out": out,
            "page": audited.page,
            "note": audited.note,
            "images": len(audited.images),
            "regions": len(audited.regions),
            "needs": {str(name): needs for name, needs in audited.classes["needs"].items() if needs == needs},
            "unread": [error.line for error in audited.unread],
        }
        print_result(output, unread)
    say(audited.note, summary(audited.audited))
    say(f"page: {audited.page}")
    if unread is not None:
        raise unread


def unread_error(audited: "Audit") -> DataError | None:
    """Return the error that names the images without labels which cannot be read; None if all can."""
    if not audited.unread:
        return None
    error = DataError(
        f"{len(audited.unread)} images without labels cannot be read; the others are ranked",
        where=[error.line for error in audited.unread],
    )
    error.exit_code = 1
    return error


def requested(
    model: Path, data: str, overrides: list[str] | None, flags: dict[str, object], folds: int | None
) -> "Recipe":
    """Return the recipe: that of the run with --folds, else one that holds only what an audit needs."""
    from streetseg.recipe.load import EVALUATE_FIELDS, load_recipe, require_meaning
    from streetseg.request import with_kind

    flags = {"data.source": with_kind(data), **flags}
    if folds is None:
        require_meaning(overrides or [], "audit", EVALUATE_FIELDS)
        return load_recipe(None, overrides or [], flags=flags)
    from streetseg.auditing.cross_fit import recipe_of

    return load_recipe(recipe_of(model), overrides or [], flags=flags)
