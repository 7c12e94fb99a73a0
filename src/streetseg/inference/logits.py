"""From images to logits: one function for validation, evaluation, prediction and the checks of an export."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Array, Size, bilinear_taps
from streetseg.errors import RequestError
from streetseg.inference.backend import operations

Network = Callable[[Array], Array]  # (B, 3, H, W), RGB 0..255 -> logits float32 (B, C, H, W)
Region = tuple[slice, slice]  # rows and columns

TTA_SCALES = (0.75, 1.0, 1.25)  # each used unchanged and mirrored


@dataclass(frozen=True)
class Views:
    """The views whose logits are averaged: each scale of the image, with `flip` also mirrored."""

    scales: tuple[float, ...]
    flip: bool


TTA = Views(TTA_SCALES, flip=True)


def views_of(tta: bool | Views) -> Views | None:
    """Return the views that are averaged; None for the image alone."""
    return TTA if tta is True else tta or None


# Stride of the deepest features. Tiles start on its multiples, so that the feature grid of a tile is part of the whole
# image's.
STRIDE = 32
SMALLEST_TILE = 128
RAMP = 16  # pixels over which one window replaces the next
_WEIGHTS = np.array([0, *((np.arange(RAMP) + 0.5) / RAMP)], np.float32)  # of the next window; the first keeps the last
BAND_BYTES = 2**22  # most bytes of the logits of one region


def predict_logits(
    network: Network,
    images: Array,
    *,
    size: Size | None = None,
    out: Size | None = None,
    tta: bool | Views = False,
    tile: int | None = None,
) -> Array:
    """Return the logits of a batch of images, float32 (B, C, *out).

    Args:
        network: in evaluation mode; takes arrays of the kind of `images` (torch: on the same device).
        images: uint8 RGB (B, 3, H, W), a numpy array or a torch tensor; the logits are of the same kind.
        size: the height and width at which the network sees the images; None for their own.
        out: the height and width of the logits; None for the images' own.
        tta: the views to average the logits over; True for `TTA` (6 passes).
        tile: side of the square windows that the network sees one at a time, for images too large for the memory; a
            multiple of 32, at least 128. Windows overlap by 64 pixels for each 256 of the side. In the middle of
            the overlap the weight of one falls to 0 while that of the next rises; nearer to an edge, none is used.

    Raises:
        RequestError: `tile` is no such size.
    """
    own = (images.shape[-2], images.shape[-1])
    size, out = size or own, out or own
    views = views_of(tta)
    if views is None:
        return _view(network, images, size, out, tile)
    backend = operations(images)
    total: Array = None
    for scale in views.scales:
        scaled = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        view = _view(network, images, scaled, out, tile)
        if views.flip:
            view = view + backend.mirrored(_view(network, backend.mirrored(images), scaled, out, tile))
        total = view if total is None else total + view
    return total / (len(views.scales) * (2 if views.flip else 1))


def require_tile(tile: int | None) -> None:
    """Raise RequestError for a side of tiles that the stride of the deepest features does not divide."""
    if tile is not None and (tile < SMALLEST_TILE or tile % STRIDE):
        raise RequestError(
            f"a tile is {tile} pixels wide (expected a multiple of {STRIDE}, {SMALLEST_TILE} or more)",
            where="--tile",
            hint=f"--tile {max(SMALLEST_TILE, -(-tile // STRIDE) * STRIDE)}",
        )


def predict_regions(
    network: Network, images: Array, *, size: Size, out: Size, tile: int | None
) -> Iterator[tuple[Region, Array]]:
    """Yield the logits part by part, so that memory is bounded for any image size and number of classes.

    Arguments and errors are those of `predict_logits`; without `tile` the network sees the whole image at once.

    Yields:
        A region of (H, W) = `out` and its logits float32 (B, C, h, w). The regions cover each pixel of `out` once.
    """
    require_tile(tile)
    images = operations(images).resize_images(images, size)
    taps_y, taps_x = bilinear_taps(size[0], out[0]), bilinear_taps(size[1], out[1])
    for (y, x), logits in _blended(network, images, tile):
        backend = operations(logits)
        rows, columns = _output_pixels(taps_y.before, y, size[0]), _output_pixels(taps_x.before, x, size[1])
        height = max(1, BAND_BYTES // max(1, 4 * logits.shape[0] * logits.shape[1] * (columns.stop - columns.start)))
        for top in range(rows.start, rows.stop, height):
            band = slice(top, min(top + height, rows.stop))
            if size == out:
                yield (band, columns), logits[..., _within(band, y), _within(columns, x)]
                continue
            with backend.inference():
                read = slice(int(taps_y.before[top]), int(taps_y.after[band.stop - 1]) + 1)  # the rows that it needs
                part = backend.resample(logits[:, :, _within(read, y)], 3, taps_x.part(columns, x.start))
                part = backend.resample(part, 2, taps_y.part(band, read.start))
            yield (band, columns), part


def resize_logits(logits: Array, size: Size) -> Array:
    """Resize logits (B, C, H, W), bilinear, corners not aligned: the rule of the metric protocol."""
    if tuple(logits.shape[-2:]) == size:
        return logits
    return operations(logits).resize_logits(logits, size)


def _view(network: Network, images: Array, size: Size, out: Size, tile: int | None) -> Array:
    """Return the logits of one view, (B, C, *out); the network sees the images at `size`."""
    if tile is not None:
        return _assemble(predict_regions(network, images, size=size, out=out, tile=tile), out)
    backend = operations(images)
    with backend.inference():
        return resize_logits(network(backend.resize_images(images, size)), out)


def _assemble(regions: Iterator[tuple[Region, Array]], out: Size) -> Array:
    """Return the logits of all regions in one array, (B, C, *out)."""
    whole: Array | None = None
    for (rows, columns), logits in regions:
        if whole is None:
            whole = operations(logits).empty_like(logits, out)
        whole[..., rows, columns] = logits
    return whole


def _blended(network: Network, images: Array, tile: int | None) -> Iterator[tuple[Region, Array]]:
    """Yield the logits of images (B, 3, H, W) in rectangles; neighbors share one row or column of equal logits.

    The shared row or column is there for interpolation between the rectangles.
    """
    height, width = images.shape[-2:]
    above: defaultdict[int, _Seam] = defaultdict(lambda: _Seam(axis=2))  # one for each column of windows
    for y, rows in _windows(height, tile):
        beside = _Seam(axis=3)
        for x, columns in _windows(width, tile):
            used_y, used_x = _used(rows, height), _used(columns, width)
            with operations(images).inference():
                logits = network(images[..., y, x])[..., _within(used_y, y), _within(used_x, x)]
            with operations(logits).inference():
                logits = beside.join(logits, last=used_x.stop == width)
                logits = above[x.start].join(logits, last=used_y.stop == height)
            top, left = used_y.start, used_x.start
            yield (slice(top, top + logits.shape[2]), slice(left, left + logits.shape[3])), logits


class _Seam:
    """Joins the logits of windows along one axis, one after the other.

    Over `RAMP` values of the overlap the weight of a window falls to 0 while that of the next one rises to 1.
    """

    def __init__(self, axis: int) -> None:
        self.axis = axis
        self.end: Array = None  # of the last window: one finished value, and `RAMP` that wait for the next window

    def join(self, logits: Array, *, last: bool) -> Array:
        """Return the finished logits of a window; it begins with the finished value of the window before it."""
        length = logits.shape[self.axis]
        if self.end is not None:
            start = self._part(0, RAMP + 1)
            logits[start] = operations(logits).blend(self.end, logits[start], self.axis, _WEIGHTS)
        if last:
            return logits
        self.end = operations(logits).copy(logits[self._part(length - RAMP - 1, length)])
        return logits[self._part(0, length - RAMP)]

    def _part(self, start: int, stop: int) -> tuple[slice, ...]:
        return (*(slice(None),) * self.axis, slice(start, stop))


def _windows(extent: int, tile: int | None) -> Iterator[tuple[slice, slice]]:
    """Yield each window along one axis, and the part up to the middle of its overlaps. These parts cover 0..extent."""
    if tile is None:
        yield slice(0, extent), slice(0, extent)
        return
    margin = STRIDE * max(1, tile // 256)
    start = 0
    while True:
        end = min(start + tile, extent)
        first, last = start == 0, end == extent
        yield slice(start, end), slice(start if first else start + margin, end if last else end - margin)
        if last:
            return
        start += tile - 2 * margin


def _used(middle: slice, extent: int) -> slice:
    """Return the part of a window that is not thrown away: to the end of the ramps and the one value before."""
    start = middle.start and middle.start - RAMP // 2 - 1
    return slice(start, middle.stop if middle.stop == extent else middle.stop + RAMP // 2)


def _output_pixels(before: NDArray[np.intp], part: slice, extent: int) -> slice:
    """Return the output pixels along an axis whose two old values are both in a part of it.

    Args:
        before: for each output pixel the old value before it (`Taps.before`).
        part: of the old axis, which has `extent` values.
    """
    stop = part.stop if part.stop == extent else part.stop - 1
    first, end = np.searchsorted(before, (part.start, stop))
    return slice(int(first), int(end))


def _within(part: slice, window: slice) -> slice:
    """Return a part relative to the start of its window."""
    return slice(part.start - window.start, part.stop - window.start)
