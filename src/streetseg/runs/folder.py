"""The run folder: what is in it, whether a run may use it, and its journal.jsonl: what happened, one line an event."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.atomic import remove_leftovers, without_nan
from streetseg.data.check.findings import Findings
from streetseg.data.store import Store
from streetseg.runtime.disk import check_folder, folder_in_use, room_for

WHAT = "the run folder"


@dataclass(frozen=True)
class RunFolder:
    """The places in a run folder."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def data(self) -> Path:
        return self.path / "data.json"

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def results(self) -> Path:
        return self.path / "results.csv"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        return self.path / "best"

    def require_usable(self, *, resume: bool) -> None:
        """Raises RequestError, with nothing written yet, if a run cannot or must not write here."""
        check_folder(self.path, WHAT, resume=resume)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """The folder, made where it is missing, this process's alone, and cleared of what a killed one half wrote.

        Raises:
            RequestError: if it cannot be written, or another process uses it.
        """
        with folder_in_use(self.path, WHAT):
            for name in ("", "checkpoints", "evaluation", "evaluation/errors", "plots"):
                remove_leftovers(self.path / name)
            yield


def describe_data(spec: str, stores: Sequence[Store], findings: Findings | None) -> dict[str, Any]:
    """Return the content of data.json: what each split holds, and how its files are stored."""
    space = stores[0].space
    stored = findings.as_json()["splits"] if findings else {}
    splits = {}
    for store in stores:
        pixels = class_pixels(store, findings)
        splits[store.split] = stored.get(store.split, {}) | {
            "images": len(store),
            "fingerprint": store.fingerprint,
            "counts": dict(zip(space.names, pixels[: space.num_classes].tolist(), strict=True)),
            "ignored": int(pixels[space.ignore_index]),
            "sequences": sorted({sample.sequence for sample in store.samples if sample.sequence}),
        }
    return {"spec": spec, "space": space.name, "splits": splits}


def class_pixels(store: Store, findings: Findings | None) -> NDArray[np.int64]:
    """Return the pixels of each id in a split, int64 (256,), as the check counted them in the masks.

    Scenes have no masks to check: their pixels are counted in the store.
    """
    return store.class_pixels if findings is None else findings.splits[store.split].class_pixels


class Journal:
    """Appends events to a file of JSON lines.

    Args:
        path: the file; made on the first event. Half a line at its end, left by a stop in the middle of writing, is
            cut off. None: nothing is written, as another process does it.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path is not None and path.exists():
            whole = path.read_bytes().rfind(b"\n") + 1
            os.truncate(path, whole)

    def write(self, event: str, **fields: Any) -> None:
        """Append one event with the time it happened (seconds since 1970); NaN and infinities become null.

        Raises:
            TrainingError: if there is no room for it.
        """
        if self.path is None:
            return
        happened = without_nan({"event": event, "time": round(time.time(), 3), **fields})
        line = json.dumps(happened, ensure_ascii=False, allow_nan=False)
        with room_for(self.path, len(line) + 1), self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
