"""The choice of engine "auto", measured once for a model on a machine and remembered in the cache folder."""

import hashlib
import json
import logging
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from streetseg.atomic import atomic_write_json, sha256
from streetseg.data.store import default_cache
from streetseg.errors import RequestError
from streetseg.inference.engines.engine import Engine
from streetseg.machine import cores, cpu_fact, installed_version, thread_limit
from streetseg.models.formats import LIBRARIES, format_of

log = logging.getLogger("streetseg")

FOLDER = "engines"  # in the cache folder


@dataclass(frozen=True)
class Choice:
    """An engine that was chosen by measurement.

    Args:
        engine: its name.
        precision: the precision in which it ran the model, as `Engine.precision`.
        milliseconds: engine in words -> median time for an image.
        size: height and width of the images of the measurement.
    """

    engine: str
    precision: str
    milliseconds: dict[str, float]
    size: tuple[int, int]

    def is_of(self, engine: Engine) -> bool:
        """Return whether this engine was chosen."""
        return (engine.name, engine.precision) == (self.engine, self.precision)


class Memory:
    """Remembers the choice for one exported model in one file of the cache folder.

    The file's name is a hash of all that can change the choice: the bytes of the model, the processor and the threads,
    the versions of the libraries, and what was requested. If one of these changes, engines are measured again.

    Args:
        model: the exported model.
        names: the engines that can run it.
        precision: the requested precision.
        many: whether the engines are set up for throughput.
    """

    def __init__(self, model: Path, names: Sequence[str], precision: str, *, many: bool) -> None:
        self._model, self._names = model, names
        self._request = {"precision": precision, "many": many}

    def recall(self) -> Choice | None:
        """Return the remembered choice; None if there is none, or it cannot be read."""
        try:
            found = json.loads(self._file().read_bytes())["choice"]
            return Choice(found["engine"], found["precision"], found["milliseconds"], tuple(found["size"]))
        except (OSError, RequestError, ValueError, KeyError, TypeError):
            return None

    def keep(self, choice: Choice) -> None:
        """Remember a choice. Where the cache cannot be written to, it is measured again the next time."""
        try:
            file = self._file()
            file.parent.mkdir(parents=True, exist_ok=True)
            atomic_write_json(file, {"model": self._model.name, "choice": asdict(choice), "holds_for": self._facts()})
        except (OSError, RequestError) as error:
            log.info("the choice of the engine is not remembered (%s)", error)

    def _file(self) -> Path:
        facts = json.dumps(self._facts(), sort_keys=True)
        return default_cache() / FOLDER / f"{hashlib.sha256(facts.encode()).hexdigest()[:24]}.json"

    def _facts(self) -> dict[str, Any]:
        form = format_of(self._model)
        files = form.files(self._model) if form else [self._model]
        return {
            "sha256": [sha256(file) for file in files],
            "processor": cpu_fact("model name") or platform.processor(),
            "threads": thread_limit() or cores(),
            "versions": {name: installed_version(LIBRARIES.get(name, name)) for name in ("streetseg", *self._names)},
            **self._request,
        }
