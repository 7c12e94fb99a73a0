"""Remarks: properties of a data set that a user should know although the data can be used."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streetseg.data.check.sample import SampleStats
from streetseg.data.images import joined_range, range_cure, range_words
from streetseg.data.source import Sample, Source
from streetseg.labels.space import Color
from streetseg.text import counted

if TYPE_CHECKING:
    from streetseg.json_files.data import Remark as RemarkJson
    from streetseg.json_files.data import RemarkEntry

Seen = Mapping[str, tuple[tuple[Sample, SampleStats], ...]]  # split -> its samples and their statistics


@dataclass(frozen=True)
class Entry:
    """One file, or a pair of files, and the reason why a remark names it."""

    places: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Remark:
    """One remark.

    Args:
        kind: a keyword for programs: no-split, unused, skipped, unread, turned, turned-or-not, mask-turned, range,
            converted, mixed-masks, transparent, near, other, palettes, void, one-class, absent, single, jumps,
            identical, alike, neighbors, divide.
        text: one line for a person, with counts.
        entries: every file or pair that the remark concerns; empty if it concerns the whole data set.
        care: True if training or scores may suffer; False if a documented rule handles it.
    """

    kind: str
    text: str
    entries: tuple[Entry, ...] = ()
    care: bool = True

    def as_json(self) -> "RemarkJson":
        """Return the remark for data.json and `--json`."""
        entries: list[RemarkEntry]
        entries = [{"files": list(entry.places), "reason": entry.reason} for entry in self.entries]
        return {"kind": self.kind, "text": self.text, "entries": entries}


def file_remarks(source: Source, seen: Seen) -> Iterator[Remark]:
    """Yield the remarks on single files and on the labels."""
    skipped = tuple(Entry((place,), reason) for place, reason in source.survey.skipped.items())
    if skipped:
        yield Remark("skipped", source.survey.skipped_words, skipped, care=False)
    unread = tuple(Entry((place,), cure) for place, cure in source.survey.unread.items())
    if unread:
        yield Remark("unread", source.survey.unread_words, unread)
    yield from _turned(seen)
    yield from _ranges(source, seen)
    yield from _converted(seen)
    yield from _kinds_of_masks(seen)
    yield from _counted_pixels(seen)
    yield from _palettes(seen)
    yield from _classes(source, seen)
    for split, samples in seen.items():
        if len(samples) == 1:
            yield Remark("single", f"split {split} has one image; training takes two or more")


def _turned(seen: Seen) -> Iterator[Remark]:
    every = [pair for samples in seen.values() for pair in samples]
    turned = tuple(Entry((s.image,), "EXIF orientation applied") for s, stats in every if stats.image_turned)
    if turned:
        yield Remark(
            "turned", f"{counted(len(turned), 'image')} turned upright by EXIF orientation", turned, care=False
        )
    either = tuple(Entry((s.image,), "the mask fits both ways") for s, stats in every if stats.fits_unturned)
    if either:
        many = f"{len(either)} images are turned by EXIF and their masks have"
        what = "1 image is turned by EXIF and its mask has" if len(either) == 1 else many
        cure = "if the masks were drawn on the images as stored, use data.exif=ignore"
        yield Remark("turned-or-not", f"{what} the same size either way: {cure}", either)
    masks = tuple(Entry((s.mask,), "EXIF orientation not applied") for s, stats in every if stats.mask_turned)
    if masks:
        yield Remark("mask-turned", f"{len(masks)} masks with an EXIF orientation, which is not applied", masks)


def _ranges(source: Source, seen: Seen) -> Iterator[Remark]:
    """Yield remarks on 16-bit images whose values do not fit `data.range`, and on a range that no image needs."""
    deep = {
        split: [(sample, stats.values) for sample, stats in samples if stats.values is not None]
        for split, samples in seen.items()
    }
    every = [values for images in deep.values() for _, values in images]
    for split, images in deep.items():
        if images and (words := range_words(joined_range([values for _, values in images]), source.reading)):
            entries = tuple(Entry((sample.image,), f"{low}..{high}") for sample, (low, high) in images)
            count = f"{len(images)} of {len(seen[split])} images of {split} have 16 bits and"
            yield Remark("range", f"{count} {words}; {range_cure(joined_range(every))} fits them", entries)
    if source.reading.range != "full" and any(seen.values()) and not every:
        yield Remark("range", f"data.range={source.reading.range} changes nothing: no image has 16 bits")


def _converted(seen: Seen) -> Iterator[Remark]:
    for split, samples in seen.items():
        converted = [(sample, stats) for sample, stats in samples if not _is_plain(stats.image_stored)]
        if not converted:
            continue
        ways = Counter(stats.image_stored for _, stats in converted)
        words = ", ".join(f"{count} {way}" for way, count in ways.items())
        uniform = len(ways) == 1 and len(converted) == len(samples)
        yield Remark(
            "converted",
            f"{counted(len(converted), 'image')} of {split} converted to 8-bit RGB: {words}",
            () if uniform else tuple(Entry((sample.image,), stats.image_stored) for sample, stats in converted),
            care=False,
        )


def _kinds_of_masks(seen: Seen) -> Iterator[Remark]:
    """Yield a remark if the masks are of several kinds, for example written by two tools."""
    every = [(sample, stats) for samples in seen.values() for sample, stats in samples]
    kinds = Counter((stats.mask_mode, stats.mask.reading) for _, stats in every)
    if len({mode for mode, _ in kinds}) < 2:
        return
    words = {"id": " read by id", "color": " read by color", "either": "", "": ""}
    (usual, _), *_ = kinds.most_common(1)
    yield Remark(
        "mixed-masks",
        f"masks are of {len(kinds)} kinds: "
        + ", ".join(f"{count} {mode}{words[reading]}" for (mode, reading), count in kinds.most_common()),
        tuple(
            Entry((sample.mask,), stats.mask_stored + words[stats.mask.reading])
            for sample, stats in every
            if (stats.mask_mode, stats.mask.reading) != usual
        ),
        care=len({reading for _, reading in kinds} & {"id", "color"}) > 1 or "1" in {mode for mode, _ in kinds},
    )


def _counted_pixels(seen: Seen) -> Iterator[Remark]:
    """Yield a remark for each kind of pixels that are not labeled by their own value."""
    for kind, words in (
        ("transparent", "transparent pixels, which are ignored"),
        ("near", "colors of no class, taken for the nearest within the tolerance"),
        ("other", "ids or colors of no class, which are ignored"),
    ):
        masks = [
            (sample, pixels, stats.size)
            for samples in seen.values()
            for sample, stats in samples
            if (pixels := getattr(stats.mask, kind))
        ]
        if masks:
            total = sum(pixels for _, pixels, _ in masks)
            yield Remark(
                kind,
                f"{len(masks)} masks have {words} ({total:,} pixels)",
                tuple(Entry((s.mask,), f"{pixels:,} of {h * w:,} pixels") for s, pixels, (h, w) in masks),
            )


def _palettes(seen: Seen) -> Iterator[Remark]:
    """Yield a remark if palettes give one index several colors: its class may differ from mask to mask."""
    shown: dict[int, Counter[Color]] = {}
    every = [(sample, stats) for samples in seen.values() for sample, stats in samples if stats.mask.palette]
    for _, stats in every:
        for index, color in stats.mask.palette.items():
            shown.setdefault(index, Counter())[color] += 1
    usual = {index: colors.most_common(1)[0][0] for index, colors in shown.items()}
    entries = []
    for sample, stats in every:
        unlike = [index for index, color in stats.mask.palette.items() if color != usual[index]]
        if unlike:
            words = ", ".join(f"{index} is {stats.mask.palette[index]}" for index in unlike[:3])
            entries.append(Entry((sample.mask,), words))
    if entries:
        index = max(shown, key=lambda index: len(shown[index]))
        colors = " and ".join(f"{color} in {count}" for color, count in shown[index].most_common(3))
        yield Remark(
            "palettes",
            "palettes contradict each other, a class may mean another thing from mask to mask:"
            f" index {index} is {colors}",
            tuple(entries),
        )


def _is_plain(stored: str) -> bool:
    return stored == "drawn" or (stored.startswith("RGB ") and "dropped" not in stored)


def _classes(source: Source, seen: Seen) -> Iterator[Remark]:
    """Yield remarks on data of one class, masks that are wholly ignored, and classes that a split lacks."""
    classes = source.space.num_classes
    total = sum(
        (stats.counts[:classes] for samples in seen.values() for _, stats in samples), np.zeros(classes, np.int64)
    )
    if np.count_nonzero(total) == 1:
        only = source.space.names[int(total.argmax())]
        yield Remark(
            "one-class", f"the masks hold one class only ({only}): a network that always predicts it scores 100 %"
        )
    for split, samples in seen.items():
        void = tuple(
            Entry((sample.mask,), "every pixel is ignored")
            for sample, stats in samples
            if not stats.counts[:classes].any()
        )
        if void:
            yield Remark("void", f"{len(void)} of {len(samples)} masks of {split} hold nothing that counts", void)
        present = sum((stats.counts[:classes] for _, stats in samples), np.zeros(classes, np.int64))
        absent = [name for name, pixels in zip(source.space.names, present, strict=True) if not pixels]
        if absent and len(absent) < classes:
            yield Remark("absent", f"split {split} shows no {', '.join(absent)}")
