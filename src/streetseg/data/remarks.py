"""What is worth knowing about a data set, though it can be used."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from streetseg.data.looked import Looked
from streetseg.data.pictures import joined_range, range_cure, range_words
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
        kind: a word for programs: skipped, unread, turned, turned-or-not, mask-turned, range, converted, void, absent,
            single, identical, alike, neighbours.
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
    unread = tuple(Entry((place,), cure) for place, cure in source.survey.unread.items())
    if unread:
        yield Remark("unread", source.survey.unread_words, unread)
    yield from _turned(seen)
    yield from _ranges(source, seen)
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
    either = tuple(Entry((s.picture,), "the mask fits both ways") for s, looked in every if looked.fits_unturned)
    if either:
        many = f"{len(either)} images are turned by EXIF and their masks have"
        what = "1 image is turned by EXIF and its mask has" if len(either) == 1 else many
        cure = "if the masks were drawn on the images as stored, use data.exif=ignore"
        yield Remark("turned-or-not", f"{what} the same size either way: {cure}", either)
    masks = tuple(Entry((s.label,), "EXIF orientation not applied") for s, looked in every if looked.label_turned)
    if masks:
        yield Remark("mask-turned", f"{len(masks)} masks with an EXIF orientation, which is not applied", masks)


def _ranges(source: Source, seen: Seen) -> Iterator[Remark]:
    """16-bit images whose values the recipe's range fits badly, and a range that no image needs."""
    deep = {
        split: [(sample, looked.values) for sample, looked in samples if looked.values is not None]
        for split, samples in seen.items()
    }
    every = [values for found in deep.values() for _, values in found]
    for split, found in deep.items():
        if found and (words := range_words(joined_range([values for _, values in found]), source.reading)):
            entries = tuple(Entry((sample.picture,), f"{low}..{high}") for sample, (low, high) in found)
            count = f"{len(found)} of {len(seen[split])} images of {split} have 16 bits and"
            yield Remark("range", f"{count} {words}; {range_cure(joined_range(every))} fits them", entries)
    if source.reading.range != "full" and any(seen.values()) and not every:
        yield Remark("range", f"data.range={source.reading.range} changes nothing: no image has 16 bits")


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
    return stored == "drawn" or (stored.startswith("RGB ") and "dropped" not in stored)


def _classes(source: Source, seen: Seen) -> Iterator[Remark]:
    """Masks in which nothing counts, and classes that a split does not show."""
    classes = source.space.num_classes
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
