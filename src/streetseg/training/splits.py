"""The two splits of a run: checked, decoded, and cached on the GPU where they fit."""

import torch

from streetseg.data.augment.augment import largest_scale
from streetseg.data.batches import DeviceCache, device_cache_bytes
from streetseg.data.budget import budget
from streetseg.data.check.check import check_source, require_splits
from streetseg.data.check.findings import Findings, require_labels, require_two_classes
from streetseg.data.source import Source
from streetseg.data.store import Store, default_cache
from streetseg.errors import DataError
from streetseg.recipe.schema import Recipe
from streetseg.runtime.memory import available_bytes

DEVICE_CACHE_SHARE = 0.25  # of the free GPU memory that the images may take; the network needs the rest


def require_images(source: Source, recipe: Recipe) -> None:
    """Raise DataError if one of the two splits is missing or empty, or the training split has one image only."""
    split = recipe.data.train_split
    require_splits(source, (split, recipe.data.val_split))
    if len(source.splits.get(split, ())) == 1:
        raise DataError(f"split {split!r} has one image, batch norm needs two or more", where=source.spec)


def check_files(source: Source, recipe: Recipe) -> Findings | None:
    """Return what the check found in the files of the two splits; None for scenes, which have no files.

    Raises:
        DataError: files cannot be used, all pixels of a split are ignored, or there is one class only.
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
    """Return the decoded training and validation splits.

    Validation images are kept at the size at which the network sees them, their labels at their own resolution.
    """
    data, cache = recipe.data, default_cache()
    train = open_train_store(source, recipe)
    limit = budget(data.cache_gb, cache, used=0 if train.on_the_fly else train.bytes)
    val = Store.open(source, data.val_split, size=data.size, resize_labels=False, cache=cache, limit=limit)
    return train, val


def open_train_store(source: Source, recipe: Recipe) -> Store:
    """Return the decoded training split.

    Images and labels are kept at the size at which the network sees the image, or smaller if augmentation always
    makes them smaller.
    """
    data, cache = recipe.data, default_cache()
    return Store.open(
        source,
        data.train_split,
        size=data.size,
        resize_labels=True,
        cache=cache,
        limit=budget(data.cache_gb, cache),
        reduced=largest_scale(recipe.augment),
    )


def device_cache_split(store: Store, device: torch.device) -> tuple[DeviceCache | None, list[str]]:
    """Return the training images in the memory of the GPU, where they fit, and lines that say so.

    On a CPU, and where they do not fit, the first is None.
    """
    if device.type != "cuda":
        return None, []
    needed, free = device_cache_bytes(store), available_bytes(device)
    if needed is None:
        return None, ["the training images differ in size: each batch is fetched from main memory"]
    requested = f"{needed / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free"
    if needed > DEVICE_CACHE_SHARE * free:
        return None, [
            f"the training images are too large for the GPU ({requested}): each batch is fetched from main memory"
        ]
    return DeviceCache(store, device), [f"the training images lie on the GPU ({requested})"]
