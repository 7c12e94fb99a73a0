"""Comparison of finished runs: groups of runs, their ranking, paired differences and the verdict."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streetseg.comparison.groups import Group, HeldOut, Pair, group_runs, pair_groups
from streetseg.comparison.verdict import caveats, pair_sentence, single_sentence
from streetseg.errors import RequestError
from streetseg.metrics.difference import Difference
from streetseg.runs.finished import FinishedRun, read_run

if TYPE_CHECKING:
    from streetseg.json_files.study import ComparedRun, HeldOutScore, PairDifference, RankedEncoder, StudyFile
    from streetseg.json_files.study import Difference as DifferenceJson

# Terms of the protocol that must be equal. The network's own resolution and precision may differ between runs.
RULES = ("split", "images", "label_space", "resolution", "ignore", "absent", "test_time", "rules")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Finished runs, grouped and ranked.

    Args:
        groups: ordered by mean IoU, the best first.
        pairs: all pairs of groups, in rank order, the better group first.
        verdict: the result in one or two sentences.
        notes: caveats of the verdict, the most serious first.
    """

    groups: tuple[Group, ...]
    pairs: tuple[Pair, ...]
    verdict: str
    notes: tuple[str, ...]

    @property
    def against_best(self) -> tuple[Pair, ...]:
        """The pairs of the best group with each other group, in rank order."""
        return tuple(pair for pair in self.pairs if pair.a is self.groups[0])

    def as_json(self, base: Path) -> "StudyFile":
        """Return the content of study.json: run folders relative to `base`, scores 0..1."""
        return {
            "format": "streetseg-study",
            "version": 2,
            "metric": "mean_iou",
            "protocol": self.groups[0].protocol,
            "verdict": self.verdict,
            "notes": list(self.notes),
            "ranking": [_group_json(group) for group in self.groups],
            "runs": [
                _run_json(run, score, base)
                for group in self.groups
                for run, score in zip(group.runs, group.run_scores, strict=True)
            ],
            "differences": [_pair_json(pair) for pair in self.pairs],
        }


def _run_json(run: FinishedRun, score: float, base: Path) -> "ComparedRun":
    content: ComparedRun = {
        "folder": _relative(run.folder, base),
        "encoder": run.encoder,
        "seed": run.seed,
        "initial_weights": run.initial_weights,
        "mean_iou": score,
    }
    if run.recipe.data.fold is not None:
        content["fold"] = list(run.recipe.data.fold)
    return content


def _pair_json(pair: Pair) -> "PairDifference":
    return {
        "a": pair.a.label,
        "b": pair.b.label,
        "metric": "mean_iou",
        **_difference_json(pair.difference),
        "resamples": pair.difference.resamples,
        "unit": pair.difference.unit,
        "videos": pair.difference.videos,
        "latency_ratio": pair.latency,
        "sentence": pair_sentence(pair),
        "per_class": {
            name: _difference_json(difference)
            for name, difference in zip(pair.a.first.classes, pair.classes, strict=True)
        },
    }


def _difference_json(difference: Difference) -> "DifferenceJson":
    return {
        "value": difference.value,
        "interval": [difference.low, difference.high],
        "p_value": difference.p_value,
        "adjusted_p_value": difference.adjusted,
        "comparisons": difference.family,
        "distinguishable": difference.verdict != "not distinguishable",
    }


def _group_json(group: Group) -> "RankedEncoder":
    content: RankedEncoder = {
        "label": group.label,
        "encoder": group.first.encoder,
        "initial_weights": group.first.initial_weights,
        "seeds": list(group.seeds),
        "mean_iou": group.mean_iou,
        "interval": list(group.intervals.overall["mean_iou"]),
        "seed_mean": group.mean_iou,
        "seed_deviation": group.seed_deviation,
    }
    if group.folds is not None:
        content |= {"folds": group.folds, "fold_mean": group.fold_mean, "fold_deviation": group.fold_deviation}
    if group.test is not None:
        content["test"] = _test_json(group.test)
    return content


def _test_json(test: HeldOut) -> "HeldOutScore":
    interval = list(test.intervals.overall["mean_iou"])
    return {"protocol": test.protocol, "mean_iou": test.scores.mean["iou"], "interval": interval}


def _relative(folder: Path, base: Path) -> str:
    return Path(os.path.relpath(folder.resolve(), base.resolve())).as_posix()


def compare_runs(runs: Sequence[Path]) -> Comparison:
    """Read finished run folders and compare them. Runs that differ only in their seed form a group.

    Raises:
        RequestError: no run is given, a run is not finished or cannot be read, a run is given twice, or data, label
            space or scoring rules differ.
    """
    if not runs:
        raise RequestError("nothing to compare: no run folder given")
    finished = [read_run(folder) for folder in runs]
    for run in finished[1:]:
        _require_same_data(finished[0], run)
    groups = sorted(group_runs(finished), key=lambda group: -group.mean_iou)
    pairs = tuple(pair_groups(groups))
    return Comparison(
        groups=tuple(groups),
        pairs=pairs,
        verdict=pair_sentence(pairs[0]) if pairs else single_sentence(groups[0]),
        notes=tuple(caveats(groups, [pair for pair in pairs if pair.a is groups[0]])),
    )


def _require_same_data(first: FinishedRun, other: FinishedRun) -> None:
    """Raise RequestError unless both runs have the same numbers of images, label space and scoring rules.

    Fingerprints may differ, because they also depend on the size at which images are read. `metrics.difference.compare`
    compares the names of the images and every pixel of their ground truth instead.
    """
    one, two = _terms(first), _terms(other)
    differing = [term for term in one if one[term] != two.get(term)]
    if differing:
        values = "; ".join(f"{term}: {one[term]} and {two.get(term)}" for term in differing)
        raise RequestError(
            f"the runs cannot be compared, they differ in {values}",
            where=(first.folder, other.folder),
            hint="compare runs of one dataset, split and label space; streetseg evaluate scores a run again",
        )


def _terms(run: FinishedRun) -> dict[str, object]:
    splits = run.data["splits"]
    # An extra data set is a part of the recipe, not of what is compared on.
    trained, scored = (
        splits[name]["images"] - splits[name].get("extra", 0)
        for name in (run.recipe.data.train_split, run.recipe.data.val_split)
    )
    data: dict[str, object] = {"label space": run.data["space"], "classes": ", ".join(run.classes)}
    rules = {f"protocol {term}": run.protocol.get(term) for term in RULES}
    fold = run.recipe.data.fold
    if fold is None:
        return data | {"folds": None, "training images": trained, "validation images": scored} | rules
    del rules["protocol images"]
    return data | {"folds": fold[1], "images": trained + scored} | rules
