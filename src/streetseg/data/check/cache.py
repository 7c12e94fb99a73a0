"""Cache of check results, so that files which have not changed are not read again.

A file CACHE/check/NAME.json holds, for each sample, the places of its files, their stamps and its `SampleStats`. NAME
is a hash of everything that affects the results: source, label space, size limit, and the version of the rules.
"""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from streetseg.atomic import atomic_write_text
from streetseg.data.check.sample import SampleStats
from streetseg.data.source import Sample, Source

log = logging.getLogger("streetseg")

_RULES = 4  # version of reading and checking; a new number makes all older entries invalid


class CheckCache:
    """The cached statistics of the samples of one source.

    Args:
        source: the data set.
        cache: folder to keep the file in; `default_cache()` is the user's.
    """

    def __init__(self, source: Source, cache: Path) -> None:
        space = source.space
        decides = [_RULES, source.spec, space.name, space.names, space.ignore_index, source.max_pixels]
        kind = source.spec.partition(":")[0]
        self._path = cache / "check" / f"{kind}-{hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]}.json"
        self._entries = self._load()
        self._changed = False

    def get(self, sample: Sample, stamp: str) -> SampleStats | None:
        """Return the statistics of a sample; None if there are none or its files have changed."""
        entry = self._entries.get(sample.name)
        if not isinstance(entry, dict) or entry.get("files") != [sample.image, sample.mask, stamp]:
            return None
        try:
            return SampleStats.from_json(entry["found"])
        except (KeyError, TypeError, ValueError, IndexError):  # a damaged entry counts as missing
            return None

    def keep(self, sample: Sample, stamp: str, stats: SampleStats) -> None:
        """Store the statistics of a sample. `stamp` must have been taken before its files were read."""
        self._entries[sample.name] = {"files": [sample.image, sample.mask, stamp], "found": stats.as_json()}
        self._changed = True

    def save(self) -> None:
        """Write the file if there are new entries. If it cannot be written, log a warning: only time is lost."""
        if not self._changed:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write_text(self._path, json.dumps(self._entries))
        except OSError as error:
            log.warning("check results cannot be saved (%s): %s", error.strerror or error, self._path)

    def _load(self) -> dict[str, Any]:
        try:
            entries = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return entries if isinstance(entries, dict) else {}
