"""Write the table of all networks in docs/results/networks.md, and the promised scores in the shipped recipes.

    python tools/write_networks_table.py                                       # from docs/results/networks.json
    python tools/write_networks_table.py --add RUN... --recipe NAME [--initial-weights WORDS] [--latency BENCH.json]

docs/results/networks.json is the home of the figures. `--add` puts a network into it: the runs of all folds of a study
give the score by video, a run on the given split that of the validation split; both go to one network if recipe,
changes, encoder and initial weights are the same. What a run changes of the shipped recipe NAME is found by itself. The
file of `--latency` is what `streetseg bench FILE --json` prints; the fastest file of it is taken.

A shipped recipe promises the scores of the networks that were trained with it as it is now. If it is changed, they are
those of an earlier version, and its header says that it is not measured.
"""

import argparse
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from textwrap import wrap
from typing import Any

import yaml
from between_markers import with_lines
from recipe_changes import changes

from streetseg.atomic import atomic_write_json, atomic_write_text
from streetseg.comparison.groups import INITIAL_WEIGHTS, Group, group_runs
from streetseg.errors import RequestError
from streetseg.recipe.layers import shipped_names, shipped_text
from streetseg.recipe.load import load_recipe
from streetseg.report.words import machine, minutes
from streetseg.runs.finished import FinishedRun, read_run
from streetseg.text import counted

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results" / "networks.json"
PAGE = ROOT / "docs" / "results" / "networks.md"
SHIPPED = ROOT / "src" / "streetseg" / "recipe" / "shipped"
MARKERS = "networks"
PROMISE = "Promised score: "
UNKNOWN = "not measured"
NAMES = {"camvid": "CamVid", "cityscapes": "Cityscapes"}  # kind of data -> its name


@dataclass(frozen=True)
class Network:
    """A network of the table. None: not measured, or not recorded.

    Args:
        recipe: name of the shipped recipe.
        recipe_sha256: `fingerprint` of the recipe that it was trained with.
        changes: dotted field -> value that differs from the recipe.
        data: the data set and its size.
        encoder, decoder, initial_weights: the network and what it began with.
        by_video: "mean" and "deviation" over the runs, "pooled" over all held-out images with "low" and "high", in
            percent, "folds" and "seeds".
        validation: "mean_iou", "low" and "high" in percent, "epoch", the scored epoch in words, and "seeds".
        parameters_m: millions of parameters.
        macs: "g", billions of multiply-adds, and "size" of the image.
        latency: "ms", the "file" in words, "size" of the image, "machine".
        minutes: time of the epochs of a run on the given split, the mean over the runs: folds differ in length.
        machine: that of the training.
        date: day of the result.
        commit: of the program.
        details: a link from the page of the results.
    """

    recipe: str
    recipe_sha256: str
    data: str
    encoder: str
    decoder: str
    initial_weights: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    by_video: Mapping[str, Any] | None = None
    validation: Mapping[str, Any] | None = None
    parameters_m: float | None = None
    macs: Mapping[str, Any] | None = None
    latency: Mapping[str, Any] | None = None
    minutes: float | None = None
    machine: str | None = None
    date: str | None = None
    commit: str | None = None
    details: str | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it another network than the next one."""
        return self.recipe, self.recipe_sha256, sorted(self.changes.items()), self.encoder, self.initial_weights

    @property
    def is_current(self) -> bool:
        """Whether the recipe is still the one that it was trained with."""
        return self.recipe_sha256 == fingerprint(self.recipe)


def main(argv: Sequence[str] | None = None) -> None:
    """Add a network, and write the table and the headers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--add", nargs="+", type=Path, metavar="RUN", help="finished runs of one network")
    parser.add_argument("--recipe", choices=shipped_names(), help="shipped recipe that the runs began with")
    parser.add_argument("--initial-weights", help="in words, such as ImageNet")
    parser.add_argument("--latency", type=Path, help="output of streetseg bench --json")
    args = parser.parse_args(argv)
    networks = read_networks()
    if args.add:
        if args.recipe is None:
            parser.error("--add needs --recipe")
        bench = json.loads(args.latency.read_text("utf-8")) if args.latency else None
        networks = with_network(networks, network_of(args.add, args.recipe, args.initial_weights, bench))
        atomic_write_json(RESULTS, [asdict(network) for network in networks])
    atomic_write_text(PAGE, page(PAGE.read_text("utf-8"), networks))
    for name in shipped_names():
        atomic_write_text(SHIPPED / f"{name}.yaml", with_promise(shipped_text(name), promise(name, networks)))


