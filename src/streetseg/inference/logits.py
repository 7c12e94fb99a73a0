"""From images to logits: one function for validation, evaluation, prediction and the checks of an export."""

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
BAND_BYTES = 2**26  # most bytes of one window's resized logits in memory at once


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
            multiple of 32, at least 128. Windows overlap by a quarter. Each pixel is taken from the window in which it
            is furthest from the edge.

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
    network: Network, images: Array, *, size: Size, out: Size, tile: int
) -> Iterator[tuple[Region, Array]]:
    """Yield the logits window by window, so that memory is bounded for any image size and number of classes.

    Arguments and errors are those of `predict_logits`.

    Yields:
        A region of (H, W) = `out` and its logits float32 (B, C, h, w). The regions cover each pixel of `out` once.
    """
    require_tile(tile)
    backend = operations(images)
    images = backend.resize_images(images, size)
    taps_y, taps_x = bilinear_taps(size[0], out[0]), bilinear_taps(size[1], out[1])
    for y, keep_y in _windows(size[0], tile):
        rows = _output_pixels(taps_y.before, keep_y)
        for x, keep_x in _windows(size[1], tile):
            columns = _output_pixels(taps_x.before, keep_x)
            with backend.inference():
                logits = network(images[..., y, x])
            if size == out:
                yield (rows, columns), logits[..., _within(keep_y, y), _within(keep_x, x)]
                continue
            height = max(1, BAND_BYTES // (4 * logits.shape[0] * logits.shape[1] * (columns.stop - columns.start)))
            for top in range(rows.start, rows.stop, height):
                band = slice(top, min(top + height, rows.stop))
                with backend.inference():
                    part = backend.resample(logits, 2, taps_y.part(band, y.start))
                    part = backend.resample(part, 3, taps_x.part(columns, x.start))
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


def _windows(extent: int, tile: int) -> Iterator[tuple[slice, slice]]:
    """Yield each window along one axis, and its kept part. The kept parts cover 0..extent once."""
    margin = STRIDE * max(1, tile // 256)
    start = 0
    while True:
        end = min(start + tile, extent)
        first, last = start == 0, end == extent
        yield slice(start, end), slice(start if first else start + margin, end if last else end - margin)
        if last:
            return
        start += tile - 2 * margin


def _output_pixels(before: NDArray[np.intp], keep: slice) -> slice:
    """Return the output pixels along an axis that are interpolated from the kept part of a window.

    Args:
        before: for each output pixel the input pixel before it (`Taps.before`).
    """
    start, stop = np.searchsorted(before, (keep.start, keep.stop))
    return slice(int(start), int(stop))


def _within(keep: slice, window: slice) -> slice:
    """Return the kept part relative to the start of its window."""
    return slice(keep.start - window.start, keep.stop - window.start)
