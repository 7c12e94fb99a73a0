"""The two splits of a run: there, sound, decoded, and close to where they are trained on."""

import torch

from streetseg.data.batches import Resident, resident_bytes
from streetseg.data.check.check import check_source, require_splits
from streetseg.data.check.findings import Findings, require_labels, require_two_classes
from streetseg.data.source import Source
from streetseg.data.store import Store, default_cache
from streetseg.errors import DataError
from streetseg.recipe.schema import Recipe
from streetseg.runtime.memory import available_bytes

RESIDENT_SHARE = 0.25  # of the free GPU memory that the pictures may take: the rest is the network's


def require_pictures(source: Source, recipe: Recipe) -> None:
    """Raises DataError if one of the two splits is missing or empty, or the training split has too few pictures."""
    split = recipe.data.train_split
    require_splits(source, (split, recipe.data.val_split))
    if len(source.splits.get(split, ())) == 1:
        raise DataError(f"split {split!r} has one picture, batch norm needs two or more", where=source.spec)


def check_files(source: Source, recipe: Recipe) -> Findings | None:
    """What every file of the two splits holds; None for drawn pictures, which have no files.

    Raises:
        DataError: files cannot be used, all of a split is ignored, or there is one class only.
    """
    train, val = recipe.data.train_split, recipe.data.val_split
    if source.spec == "scenes":
        return None
    findings = check_source(source, (train, val))
    require_labels(findings, train, hint="data.train_split=NAME chooses another")
    require_labels(findings, val, hint="data.val_split=NAME chooses another")
    require_two_classes(findings, train)
    return findings


def open_stores(source: Source, recipe: Recipe) -> tuple[Store, Store]:
    """The decoded training and validation pictures; the latter's labels keep their own resolution."""
    size, cache = recipe.data.size, default_cache()
    return (
        Store.open(source, recipe.data.train_split, size=size, resize_labels=True, cache=cache),
        Store.open(source, recipe.data.val_split, size=size, resize_labels=False, cache=cache),
    )


def resident_split(store: Store, device: torch.device) -> tuple[Resident | None, list[str]]:
    """The training pictures in the GPU's own memory, if there are a GPU and room; and what is to be said of it."""
    if device.type != "cuda":
        return None, []
    needed, free = resident_bytes(store), available_bytes(device)
    if needed is None:
        return None, ["the training pictures differ in size: each batch is fetched from main memory"]
    asked = f"{needed / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free"
    if needed > RESIDENT_SHARE * free:
        return None, [
            f"the training pictures are too large for the GPU ({asked}): each batch is fetched from main memory"
        ]
    return Resident(store, device), [f"the training pictures lie on the GPU ({asked})"]
