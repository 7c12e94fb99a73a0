"""Compare the training steps of recipes, reading and augmentation included, in turns (A B A B).

    python benchmarks/recipe_step.py DATA RECIPE RECIPE... [--encoder NAME] [--weights NAME] [--rounds 10] [--json]

A recipe is a shipped name or a YAML file. All networks have the same initial weights, by default random ones; a recipe
that freezes layers needs trained ones. Each round takes one step of the first epoch and one of the last with every
recipe; ratios are of the medians, to the first recipe. Set OMP_NUM_THREADS for fewer threads than the machine has.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path

from alternating import alternating

from streetseg.profiler import Profiler
from streetseg.recipe.load import load_recipe
from streetseg.runtime.device import choose_device
from streetseg.runtime.distributed import ALONE
from streetseg.runtime.memory import keep_freed_memory
from streetseg.training.fit import step
from streetseg.training.own import Own
from streetseg.training.prepare import make_or_restore, prepare


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--encoder", default="mobilenetv2_100")
    parser.add_argument("--weights", default="none")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="one machine-readable object on stdout")
    args = parser.parse_args()
    keep_freed_memory()
    with tempfile.TemporaryDirectory(prefix="streetseg-") as folder:
        figures = {
            epoch: measured(args, Path(folder) / epoch, last=epoch == "last epoch")
            for epoch in ("first epoch", "last epoch")
        }
    if args.json:
        print(json.dumps(figures))
        return
    for epoch, of_recipe in figures.items():
        for name, (milliseconds, ratio) in of_recipe.items():
            print(f"{epoch}  {name}: {milliseconds:.0f} ms a step, {ratio:.2f} of {args.recipes[0]}")


def measured(args: argparse.Namespace, folder: Path, *, last: bool) -> dict[str, tuple[float, float]]:
    """Return recipe -> milliseconds of a step of its first or last epoch, and their ratio to the first recipe's."""
    steps = {name: step_of(name, args, folder / str(i), last) for i, name in enumerate(args.recipes)}
    times = alternating(steps, args.rounds)
    return {name: (time, time / times[args.recipes[0]]) for name, time in times.items()}


def step_of(recipe: str, args: argparse.Namespace, folder: Path, last: bool) -> Callable[[], object]:
    """Return a function that takes the next training step of an epoch of the recipe."""
    fields = {"data.source": args.data, "model.encoder": args.encoder, "model.weights": args.weights}
    loaded = load_recipe(recipe, flags=fields | {"train.compile": "off"})
    device = choose_device(loaded.train.device, ALONE)
    run = prepare(loaded, folder, ALONE, device, Profiler(), Own(), resume=False, force=False)
    train_state, _, _ = make_or_restore(run)
    train_state.network.train()
    epoch = run.length.epochs if last else 1
    batches = chain.from_iterable(run.batches_of(number) for number in repeat(epoch))
    return lambda: step(train_state, next(batches))


if __name__ == "__main__":
    main()
