"""The stores in the cache folder: what they hold, how large they are, and their removal."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from streetseg.atomic import remove_folder
from streetseg.data.build_store import INDEX, STORES, Index, locked, read_index, stores_in
from streetseg.data.files import exists
from streetseg.text import counted, size_text

log = logging.getLogger("streetseg")

GONE, OUTDATED = "its images were moved or removed", "unfinished, or of another version of streetseg"


@dataclass(frozen=True)
class CachedStore:
    """A store in the cache folder.

    Args:
        folder: its folder.
        index: its index; None if it cannot be read.
        bytes: its size on the disk.
        last_use: when it was last opened, in seconds since 1970.
        unused: why no command will open it again; None if one may.
    """

    folder: Path
    index: Index | None
    bytes: int
    last_use: float
    unused: str | None


def cached_stores(cache: Path) -> list[CachedStore]:
    """Return the stores in a cache folder, which need not exist; the last used one first."""
    folders = [path for path in (cache / STORES).glob("*") if path.is_dir()]
    stores = []
    for store in (store for folder in folders for store in stores_in(folder)):
        with suppress(FileNotFoundError):  # another process removes it
            stores.append(_described(store))
    return sorted(stores, key=lambda store: -store.last_use)


def _described(folder: Path) -> CachedStore:
    index = read_index(folder)
    facts = [path.stat() for path in (*folder.glob("*"), folder)]
    used = (folder / INDEX).stat().st_mtime if index else facts[-1].st_mtime
    unused = OUTDATED if index is None else GONE if index["example"] and not exists(index["example"]) else None
    return CachedStore(folder, index, sum(fact.st_size for fact in facts[:-1]), used, unused)


def remove_stores(stores: Iterable[CachedStore]) -> tuple[list[CachedStore], list[CachedStore]]:
    """Remove stores. Return those that were removed, and those that are kept because another process builds or removes
    one, or because they cannot be removed.

    A process that reads a removed store keeps its files until it ends; on Windows the store is kept.
    """
    removed, kept = [], []
    for store in stores:
        try:
            with locked(store.folder.parent, timeout=0):
                remove_folder(store.folder)
            removed.append(store)
        except OSError:  # also filelock.Timeout
            kept.append(store)
    return removed, kept


def drop_unused(cache: Path) -> None:
    """Remove the stores that no command will open again, and log it."""
    removed, _ = remove_stores(store for store in cached_stores(cache) if store.unused)
    for why in (GONE, OUTDATED):
        dropped = [store for store in removed if store.unused == why]
        if dropped:
            size = size_text(sum(store.bytes for store in dropped))
            log.info("dropped %s of decoded images, %s: %s", counted(len(dropped), "store"), size, why)
