"""The run folder: the paths of its files, whether a run may use it, data.json and the journal."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from streetseg.atomic import remove_leftovers, without_nan
from streetseg.data.check.findings import Findings
from streetseg.data.issues import MadeSplit
from streetseg.data.sources.with_extra import without_extra
from streetseg.data.splits import KeptSplit
from streetseg.data.store import Store
from streetseg.runtime.disk import check_folder, folder_in_use, free_space_for

if TYPE_CHECKING:
    from streetseg.json_files.data import DataFile, TrainedSplit

WHAT = "the run folder"


@dataclass(frozen=True)
class RunFolder:
    """The paths in a run folder."""

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
    def splits(self) -> Path:
        """Lists of the images of each split, where the program made the split."""
        return self.path / "splits"

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

    @property
    def test(self) -> Path:
        """Scores of the test split, where it is scored at the end of the run."""
        return self.path / "test"

    @property
    def trackers(self) -> Path:
        """What trackers write, unless they write elsewhere; what they remember of the run, and what they print."""
        return self.path / "trackers"

    def require_usable(self, *, resume: bool) -> None:
        """Raise RequestError if a run cannot or must not write here. Write nothing."""
        check_folder(self.path, WHAT, resume=resume)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Create and lock the folder for this process, and remove the temporary files of a killed process.

        Raises:
            RequestError: the folder cannot be written, or another process uses it.
        """
        with folder_in_use(self.path, WHAT):
            for name in ("", "checkpoints", "evaluation", "evaluation/errors", "test", "test/errors", "plots"):
                remove_leftovers(self.path / name)
            yield


def kept_split(model: Path) -> KeptSplit | None:
    """Return the split that the run of a model made and keeps; None where it has none or `model` is of no run.

    Args:
        model: a run folder, its best bundle, or any other model.
    """
    run = RunFolder(model.parent if model.name == "best" else model)
    try:
        spec = json.loads(run.data.read_bytes())["spec"]
    except (OSError, ValueError, KeyError, TypeError):  # no run; if it is a damaged one, its reader says so
        return None
    lists = {file.stem: file for file in sorted(run.splits.glob("*.txt"))}
    return KeptSplit(run.path, spec, lists) if lists else None


def describe_data(
    spec: str, stores: Sequence[Store], findings: Findings | None, made: MadeSplit | None = None
) -> "DataFile":
    """Return the content of data.json: size, fingerprint and class counts of each split, and its file formats; and how
    the split was made, where it is not that of the data."""
    space = stores[0].space
    split_findings = findings.as_json()["splits"] if findings else {}
    splits: dict[str, TrainedSplit] = {}
    for store in stores:
        pixels = class_pixels(store, findings)
        split: TrainedSplit = {
            "images": len(store),
            "fingerprint": store.fingerprint,
            "counts": dict(zip(space.names, pixels[: space.num_classes].tolist(), strict=True)),
            "ignored": int(pixels[space.ignore_index]),
            "sequences": sorted({sample.sequence for sample in store.samples if sample.sequence}),
        }
        if extra := len(store) - len(without_extra(store.samples)):
            split["extra"] = extra
        if (found := split_findings.get(store.split)) is not None:
            split |= {
                "sizes": found["sizes"],
                "images_stored": found["images_stored"],
                "masks_stored": found["masks_stored"],
                "turned": found["turned"],
            }
        splits[store.split] = split
    return {"spec": spec, "space": space.name, "splits": splits, "made": None if made is None else made.text}


def class_pixels(store: Store, findings: Findings | None) -> NDArray[np.int64]:
    """Return the number of pixels of each id in a split, int64 (256,), as the check counted them in the masks.

    Scenes have no masks to check; their pixels are counted in the store.
    """
    return store.class_pixels if findings is None else findings.splits[store.split].class_pixels


class Journal:
    """The journal of a run: a file of JSON lines, one per event.

    Args:
        path: the file; it is created with the first event. An incomplete last line, left by a process that was killed
            while it wrote, is removed. None: write nothing, because another process writes the journal.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path is not None and path.exists():
            whole = path.read_bytes().rfind(b"\n") + 1
            os.truncate(path, whole)

    def write(self, event: str, **fields: Any) -> None:
        """Append one event with the present time (seconds since 1970); NaN and infinities become null.

        Raises:
            TrainingError: the file cannot be written, for example because the disk is full.
        """
        if self.path is None:
            return
        record = without_nan({"event": event, "time": round(time.time(), 3), **fields})
        line = json.dumps(record, ensure_ascii=False, allow_nan=False)
        with free_space_for(self.path, len(line) + 1), self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
