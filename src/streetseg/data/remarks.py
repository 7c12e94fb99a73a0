"""What is worth knowing about a data set, though it can be used."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from streetseg.data.looked import Looked
from streetseg.data.source import Sample, Source

Seen = Mapping[str, tuple[tuple[Sample, Looked], ...]]  # split -> its samples


@dataclass(frozen=True)
class Entry:
    """One file, or the two of a pair, and why they are mentioned."""

    places: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Remark:
    """One thing to know.

    Args:
        kind: a word for programs: skipped, turned, mask-turned, converted, void, one-class, absent, single, identical,
            alike, neighbours.
        text: the same for a person, with counts, in one line.
        entries: every file or pair it is about; none where it holds for all.
        care: whether scores or training may suffer; otherwise it was handled by a rule.
    """

    kind: str
    text: str
    entries: tuple[Entry, ...] = ()
    care: bool = True

    def as_json(self) -> dict[str, Any]:
        """Each entry with its files and the reason."""
        entries = [{"files": list(entry.places), "reason": entry.reason} for entry in self.entries]
        return {"kind": self.kind, "text": self.text, "entries": entries}


def file_remarks(source: Source, seen: Seen) -> Iterator[Remark]:
    """What single files give rise to."""
    skipped = tuple(Entry((place,), reason) for place, reason in source.survey.skipped.items())
    if skipped:
        yield Remark("skipped", source.survey.skipped_words, skipped, care=False)
    yield from _turned(seen)
    yield from _converted(seen)
    yield from _classes(source, seen)
    for split, samples in seen.items():
        if len(samples) == 1:
            yield Remark("single", f"split {split} has one picture; training takes two or more")


def _turned(seen: Seen) -> Iterator[Remark]:
    every = [pair for samples in seen.values() for pair in samples]
    turned = tuple(Entry((s.picture,), "EXIF orientation applied") for s, looked in every if looked.picture_turned)
    if turned:
        yield Remark("turned", f"{_pictures(len(turned))} turned upright by EXIF orientation", turned, care=False)
    masks = tuple(Entry((s.label,), "EXIF orientation not applied") for s, looked in every if looked.label_turned)
    if masks:
        yield Remark("mask-turned", f"{len(masks)} masks with an EXIF orientation, which is not applied", masks)


def _converted(seen: Seen) -> Iterator[Remark]:
    for split, samples in seen.items():
        converted = [(sample, looked) for sample, looked in samples if not _is_plain(looked.picture_stored)]
        if not converted:
            continue
        ways = Counter(looked.picture_stored for _, looked in converted)
        words = ", ".join(f"{count} {way}" for way, count in ways.items())
        uniform = len(ways) == 1 and len(converted) == len(samples)
        yield Remark(
            "converted",
            f"{_pictures(len(converted))} of {split} converted to 8-bit RGB: {words}",
            () if uniform else tuple(Entry((sample.picture,), looked.picture_stored) for sample, looked in converted),
            care=False,
        )


def _is_plain(stored: str) -> bool:
    return stored.startswith("RGB ") or stored == "drawn"


def _classes(source: Source, seen: Seen) -> Iterator[Remark]:
    """Masks in which nothing counts, and classes that a split does not show."""
    classes = source.space.num_classes
    total = sum(
        (looked.counts[:classes] for samples in seen.values() for _, looked in samples), np.zeros(classes, np.int64)
    )
    if np.count_nonzero(total) == 1:
        only = source.space.names[int(total.argmax())]
        yield Remark("one-class", f"the masks hold one class only ({only}): every network would score 100 %")
    for split, samples in seen.items():
        void = tuple(
            Entry((sample.label,), "every pixel is ignored")
            for sample, looked in samples
            if not looked.counts[:classes].any()
        )
        if void:
            yield Remark("void", f"{len(void)} of {len(samples)} masks of {split} hold nothing that counts", void)
        present = sum((looked.counts[:classes] for _, looked in samples), np.zeros(classes, np.int64))
        absent = [name for name, pixels in zip(source.space.names, present, strict=True) if not pixels]
        if absent and len(absent) < classes:
            yield Remark("absent", f"split {split} shows no {', '.join(absent)}")


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
