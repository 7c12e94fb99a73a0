"""streetseg: street pictures in, compared and trusted segmentation networks out.

The public names are imported when they are first used, so that `import streetseg` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streetseg.data.open import open_source as open_source
    from streetseg.errors import StreetsegError as StreetsegError
    from streetseg.evaluation.evaluate import evaluate as evaluate
    from streetseg.inference.predictor import Predictor as Predictor
    from streetseg.labels.space import LabelSpace as LabelSpace
    from streetseg.labels.spaces import space as space
    from streetseg.models.bundle import load_bundle as load_bundle
    from streetseg.models.segmenter import Segmenter as Segmenter
    from streetseg.recipe.load import load_recipe as load_recipe
    from streetseg.recipe.schema import Recipe as Recipe
    from streetseg.study.compare import compare_runs as compare_runs
    from streetseg.training.train import train as train

    __version__: str

_HOMES = {
    "LabelSpace": "streetseg.labels.space",
    "Predictor": "streetseg.inference.predictor",
    "Recipe": "streetseg.recipe.schema",
    "Segmenter": "streetseg.models.segmenter",
    "StreetsegError": "streetseg.errors",
    "compare_runs": "streetseg.study.compare",
    "evaluate": "streetseg.evaluation.evaluate",
    "load_bundle": "streetseg.models.bundle",
    "load_recipe": "streetseg.recipe.load",
    "open_source": "streetseg.data.open",
    "space": "streetseg.labels.spaces",
    "train": "streetseg.training.train",
}

__all__ = [
    *_HOMES,
    "__version__",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("streetseg")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'streetseg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
