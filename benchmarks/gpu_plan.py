"""What is trained on the GPU: experiments, their pace, and the plan of what fits into the time."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapreplace
from pathlib import Path

import yaml

from streetseg.recipe.load import load_recipe
from streetseg.recipe.schema import Recipe

ENCODERS = ("mobilenetv2_100", "resnet50", "resnext50_32x4d")
FOLDS = 3  # CamVid has three videos with training or validation images, and a fold holds whole videos
FEWEST_EPOCHS = 20  # no run is made shorter than that, and than its recipe, to fit into the time
SPARE = 0.9  # share of the time that is planned


@dataclass(frozen=True)
class Experiment:
    """An experiment: one network, with one or several seeds.

    Args:
        name: the name in the summary.
        recipe: shipped recipe.
        fields: dotted name -> value of recipe fields that differ from it.
        encoder: one of ENCODERS.
        seeds: the number of seeds.
        by_video: three runs for each seed, one for each video that is held out; otherwise one on the official split.
        extra: nothing is shortened to make room for it.
    """

    name: str
    encoder: str
    recipe: str = "camvid-long"
    fields: Mapping[str, object] = field(default_factory=dict)
    seeds: int = 3
    by_video: bool = True
    extra: bool = False

    @property
    def folds(self) -> tuple[int, ...]:
        """The folds of a seed; 0 stands for the official split."""
        return tuple(range(1, FOLDS + 1)) if self.by_video else (0,)


# The most important first: the last is dropped first.
WINNERS = (
    Experiment(
        "mobilenetv2_100 from drawn streets by video", "mobilenetv2_100", "camvid-unseen", {"model.weights": "scenes"}
    ),
    *(Experiment(f"{encoder} by video", encoder) for encoder in ENCODERS),
)
SHIPPED = tuple(Experiment(f"{encoder} official", encoder, seeds=1, by_video=False) for encoder in ENCODERS)
LONGER = tuple(
    Experiment(f"{encoder} by video, 200 epochs", encoder, fields={"train.epochs": 200}, seeds=1, extra=True)
    for encoder in ENCODERS
)
PLANS = Path(__file__).parent / "plans"


def of_plan(path: Path) -> Iterator[Experiment]:
    """Yield an experiment for the base and each change of a plan of tools/ablate.py, none of which is shortened.

    Args:
        path: its YAML file. Of the weights that it names, "scenes" are the network in the box, all others those that
            were packed.
    """
    content = yaml.safe_load(path.read_text("utf-8"))
    for name, changed in {"base": {}, **content["changes"]}.items():
        fields = {**content["base"], **changed}
        recipe, weights = fields.pop("recipe"), fields.pop("weights", None)
        start = {"model.weights": "scenes"} if weights == "scenes" else {}
        yield Experiment(name, content["encoder"], recipe, {**fields, **start}, content["seeds"], extra=True)


LEVERS = tuple(of_plan(PLANS / "gpu.yaml"))
LARGE = Experiment(
    "resnet50",
    "resnet50",
    "camvid-unseen",
    {"optim.encoder_lr_scale": 0.8, "train.epochs": 10},  # as the base of gpu.yaml
    seeds=1,
    extra=True,
)
SMALL = {"data.size": [48, 64], "augment.early_crop": None, "train.precision": "fp32"}
TINY = {**SMALL, "model.channels": [16, 12, 8, 8], "train.epochs": 3}
REHEARSAL = {**SMALL, "data.limit": 4, "train.epochs": 1}
EXPERIMENTS: dict[str, tuple[Experiment, ...]] = {
    "winners": (*WINNERS, *SHIPPED, *LONGER),
    "levers": (*LEVERS[:4], LARGE, *LEVERS[4:]),
    "unseen": tuple(of_plan(PLANS / "unseen.yaml")),
    "rehearsal": tuple(replace(one, fields={**one.fields, **REHEARSAL}, seeds=1) for one in (*WINNERS, *SHIPPED)),
    "try": (
        Experiment("tiny by video", "test_efficientnet", fields=TINY, seeds=1),
        Experiment("tiny official", "test_efficientnet", fields=TINY, seeds=1, by_video=False),
    ),
}


@dataclass(frozen=True)
class Pace:
    """The speed of a network, while all workers share the device.

    Args:
        of_image: seconds for a training image in the early epochs, and in the later ones.
        early: share of the early epochs.
        of_epoch: seconds for what is done once in an epoch: the checkpoint.
        of_run: seconds for what is done once in a run: warming up, scoring, measuring the cost.
        waiting: share of the time of a training step in which it waits for data.
        batch: images in a step.
    """

    of_image: tuple[float, float]
    early: float
    of_epoch: float
    of_run: float
    waiting: float
    batch: int

    def seconds(self, images: int, epochs: int) -> float:
        """Return the seconds of a run."""
        early, late = self.of_image
        return self.of_run + epochs * self.of_epoch + images * epochs * (self.early * early + (1 - self.early) * late)


@dataclass(frozen=True)
class Run:
    """A run of the plan."""

    experiment: Experiment
    seed: int
    fold: int
    epochs: int

    @property
    def folder(self) -> str:
        """The name of its folder."""
        name = self.experiment.name.replace(",", "").replace(" ", "-")
        return f"{name}_seed{self.seed}" + (f"_fold{self.fold}" if self.fold else "")


@dataclass(frozen=True)
class Plan:
    """What is trained.

    Args:
        runs: the runs, the most important first.
        epochs: name of an experiment -> epochs of its runs, also of those that do not fit into the time.
        notes: what was shortened or dropped, in words.
    """

    runs: list[Run]
    epochs: dict[str, int]
    notes: list[str]


def plan(
    experiments: Sequence[Experiment],
    paces: Mapping[str, Pace],
    images: tuple[int, int],
    workers: int,
    seconds: float,
    *,
    begun: Mapping[str, int] | None = None,
    share_left: Callable[[Run], float] = lambda run: 1.0,
) -> Plan:
    """Return the runs that fit into the time, the most important first.

    The first seed of each experiment comes before the second of any. If those of the experiments that are not `extra`
    do not fit, all runs are shortened by the same factor; what FEWEST_EPOCHS are still too many for is dropped. What an
    earlier call has begun is never dropped.

    Args:
        experiments: what is wanted.
        paces: encoder -> its pace.
        images: the number of images that a run trains on, on the official split and in a fold.
        workers: the number of runs at once.
        seconds: the time.
        begun: name of an experiment -> epochs of its runs, from an earlier plan that is gone on with: nothing is
            shortened any more.
        share_left: the share of a run that is not trained yet, 0..1.
    """
    notes = [
        f"DROPPED: {one.name}: its network could not be measured" for one in experiments if one.encoder not in paces
    ]
    experiments = [experiment for experiment in experiments if experiment.encoder in paces]
    recipes = {one.name: recipe_with(one.recipe, one.fields) for one in experiments}
    epochs = {name: (begun or {}).get(name) or recipe.train.epochs for name, recipe in recipes.items()}
    shares = {name: recipe.data.extra_share or 0.0 for name, recipe in recipes.items()}

    def runs_of(experiment: Experiment, seed: int, factor: float) -> list[Run]:
        full = epochs[experiment.name]
        shortened = max(min(full, FEWEST_EPOCHS), round(full * factor))
        return [Run(experiment, seed, fold, shortened) for fold in experiment.folds]

    def time_of(runs: Iterable[Run]) -> float:
        ends = [0.0] * workers  # each run begins in the worker that is free first
        for run in runs:
            pace, limit = paces[run.experiment.encoder], run.experiment.fields.get("data.limit")
            number = images[bool(run.fold)]
            number = min(number, limit) if isinstance(limit, int) else number
            number = round(number / (1 - shares[run.experiment.name]))
            heapreplace(ends, ends[0] + share_left(run) * pace.seconds(number, run.epochs))
        return max(ends)

    factor = 1.0
    needed = [experiment for experiment in experiments if not experiment.extra]
    while not begun and factor > 0.1 and time_of(run for one in needed for run in runs_of(one, 0, factor)) > seconds:
        factor -= 0.05
    if any(run.epochs < epochs[one.name] for one in needed for run in runs_of(one, 0, factor)):
        notes.append(f"SHORTENED: all runs to {100 * factor:.0f} % of their epochs, at least {FEWEST_EPOCHS}")
    chosen: list[Run] = []
    for seed in range(max((experiment.seeds for experiment in experiments), default=0)):
        for experiment in experiments:
            if seed < experiment.seeds:
                runs = runs_of(experiment, seed, factor)
                is_begun = any(share_left(run) < 1 for run in runs)
                if is_begun or time_of([*chosen, *runs]) <= seconds:
                    chosen += runs
                else:
                    notes.append(
                        f"DROPPED: {experiment.name}, seed {seed}: a run takes about {time_of(runs[:1]):.0f} s"
                    )
    notes.append(f"{len(chosen)} runs, about {time_of(chosen):.0f} of {seconds:.0f} s")
    return Plan(chosen, {one.name: runs_of(one, 0, factor)[0].epochs for one in experiments}, notes)


def recipe_with(recipe: str, fields: Mapping[str, object]) -> Recipe:
    """Return a shipped recipe with other values of some fields."""
    return load_recipe(recipe, flags={name: "none" if value is None else value for name, value in fields.items()})


def training_images(camvid: Path) -> tuple[int, int]:
    """Return how many images of CamVid a run trains on: on the official split, and at most in a fold."""
    names = {split: [path.stem for path in (camvid / split).glob("*.png")] for split in ("train", "val")}
    videos = Counter(name.partition("_")[0] for name in names["train"] + names["val"])
    return len(names["train"]), videos.total() - min(videos.values())