def read_networks() -> list[Network]:
    """Return the networks of networks.json."""
    return [Network(**entry) for entry in json.loads(RESULTS.read_text("utf-8"))]


def fingerprint(recipe: str) -> str:
    """Return the first digits of the SHA-256 of the settings of a shipped recipe; comments have no part in it."""
    settings = json.dumps(yaml.safe_load(shipped_text(recipe)), sort_keys=True)
    return hashlib.sha256(settings.encode()).hexdigest()[:12]


def network_of(
    folders: Sequence[Path], recipe: str, initial_weights: str | None, bench: Mapping[str, Any] | None
) -> Network:
    """Return a network from its finished runs. Raise RequestError if they are of several networks."""
    groups = group_runs([read_run(folder) for folder in folders])
    if len(groups) > 1:
        raise RequestError("the runs are of several networks", where=tuple(folders), hint="add one after the other")
    (group,) = groups
    run = group.first
    size = run.recipe.data.size
    kind = run.initial_weights["kind"]
    dataset = NAMES.get(run.protocol["dataset"].partition(":")[0], run.protocol["dataset"])
    return Network(
        recipe=recipe,
        recipe_sha256=fingerprint(recipe),
        changes=changed_fields(run, recipe),
        data=f"{dataset}, {size[0]}x{size[1]}" if size else dataset,
        encoder=run.encoder,
        decoder=run.model["decoder"],
        initial_weights=initial_weights or INITIAL_WEIGHTS.get(kind, kind),
        by_video=by_video(group) if group.folds else None,
        validation=None if group.folds else validation(group),
        parameters_m=round(run.cost["parameters"] / 1e6, 2),
        macs={"g": round(run.cost["macs"] / 1e9, 2), "size": "x".join(map(str, run.cost["size"]))},
        latency=latency(bench) if bench else None,
        minutes=None if group.folds else round(fmean(minutes(one) for one in group.runs), 1),
        machine=None if group.folds else machine(run),
        date=day_of(run),
        commit=commit_of(run),
    )


def changed_fields(run: FinishedRun, recipe: str) -> dict[str, Any]:
    """Return the fields of a run that differ from the shipped recipe. When it is validated is no change of it."""
    changed = changes(run.recipe, load_recipe(recipe, environ={}))
    return {name: value for name, value in changed.items() if name != "train.validate_every"}


def by_video(group: Group) -> dict[str, Any]:
    """Return the scores on held-out videos, in percent."""
    assert group.fold_mean is not None and group.fold_deviation is not None
    return {
        "mean": percent(group.fold_mean),
        "deviation": percent(group.fold_deviation),
        "pooled": percent(group.mean_iou),
        **interval(group),
        "folds": group.folds,
        "seeds": len(group.seeds),
    }


def validation(group: Group) -> dict[str, Any]:
    """Return the scores on the validation split, in percent."""
    train = group.first.recipe.train
    chosen = "last" if train.validate_every >= train.epochs else "best"
    return {
        "mean_iou": percent(group.mean_iou),
        **interval(group),
        "epoch": f"{chosen} of {train.epochs} epochs",
        "seeds": len(group.seeds),
    }


def interval(group: Group) -> dict[str, float]:
    """Return the 95 % interval of the mean IoU, in percent."""
    low, high = group.intervals.overall["mean_iou"]
    return {"low": percent(low), "high": percent(high)}


def percent(share: float) -> float:
    """Return a share in percent with one decimal."""
    return round(100 * share, 1)


