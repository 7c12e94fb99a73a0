"""The budget of decoded images on the disk: `data.cache_gb`, or a share of the free disk."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from streetseg.text import size_text

SHARE = 0.5  # of the free disk that one store may take


@dataclass(frozen=True)
class Budget:
    """The largest size of a store that is built.

    Args:
        bytes: the size.
        exceeded: a phrase for a larger size: what it is above.
        is_default: nobody chose it; a store that exists is then used at any size, as it takes no more of the disk.
    """

    bytes: float
    exceeded: str
    is_default: bool


def budget(cache_gb: float | None, cache: Path, *, used: int = 0) -> Budget:
    """Return the budget for stores in a cache folder, which need not exist.

    Args:
        cache_gb: the size in GB, `data.cache_gb`; None: a share of the free disk.
        cache: the cache folder.
        used: bytes of a chosen size that another store of the run takes. The free disk has shrunk by itself.
    """
    if cache_gb is not None:
        words = f"are more than data.cache_gb={cache_gb:g} allows"
        return Budget(cache_gb * 1e9 - used, words + (" beside the other split" if used else ""), is_default=False)
    folder = next(place for place in (cache, *cache.absolute().parents) if place.exists())
    free = shutil.disk_usage(folder).free
    words = f"would be more than half of the {size_text(free)} free for {cache}; data.cache_gb=N allows more"
    return Budget(SHARE * free, words, is_default=True)
