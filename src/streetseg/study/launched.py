"""A run of a study in several processes: `streetseg train` with the recipe of that run."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from streetseg.recipe.schema import Recipe
from streetseg.recipe.write import recipe_yaml
from streetseg.runtime.launch import launch


def train_in_processes(recipe: Recipe, folder: Path, processes: int, flags: Mapping[str, bool]) -> None:
    """Train one network as `training.train` does, in so many processes. Raises what that raises.

    Args:
        flags: of `streetseg train`, and whether each is wanted.
    """
    with TemporaryDirectory(prefix="streetseg-") as place:
        file = Path(place) / "recipe.yaml"
        file.write_text(recipe_yaml(recipe), encoding="utf-8")
        words = [*words_of_run(recipe, file), "--out", str(folder), *(flag for flag, wanted in flags.items() if wanted)]
        launch(words, processes, heard=False)


def words_of_run(recipe: Recipe, file: Path) -> list[str]:
    """`train DATA ...` for a recipe that is also in a file.

    What is the run's own stands in the words, because the environment would win over the file.
    """
    model, train = recipe.model, recipe.train
    own = ["--encoder", model.encoder, "--weights", model.weights, "--seed", str(train.seed)]
    return ["train", recipe.data.source, f"train.precision={train.precision}", "--recipe", str(file), *own]
