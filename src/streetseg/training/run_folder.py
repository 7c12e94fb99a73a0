"""The run folder: what is in it, and whether a run may use it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from streetseg.atomic import remove_leftovers
from streetseg.data.check import Findings
from streetseg.data.store import Store
from streetseg.errors import RequestError


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

    def refuse_used(self) -> None:
        """Raises RequestError if something is in the folder already, or it is none."""
        if self.path.exists() and not self.path.is_dir():
            raise RequestError("the run folder is a file", where=self.path, hint="choose another with --out")
        if self.path.exists() and any(self.path.iterdir()):
            raise RequestError(
                "the run folder is not empty",
                where=self.path,
                hint="take the run up again with --resume, or choose another folder with --out",
            )

    def make(self) -> None:
        """Make the folder, or clear away what a killed run left half-written in it.

        Raises:
            RequestError: if it cannot be made or written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe = self.path / ".writable"
            probe.touch()
            probe.unlink()
            remove_leftovers(self.path)
            remove_leftovers(self.checkpoints)
        except OSError as error:
            raise RequestError(f"the run folder cannot be written ({error.strerror})", where=self.path) from error


def describe_data(spec: str, stores: Sequence[Store], findings: Findings | None) -> dict[str, Any]:
    """data.json: what each split holds, counted pixel by pixel in the decoded data, and how its files are stored."""
    space = stores[0].space
    stored = findings.as_json()["splits"] if findings else {}
    splits = {}
    for store in stores:
        pixels = class_pixels(store)
        splits[store.split] = stored.get(store.split, {}) | {
            "images": len(store),
            "fingerprint": store.fingerprint,
            "counts": dict(zip(space.names, pixels[: space.num_classes].tolist(), strict=True)),
            "ignored": int(pixels[space.ignore_index]),
            "sequences": sorted({sample.sequence for sample in store.samples if sample.sequence}),
        }
    return {"spec": spec, "space": space.name, "splits": splits}


def class_pixels(store: Store) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Pixels of each id in a store's labels, int64 (256,)."""
    total = np.zeros(256, dtype=np.int64)
    for index in range(len(store)):
        total += np.bincount(store[index][1].ravel(), minlength=256)
    return total
