"""The model card on the Hugging Face Hub (README.md): the card of the run, and its scores as the Hub reads them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from streetseg.comparison.groups import Group
from streetseg.data.fetch import terms_of
from streetseg.data.source import short_name
from streetseg.data.sources.streets.every import STREET_SETS
from streetseg.metrics.scores import METRICS, PIXEL_SCORES, Scores
from streetseg.models.hub import Address
from streetseg.recipe.datasets import parts_of
from streetseg.report.model_card import LIMITS, model_card, opening, plain, usage
from streetseg.report.words import points, protocol_sentence, span

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

TAGS = ("image-segmentation", "semantic-segmentation", "street-scenes")
UNKNOWN = "not known to streetseg: ask whoever pushed the model"
# What a protocol must say; that of a bundle without a run may be empty.
PROTOCOL = (
    *("dataset", "split", "images", "label_space", "resolution", "network_resolution", "ignore", "absent"),
    *("test_time", "rules"),
)
NAMES = {f"mean_{metric}": f"mean {metric}".replace("iou", "IoU") for metric in METRICS} | PIXEL_SCORES


@dataclass(frozen=True)
class Scored:
    """Scores of a model on a split.

    Args:
        values: name of a score, as in `NAMES` -> its value, 0..1.
        intervals: the same names -> the ends of the 95 % interval; empty where they are not known.
        protocol: what was scored, and by which rules.
    """

    values: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    protocol: Mapping[str, Any]

    @classmethod
    def of(cls, scores: Scores, intervals: Mapping[str, tuple[float, float]], protocol: Mapping[str, Any]) -> "Scored":
        """Return the scores of an evaluation."""
        means = {f"mean_{metric}": scores.mean[metric] for metric in METRICS}
        return cls(means | dict(scores.pixel_scores), intervals, protocol)


def hub_card(address: Address, description: Mapping[str, Any], group: Group | None, license: str | None) -> str:
    """Return README.md of a model: a head of YAML with its model-index, then the card.

    Args:
        address: where the model is on the Hub.
        description: its model.json, or the description inside an exported file.
        group: the run that trained it; None where only the model is at hand. Its card is shorter then.
        license: of the model, as the Hub names it; None: the card says that none is stated.
    """
    from huggingface_hub import ModelCardData

    trained_on = str(description["protocol"].get("dataset", "") if group is None else group.first.data["spec"])
    kinds = [part.partition(":")[0] for part in parts_of(short_name(trained_on))]
    scored = scored_of(description) if group is None else scored_of_run(group)
    head = ModelCardData(
        license=license,
        library_name="streetseg",
        pipeline_tag="image-segmentation",
        tags=[*TAGS, description["encoder"]],
        datasets=[kind for kind in dict.fromkeys(kinds) if terms_of_data(kind) != UNKNOWN and kind != "scenes"] or None,
        metrics=["mean_iou"] if scored else None,
        model_name=(address.file or address.repository.partition("/")[2]) if scored else None,
        eval_results=[result for one in scored for result in _results(one)] or None,
    )
    body = short_card(description, scored, str(address)) if group is None else model_card(group, str(address))
    note = [f"Note: {plain(description['note'])}.", ""] if "note" in description else []
    return "\n".join(["---", head.to_yaml(), "---", "", body, *note, *_conditions(description, kinds, license), ""])


def scored_of_run(group: Group) -> list[Scored]:
    """Return the scores of a run: on its validation split, and on its test split where it was scored."""
    found = [Scored.of(group.scores, group.intervals.overall, group.protocol)]
    if group.test is not None:
        found.append(Scored.of(group.test.scores, group.test.intervals.overall, group.test.protocol))
    return found


def scored_of(description: Mapping[str, Any]) -> list[Scored]:
    """Return the scores in the description of a model, which holds no intervals; empty where it holds no scores."""
    scores, protocol = description["scores"], description["protocol"]
    if any(key not in protocol for key in PROTOCOL):
        return []
    found = {f"mean_{metric}": scores.get("mean", {}).get(metric) for metric in METRICS}
    found |= {name: scores.get(name) for name in PIXEL_SCORES}
    values = {name: value for name, value in found.items() if isinstance(value, (int, float))}
    return [Scored(values, {}, protocol)] if values else []


def _results(scored: Scored) -> "Iterator[EvalResult]":
    """Yield the scores as the Hub reads them: values 0..1, each with its interval, and the protocol of all."""
    from huggingface_hub import EvalResult

    dataset, split = str(scored.protocol["dataset"]), str(scored.protocol["split"])
    for name, value in scored.values.items():
        if not math.isfinite(value):
            continue
        low, high = scored.intervals.get(name, (math.nan, math.nan))
        between = f", 95 % interval {span(low, high)} %" if math.isfinite(low) else ""
        yield EvalResult(
            task_type="image-segmentation",
            task_name="Semantic segmentation",
            dataset_type=dataset.partition(":")[0],
            dataset_name=f"{dataset}, {split}",
            dataset_split=split,
            dataset_args={key: value for key, value in scored.protocol.items() if value is not None},
            metric_type=name,
            metric_name=f"{NAMES[name]}{between}",
            metric_value=float(value),
            metric_args={"interval_95": [float(low), float(high)]} if math.isfinite(low) else None,
        )


def short_card(description: Mapping[str, Any], scored: list[Scored], address: str) -> str:
    """Return the card of a model whose run is not at hand."""
    lines = [*opening(description)]
    if "precision" in description:
        lines.append(f"- **Exported:** {plain(description['precision'])}")
    for one in scored:
        value = points(one.values.get("mean_iou"))
        lines.append(f"- **Mean IoU:** {value}, as its run has scored it; the interval is not known here")
        lines += ["", plain(protocol_sentence(one.protocol, f"{one.protocol['split']} split"))]
    return "\n".join([*lines, "", "## Limits", "", *LIMITS, "", *usage(address)])


def _conditions(description: Mapping[str, Any], kinds: list[str], license: str | None) -> list[str]:
    """Return the lines on the conditions under which model, initial weights and training data may be used."""
    data = {kind: terms_of_data(kind) for kind in kinds if kind}
    stated = plain(license) if license else "none is stated: ask whoever pushed the model before you use it"
    return [
        "## License",
        "",
        f"- **This model:** {stated}.",
        f"- **Initial weights:** {plain(terms_of_weights(description['initial_weights']))}.",
        *(f"- **Training data, {plain(kind)}:** {plain(terms)}." for kind, terms in data.items()),
    ]


def terms_of_weights(initial: Mapping[str, str]) -> str:
    """Return the license of initial weights, in words."""
    match initial["kind"]:
        case "random":
            return "random numbers, without conditions"
        case "timm-pretrained" if find_spec("timm") is not None:
            import timm

            config = timm.get_pretrained_cfg(initial["source"])
            stated = (config and config.license) or "no license stated"
            return f"timm's {initial['source']}, {stated} as timm says; the data they were trained on has its own terms"
        case _:
            return UNKNOWN


def terms_of_data(kind: str) -> str:
    """Return the conditions of a kind of data set, in words."""
    if kind == "scenes":
        return "drawn by streetseg, without conditions"
    if kind in STREET_SETS:
        return f"{STREET_SETS[kind].title}: {STREET_SETS[kind].license}, {STREET_SETS[kind].url}"
    return terms_of(kind) or UNKNOWN
