"""streetseg: street images in, compared and trusted segmentation networks out.

One function a command: `load`, `train`, `study`, `evaluate`, `predict`, `compare`, `check`, `audit`, `measure`,
`export`, `bench`, `calibrate`, `push`, `convert`, `fetch`, `init`, `networks`, `get_network`, `encoders`.
The public names are imported when they are first used, so that `import streetseg` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streetseg.api import audit as audit
    from streetseg.api import bench as bench
    from streetseg.api import calibrate as calibrate
    from streetseg.api import check as check
    from streetseg.api import compare as compare
    from streetseg.api import convert as convert
    from streetseg.api import encoders as encoders
    from streetseg.api import evaluate as evaluate
    from streetseg.api import export as export
    from streetseg.api import fetch as fetch
    from streetseg.api import get_network as get_network
    from streetseg.api import init as init
    from streetseg.api import load as load
    from streetseg.api import measure as measure
    from streetseg.api import networks as networks
    from streetseg.api import predict as predict
    from streetseg.api import push as push
    from streetseg.api import study as study
    from streetseg.api import train as train
    from streetseg.errors import StreetsegError as StreetsegError
    from streetseg.labels.space import LabelSpace as LabelSpace
    from streetseg.notebook import LiveCurves as LiveCurves
    from streetseg.notebook import show_batch as show_batch
    from streetseg.recipe.schema import Recipe as Recipe
    from streetseg.results import Run as Run
    from streetseg.training.callbacks import StopTraining as StopTraining

    __version__: str

_API = "streetseg.api"
_HOMES = {
    "LabelSpace": "streetseg.labels.space",
    "LiveCurves": "streetseg.notebook",
    "Recipe": "streetseg.recipe.schema",
    "Run": "streetseg.results",
    "StopTraining": "streetseg.training.callbacks",
    "StreetsegError": "streetseg.errors",
    "audit": _API,
    "bench": _API,
    "calibrate": _API,
    "check": _API,
    "compare": _API,
    "convert": _API,
    "encoders": _API,
    "evaluate": _API,
    "export": _API,
    "fetch": _API,
    "get_network": _API,
    "init": _API,
    "load": _API,
    "measure": _API,
    "networks": _API,
    "predict": _API,
    "push": _API,
    "show_batch": "streetseg.notebook",
    "study": _API,
    "train": _API,
}

__all__ = [
    *_HOMES,
    "__version__",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from streetseg.machine import program_version

        return program_version()
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'streetseg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