def latency(bench: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fastest measurement of `streetseg bench --json`."""
    best = min(bench["models"], key=lambda one: one["latency_ms"]["p50"] / one["batch"])
    return {
        "ms": round(best["latency_ms"]["p50"] / best["batch"], 1),
        "file": f"{Path(best['model']).name}, {best['engine']} {best['precision']}",
        "size": "x".join(map(str, best["network_size"])),
        "machine": f"{best['device']}, {best['threads']} threads",
    }


def day_of(run: FinishedRun) -> str:
    """Return the day on which a run began."""
    first = json.loads((run.folder / "journal.jsonl").read_text("utf-8").splitlines()[0])
    return datetime.fromtimestamp(first["time"], UTC).date().isoformat()


def commit_of(run: FinishedRun) -> str | None:
    """Return the commit of the program, with a plus where its files were changed; None for an installed package."""
    git = run.environment.get("git")
    return git and git["commit"][:7] + ("+" if git["changed"] else "")


def with_network(networks: Sequence[Network], added: Network) -> list[Network]:
    """Return the networks with one more. What is known of the same network and not measured anew is kept."""
    known = [network for network in networks if network.key == added.key]
    for network in known:
        measured = {name: value for name, value in asdict(added).items() if value is not None}
        added = replace(network, **measured)
    return [network for network in networks if network not in known] + [added]


def page(text: str, networks: Sequence[Network]) -> str:
    """Return the text of the page with the table of the networks."""
    return with_lines(text, MARKERS, table(networks), PAGE)


def table(networks: Sequence[Network]) -> list[str]:
    """Return the table as lines of Markdown: the best by video first, then the best on validation."""
    columns = {
        "network": lambda n: f"[{n.encoder}, {n.decoder}]({n.details})" if n.details else f"{n.encoder}, {n.decoder}",
        "recipe": recipe_cell,
        "initial weights": lambda n: n.initial_weights,
        "by video": by_video_cell,
        "validation": validation_cell,
        "parameters, M": lambda n: cell(n.parameters_m, "{}"),
        "multiply-adds, G": lambda n: cell(n.macs, "{g} at {size}"),
        "latency of the best file, ms": lambda n: cell(n.latency, "{ms} at {size} ({file}; {machine})"),
        "training, minutes": lambda n: cell(n.minutes, "{}") + (f" ({n.machine})" if n.machine else ""),
        "date": lambda n: n.date or "not recorded",
        "commit": lambda n: n.commit or "not recorded",
    }
    return [
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
        *(
            f"| {' | '.join(text_of(network) for text_of in columns.values())} |"
            for network in sorted(networks, key=rank)
        ),
    ]


def rank(network: Network) -> tuple[float, float]:
    """Return what networks are sorted by; those without a score are last."""
    of_video, of_split = network.by_video or {}, network.validation or {}
    return -of_video.get("mean", -1), -of_split.get("mean_iou", -1)


def cell(value: Any, form: str) -> str:
    """Return a value, or the values of a mapping, in words."""
    if value is None:
        return UNKNOWN
    return form.format(**value) if isinstance(value, Mapping) else form.format(value)


def recipe_cell(network: Network) -> str:
    """Return the recipe with its changes."""
    name = network.recipe + ("" if network.is_current else " (an earlier version)")
    return ", ".join([name, *(f"`{field}={value}`" for field, value in network.changes.items())])


def by_video_cell(network: Network) -> str:
    """Return the score by video with its spread."""
    return score(network.by_video, "{mean} ± {deviation}; all images together {pooled} [{low}, {high}]")


def validation_cell(network: Network) -> str:
    """Return the score on the validation split."""
    return score(network.validation, "{mean_iou} [{low}, {high}], {epoch}")


def score(value: Mapping[str, Any] | None, form: str) -> str:
    """Return a score in words, with the number of its seeds."""
    return cell(value, form) + (f", {counted(value['seeds'], 'seed')}" if value else "")


def promise(recipe: str, networks: Sequence[Network]) -> str:
    """Return what the header of a shipped recipe promises: score and time of each network, with their protocol."""
    measured = [n for n in sorted(networks, key=rank) if n.recipe == recipe and n.is_current and not n.changes]
    if not measured:
        return f"{PROMISE}none; this recipe is not measured."
    return PROMISE + "; ".join(map(promised, measured)) + ". All networks: docs/results/networks.md."


def promised(network: Network) -> str:
    """Return score and time of a network as part of a sentence."""
    by_video = score(network.by_video, "{mean} % ± {deviation} ({folds} folds, last epoch)")
    on_split = score(network.validation, "{mean_iou} % [{low}, {high}], {epoch}")
    time = f", {network.minutes:g} minutes on {network.machine}" if network.minutes and network.machine else ""
    return (
        f"{network.encoder} from {network.initial_weights}, {network.data}: mean IoU by video {by_video}; on the "
        f"validation split {on_split}{time}"
    )


def with_promise(text: str, promised: str) -> str:
    """Return the text of a recipe with another promise, the last part of its header."""
    lines = wrap(promised, 118, break_long_words=False, break_on_hyphens=False)
    return re.sub(rf"^# {PROMISE}.*\n(#.*\n)*", "".join(f"# {line}\n" for line in lines), text, count=1, flags=re.M)


if __name__ == "__main__":
    main()
