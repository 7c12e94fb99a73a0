"""Leaks between splits: images of one split that are copies, near copies or video neighbors of another split's."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations

from streetseg.data.check.perceptual_hash import ALIKE, BITS, nearest
from streetseg.data.check.remarks import Entry, Remark, Seen
from streetseg.data.check.sample import SampleStats
from streetseg.data.source import Sample

SECONDS = 2.0  # frames of one video that are at most this far apart show the same street
_ROUNDING = 1e-6  # times are rounded: they are frame numbers divided by a frame rate

Samples = Sequence[tuple[Sample, SampleStats]]


def leaks(seen: Seen, divisible: Collection[str] = (), command: str = "") -> Iterator[Remark]:
    """Yield remarks for each two splits: the images of the later split with a counterpart in the earlier one.

    Args:
        seen: the splits.
        divisible: the splits whose leaks data.split=auto mends; a last remark says so.
        command: that checks the data set.
    """
    mended = False
    for (first, earlier), (second, later) in combinations(seen.items(), 2):
        if not earlier or not later:
            continue
        identical, alike = _copies(earlier, later)
        neighbors = _neighbors(earlier, later)
        mended |= {first, second} <= set(divisible) and any((identical, alike, neighbors))
        if identical:
            text = f"{len(identical)} of {len(later)} images of {second} are in {first} too, pixel for pixel"
            yield Remark("identical", text, identical)
        if alike:
            text = f"{len(alike)} of {len(later)} images of {second} look nearly the same as one of {first}"
            yield Remark("alike", text, alike)
        if neighbors:
            yield Remark(
                "neighbors",
                f"{len(neighbors)} of {len(later)} images of {second} are within {SECONDS:g} s of one of {first} "
                "in the same video",
                neighbors,
            )
    if mended:
        text = f"data.split=auto divides {' and '.join(divisible)} anew, so that images which belong together stay so;"
        yield Remark("divide", f"{text} {command} data.split=auto --write-splits DIR  writes the lists", care=False)


def _copies(earlier: Samples, later: Samples) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """Return the pairs with equal pixels, and the pairs that look nearly the same, the most similar first."""
    by_content = {stats.content: sample for sample, stats in reversed(earlier)}
    closest, bits = nearest(
        [stats.perceptual_hash for _, stats in later], [stats.perceptual_hash for _, stats in earlier]
    )
    identical: list[Entry] = []
    alike: list[tuple[int, Entry]] = []
    for (sample, stats), index, differing in zip(later, closest, bits, strict=True):
        if twin := by_content.get(stats.content):
            identical.append(Entry((sample.image, twin.image), "the same pixels"))
        elif differing <= ALIKE:
            reason = f"{differing} of {BITS} bits of their perceptual hashes differ"
            alike.append((int(differing), Entry((sample.image, earlier[index][0].image), reason)))
    return tuple(identical), _closest_first(alike)


def _neighbors(earlier: Samples, later: Samples) -> tuple[Entry, ...]:
    """Return each later frame that has an earlier frame of the same video within `SECONDS`; nearest first."""
    videos: dict[str, list[tuple[float, str]]] = {}
    for sample, _ in earlier:
        if sample.sequence is not None and sample.seconds is not None:
            videos.setdefault(sample.sequence, []).append((sample.seconds, sample.image))
    for frames in videos.values():
        frames.sort()
    near: list[tuple[float, Entry]] = []
    for sample, _ in later:
        if sample.sequence is None or sample.seconds is None or sample.sequence not in videos:
            continue
        frames = videos[sample.sequence]
        after = bisect_left(frames, (sample.seconds, ""))
        beside = frames[max(0, after - 1) : after + 1]
        apart, image = min((abs(seconds - sample.seconds), image) for seconds, image in beside)
        if apart <= SECONDS + _ROUNDING:
            near.append((apart, Entry((sample.image, image), f"{apart:.2f} s apart in video {sample.sequence}")))
    return _closest_first(near)


def _closest_first(measured: Sequence[tuple[float, Entry]]) -> tuple[Entry, ...]:
    return tuple(entry for _, entry in sorted(measured, key=lambda pair: pair[0]))
