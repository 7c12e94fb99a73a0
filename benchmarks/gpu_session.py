"""One call of `gpu_accuracy.py run`, which goes on with an earlier one that was killed or whose time was up."""

import argparse
import json
import os
import signal
import sys
import time
from dataclasses import asdict
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NoReturn

from gpu_plan import EXPERIMENTS, FOLDS, SPARE, Experiment, Pace, Plan, Run, plan, recipe_with, training_images
from gpu_results import BUNDLES, RUNS, initial_weights, keep_finished, mean_iou, summarize, write_results
from gpu_train import describe_device, probe, train_one
from kept import Kept
from mps import shared_gpu
from pieces import unpack
from workers import Failed, Task, Workers

from streetseg.atomic import remove_leftovers
from streetseg.data.open import open_source
from streetseg.runs.finished import is_finished, read_run

LAST = 10.0  # seconds that are kept for writing the results, beside twice what the last writing took


class Session:
    """One call of `run`: unpack, measure, train what fits into the time, and write the results after each run.

    Args:
        requested: the arguments of the command line.
        start: when the program began, as `time.monotonic()` counts.
    """

    def __init__(self, requested: argparse.Namespace, start: float) -> None:
        self.start = start
        self.end = start + requested.seconds
        self.requested = requested
        self.out: Path = requested.out.resolve()
        self.data = self.out / "data"
        self.most = int(requested.result_mb * 1e6)
        self.experiments = EXPERIMENTS[requested.experiments]
        self.failed: dict[str, str] = {}
        self.writing = 0.0

    def run(self) -> int:
        """Do all of it; return the exit code."""
        signal.signal(signal.SIGTERM, _stop)
        os.environ.setdefault("STREETSEG_CACHE", str(self.out / "cache"))
        self.device = describe_device(self.requested.device)
        with shared_gpu(self.requested.device) as self.sharing:  # after this process has begun with the GPU without it
            return self.run_all()

    def run_all(self) -> int:
        """Do all of it, while the workers can share the GPU; return the exit code."""
        say(f"runs on {self.device['device']}, torch {self.device['torch']}; {self.sharing}")
        self.kept = Kept(self.out / "begun.json", self.device | {"experiments": self.requested.experiments})
        for folder in (self.out, self.out / BUNDLES):
            remove_leftovers(folder)
        if not self.data.is_dir():
            unpack(self.requested.pieces, self.data)
        self.draw()
        self.say_time("unpacked")
        with Workers(self.requested.workers) as workers:
            try:
                self.paces = self.measure(workers)
            except TimeoutError:
                say("error: the time was up before every network was measured; give more --seconds")
                return 1
            self.say_time("measured")
            if not self.paces:
                say("error: no network could be measured, see above; nothing was trained")
                return 1
            self.plan = self.make_plan()
            for line in self.plan.notes:
                say(line)
            if not self.plan.runs:
                say("error: no run fits into the time; give more --seconds")
                return 1
            try:
                self.train(workers)
            except TimeoutError:
                say("time is up: what has not ended is killed; the same command goes on with it")
            finally:
                workers.close()
                self.write()
        print(json.dumps(self.summary(), indent=1), flush=True)
        return 1 if self.failed else 0

    def say_time(self, what: str) -> None:
        """Print how long it took up to now."""
        say(f"{what}: {time.monotonic() - self.start:.0f} s")

    def draw(self) -> None:
        """Draw the streets that experiments have beside CamVid, before any process waits for them."""
        data = [recipe_with(one.recipe, self.fields_of(one)).data for one in self.experiments]
        for one in {one.model_dump_json(): one for one in data if one.extra is not None}.values():
            open_source(one)

    def measure(self, workers: Workers) -> dict[str, Pace]:
        """Return encoder -> pace, from a moment of training in all workers at once, or as an earlier call found it.

        Raises:
            TimeoutError: the time is up.
        """
        key = f"paces of {self.requested.workers} workers"
        if kept := self.kept.get(key):
            return {encoder: Pace(**pace) for encoder, pace in kept.items()}
        first_of = {experiment.encoder: experiment for experiment in reversed(self.experiments)}
        count = max(self.requested.workers, len(first_of))
        probes = {
            f"{experiment.encoder} probe {number}": Task(
                probe, (experiment.recipe, self.fields_of(experiment), self.out / f"probe{number}")
            )
            for number, experiment in enumerate(islice(cycle(first_of.values()), count))
        }
        measured: dict[str, list[Pace]] = {encoder: [] for encoder in first_of}
        for name, result in workers.results(probes, lambda: self.end - LAST):
            if isinstance(result, Failed):
                say(f"{name} FAILED: {result.why}")
            else:
                measured[name.partition(" ")[0]].append(result)
        paces = {
            encoder: max(found, key=lambda pace: sum(pace.of_image)) for encoder, found in measured.items() if found
        }
        for encoder, pace in paces.items():
            early, late = (1000 * seconds for seconds in pace.of_image)
            say(
                f"{encoder}: {early:.1f} ms an image in early epochs, {late:.1f} in later ones "
                f"({1000 / late / pace.batch:.2f} steps a second), {pace.of_epoch:.1f} s for each epoch, "
                f"{pace.of_run:.0f} s for each run, waits for data {100 * pace.waiting:.1f} % of a step, "
                f"with {self.requested.workers} runs at once"
            )
        if len(paces) == len(first_of):
            self.kept.put({encoder: asdict(pace) for encoder, pace in paces.items()}, key)
        return paces

    def fields_of(self, experiment: Experiment) -> dict[str, object]:
        """Return the recipe fields of all runs of an experiment."""
        return {
            "data.source": f"camvid:{self.data / 'camvid'}",
            "train.device": self.requested.device,
            "train.compile": "auto",
            "train.keep_last": 1,
            "model.encoder": experiment.encoder,
            "model.weights": str(initial_weights(self.data / "weights", experiment.encoder) or "none"),
            **experiment.fields,
        }

    def make_plan(self) -> Plan:
        """Return what fits into the time. The epochs of all runs are those of the first call."""
        made = plan(
            self.experiments,
            self.paces,
            training_images(self.data / "camvid"),
            self.requested.workers,
            SPARE * (max(0.0, self.end - time.monotonic() - LAST) + self.requested.later),
            begun=self.kept.get("epochs"),
            share_left=self.share_left,
        )
        if made.runs:
            self.kept.put(made.epochs, "epochs")
        return made

    def share_left(self, run: Run) -> float:
        """Return the share of a run that is not trained yet."""
        if self.is_finished(run):
            return 0.0
        rows = self.out / RUNS / run.folder / "results.csv"
        done = len(rows.read_text("utf-8").splitlines()) - 1 if rows.is_file() else 0
        return max(0.0, 1 - done / run.epochs)

    def is_finished(self, run: Run) -> bool:
        """Return whether a run has ended."""
        return is_finished(self.out / RUNS / run.folder)

    def score(self, run: Run) -> str:
        """Return "mean IoU 57.0 %" of a finished run: what is printed is kept where OUT is lost."""
        return f"mean IoU {mean_iou(read_run(self.out / RUNS / run.folder)):.1f} %"

    def train(self, workers: Workers) -> None:
        """Train the runs that are not finished; keep each when it ends. Raise TimeoutError when the time is up."""
        tasks, by_folder = {}, {}
        for one in self.plan.runs:
            if self.is_finished(one):
                keep_finished(one, self.out, self.most)
                say(f"{one.folder}: {self.score(one)}, finished before")
                continue
            fields = self.fields_of(one.experiment) | {
                "train.seed": one.seed,
                "train.epochs": one.epochs,
                "train.validate_every": one.epochs,
                **({"data.fold": [one.fold, FOLDS]} if one.fold else {}),
            }
            by_folder[one.folder] = one
            tasks[one.folder] = Task(train_one, (one.experiment.recipe, fields, self.out / RUNS / one.folder))
        results = workers.results(tasks, lambda: self.end - LAST - 2 * self.writing)
        for folder, result in results:
            if isinstance(result, Failed):
                self.failed[folder] = result.why
                say(f"{folder} FAILED: {result.why}")
            else:
                keep_finished(by_folder[folder], self.out, self.most)
                say(f"{folder}: {self.score(by_folder[folder])}, {result:.0f} s")
            self.write()

    def write(self) -> None:
        """Write the results that leave the machine anew."""
        start = time.monotonic()
        write_results(self.out, self.plan.runs, self.summary(), self.most)
        self.writing = time.monotonic() - start

    def summary(self) -> dict[str, Any]:
        """Return what was done, as it is printed and written."""
        return {
            **self.device,
            "sharing": self.sharing,
            "workers": self.requested.workers,
            "plan": self.plan.notes,
            "experiments": summarize(self.plan.runs, self.out, self.data / "weights", self.paces, self.failed),
            "seconds": round(time.monotonic() - self.start),
        }


def say(text: str) -> None:
    """Print a line at once, beside the summary."""
    print(text, file=sys.stderr, flush=True)


def _stop(number: int, frame: object) -> NoReturn:
    """End the program as a time limit of the system asks for, after what is finished was written."""
    raise SystemExit(128 + number)
