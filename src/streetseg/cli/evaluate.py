"""The command `streetseg evaluate`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streetseg.cli.common import DevicesFlag, run_in_processes
from streetseg.cli.mistakes import require_model_first
from streetseg.cli.options import (
    DataArgument,
    FirstEngineFlag,
    JsonFlag,
    LimitFlag,
    ModelArgument,
    SpaceFlag,
    TileFlag,
    TtaFlag,
    out_option,
)
from streetseg.cli.output import aligned, counted_bar, print_json, say
from streetseg.errors import RequestError, first
from streetseg.runtime.worker import is_main, is_one_of_many
from streetseg.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streetseg.cli import outputs
    from streetseg.results import ScoreTable

VIDEOS_SHOWN = 20
_VALUE = re.compile(r"[\w.]+=")  # a value of the recipe, and no data set: camvid:A=B has a colon before


def evaluate(
    model: ModelArgument,
    data: DataArgument,
    more: Annotated[
        list[str] | None,
        typer.Argument(metavar="DATA|FIELD=VALUE", help="further data sets, and values of the recipe"),
    ] = None,
    split: Annotated[str | None, typer.Option(metavar="S", help="split to score on (default: val)")] = None,
    space: SpaceFlag = None,
    limit: LimitFlag = None,
    engine: FirstEngineFlag = None,
    tta: TtaFlag = False,
    tile: TileFlag = None,
    out: Annotated[Path | None, out_option("none, the scores are only printed")] = None,
    devices: DevicesFlag = None,
    json: JsonFlag = False,
) -> None:
    """Score a network: all metrics, per class and per image, error maps."""
    from streetseg import api
    from streetseg.models.formats import is_exported
    from streetseg.models.hub import located
    from streetseg.recipe.load import EVALUATE_FIELDS, load_recipe, require_meaning
    from streetseg.results import ScoreTable

    require_model_first("evaluate", model, [data, *(more or [])])
    overrides = [word for word in more or [] if _VALUE.match(word)]
    others = [word for word in more or [] if not _VALUE.match(word)]
    flags = {"data.source": data, "data.val_split": split, "data.space": space, "data.limit": limit}
    config = load_recipe(None, overrides, flags=flags, by_kind=not others)
    require_meaning(overrides, "evaluate", EVALUATE_FIELDS)
    model = located(model)
    if is_exported(model):
        require_one_model(model, devices)
    elif run_in_processes(devices):
        return
    with counted_bar("images", hidden=json or not is_main()) as progress:
        scores = api.evaluate(
            model,
            [data, *others] if others else data,
            engine=engine,
            tta=tta,
            tile=tile,
            out=out,
            recipe=config,
            progress=progress,
        )
    if not is_main():
        return
    if isinstance(scores, ScoreTable):
        show_table(scores, out, as_json=json)
    elif json:
        output: outputs.Evaluate = {**scores.as_dict, "out": out}
        print_json(output)
    else:
        say(*summary(scores.as_dict))
        say(f"tables, counts and error maps: {out}" if out else "--out DIR keeps tables, counts and error maps")


def show_table(scores: "ScoreTable", out: Path | None, *, as_json: bool) -> None:
    """Print the scores on several data sets: a row each, then the protocol of each."""
    from streetseg.evaluation.protocol import protocol_line

    if as_json:
        output: outputs.EvaluateSeveral = {
            "datasets": [{**row, "scores": scores[row["name"]].as_dict} for row in scores.rows],
            "out": out,
        }
        print_json(output)
        return
    say(*table_of_data(scores.rows), "")
    say(*(protocol_line(one.protocol) for one in scores.scores.values()))
    for name, one in scores.scores.items():
        if note := one.as_dict["interval_rule"]["note"]:
            say(f"interval of {name}: {note}")
    say(f"a folder for each data set, and the table: {out}" if out else "--out DIR keeps all tables and error maps")


def table_of_data(rows: "Sequence[Mapping[str, Any]]") -> list[str]:
    """Return a row a data set: images, mean IoU with its interval, and the classes counted."""
    head = ("data set", "images", "mean IoU, %", "95 % interval", "classes counted")
    cells = (
        (
            row["name"],
            str(row["images"]),
            _percent(row["mean_iou"]).strip(),
            _bracket(row["low"], row["high"]),
            f"{row['counted']} of {row['classes']}",
        )
        for row in rows
    )
    return aligned([head, *cells], right=(1, 2))


def require_one_model(model: Path, devices: int | None) -> None:
    """Raise RequestError if several processes shall score an exported model."""
    if is_one_of_many() or devices not in (None, 1):
        raise RequestError(
            "an exported model is scored by one process", where=model, hint="leave --devices out, or give the bundle"
        )


def summary(result: "Mapping[str, Any]") -> list[str]:
    """Return the scores of scores.json as lines for a terminal, in percent, with the protocol below."""
    from streetseg.evaluation.protocol import protocol_line
    from streetseg.metrics.scores import PIXEL_SCORES

    classes, metrics = result["per_class"], list(result["mean"])
    lines = [f"{'scores in %':<24}{'':>7}  95 % interval"]
    for metric in metrics:
        counted = f"{result['counted'][metric]} of {len(classes)} classes counted"
        low, high = result["interval"][f"mean_{metric}"]
        label = f"mean {metric}" + (" (= Dice)" if metric == "f1" else "")
        lines.append(f"{label:<24}{_percent(result['mean'][metric])}  {_bracket(low, high)}  {counted}")
    for score, label in PIXEL_SCORES.items():
        lines.append(f"{label:<24}{_percent(result[score])}  {_bracket(*result['interval'][score])}")
    lines += [
        f"{'per-image IoU':<24}{_percent(result['per_image_mean']['iou'])}",
        f"{'per-image Dice':<24}{_percent(result['per_image_mean']['dice'])}",
        f"{'boundary IoU':<24}{_percent(result['boundary_iou'])}",
        f"{'calibration error (ECE)':<24}{_percent(result['ece'])}  {_calibration(result['calibration'])}",
        *_selective(result["selective"]),
        "",
    ]
    # Narrow columns: with eleven classes the table fits into 80 characters.
    names, widths = max(map(len, classes)), [max(len(metric), 7) + 1 for metric in metrics]
    lines.append(f"{'class':<{names}}" + "".join(f"{m:>{width}}" for m, width in zip(metrics, widths, strict=True)))
    for name, values in classes.items():
        cells = (f"{_percent(values[metric]):>{width}}" for metric, width in zip(metrics, widths, strict=True))
        lines.append(f"{name:<{names}}" + "".join(cells))
    lines += _videos(result["per_video"])
    if sources := result.get("sources"):
        rows = [{"name": name, "classes": len(classes), **row} for name, row in sources.items()]
        lines += ["", *table_of_data(rows)]
    rule = result["interval_rule"]
    note = f"; {rule['note']}" if rule["note"] else ""
    lines += [
        "",
        protocol_line(result["protocol"]),
        f"intervals: {rule['resamples']} resamples of {rule['unit']}s{note}",
    ]
    return lines


def _videos(scores: "Mapping[str, Mapping[str, float]]") -> "Iterator[str]":
    """Yield the mean IoU of each video, the lowest first; nothing if there are not several."""
    if len(scores) < 2:
        return
    yield from ("", f"{'video':<24}{'IoU':>7}  images")
    ranked = sorted(scores.items(), key=lambda item: item[1]["iou"])
    yield from first(
        [f"{one_line(name):<24}{_percent(values['iou'])}  {values['images']}" for name, values in ranked],
        VIDEOS_SHOWN,
        "videos, all of them with --json",
    )


def _selective(rows: "Sequence[Mapping[str, float]]") -> "Iterator[str]":
    """Yield the accuracy of the pixels with the highest confidence, for a few shares of pixels."""
    from streetseg.metrics.selective import SHOWN

    for row in rows:
        if row["kept"] in SHOWN and row["kept"] < 1:
            label, least = f"accuracy, surest {row['kept']:.0%}", row["confidence"]
            yield f"{label:<24}{_percent(row['accuracy'])}  confidence {least:.4f} or more"


def _calibration(calibration: "Mapping[str, Any]") -> str:
    from streetseg.models.calibration import Calibration

    if calibration["fitted"] is None:
        return "not calibrated: the model has no temperature"
    fitted = Calibration.model_validate(calibration["fitted"])
    return f"{100 * calibration['uncalibrated_ece']:.2f} without its {fitted.text}"


def _percent(value: float) -> str:
    return f"{100 * value:7.2f}" if value == value else f"{'–':>7}"


def _bracket(low: float, high: float) -> str:
    return f"[{100 * low:.2f}, {100 * high:.2f}]" if low == low else "–"
