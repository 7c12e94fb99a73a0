"""The one road from images to logits; training's validation, evaluation, prediction and export checks all take it."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Array, Size, bilinear_taps
from streetseg.errors import RequestError
from streetseg.inference.backend import operations

Network = Callable[[Array], Array]  # (B, 3, H, W), RGB 0..255 -> logits float32 (B, C, H, W)
Region = tuple[slice, slice]  # rows and columns

TTA_SCALES = (0.75, 1.0, 1.25)  # each seen as it is and mirrored
STRIDE = (
    32  # of the deepest features: tiles start on its multiples, so that they meet the network's grid as the whole does
)
SMALLEST_TILE = 128
BAND_BYTES = 2**26  # of the enlarged logits of one window that are in memory at once


def predict_logits(
    network: Network,
    images: Array,
    *,
    size: Size | None = None,
    out: Size | None = None,
    tta: bool = False,
    tile: int | None = None,
) -> Array:
    """Logits of a batch of images.

    Args:
        network: in evaluation mode, takes arrays such as `images` (torch: on the same device).
        images: uint8 RGB (B, 3, H, W), a numpy array or a torch tensor; the logits are of the same kind.
        size: the height and width the network is to see; None for the images' own.
        out: the height and width of the logits; None for the images' own.
        tta: average the logits over mirrored and rescaled views (6 passes).
        tile: side of the square windows the network sees at once, for images too large for the memory; a multiple
            of 32 of at least 128. Windows overlap by a quarter, and each pixel is taken from the window in which it
            lies furthest from the edge.

    Returns:
        float32 (B, C, *out).

    Raises:
        RequestError: if `tile` is no such size.
    """
    own = (images.shape[-2], images.shape[-1])
    size, out = size or own, out or own
    if not tta:
        return _view(network, images, size, out, tile)
    kind = operations(images)
    total: Array = None
    for scale in TTA_SCALES:
        scaled = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        seen = _view(network, images, scaled, out, tile)
        both = seen + kind.mirrored(_view(network, kind.mirrored(images), scaled, out, tile))
        total = both if total is None else total + both
    return total / (2 * len(TTA_SCALES))


def predict_regions(
    network: Network, images: Array, *, size: Size, out: Size, tile: int
) -> Iterator[tuple[Region, Array]]:
    """Logits window by window, so that memory is bounded however large the images and however many their classes.

    Args: as for `predict_logits`.

    Yields:
        A region of (H, W) = `out` and its logits float32 (B, C, h, w). The regions cover `out` once.
    """
    if tile < SMALLEST_TILE or tile % STRIDE:
        raise RequestError(
            f"a tile is {tile} pixels wide (expected a multiple of {STRIDE}, {SMALLEST_TILE} or more)",
            where="--tile",
            hint=f"--tile {max(SMALLEST_TILE, -(-tile // STRIDE) * STRIDE)}",
        )
    kind = operations(images)
    images = kind.resize_images(images, size)
    taps_y, taps_x = bilinear_taps(size[0], out[0]), bilinear_taps(size[1], out[1])
    for y, keep_y in _windows(size[0], tile):
        rows = _of_window(taps_y.before, keep_y)
        for x, keep_x in _windows(size[1], tile):
            columns = _of_window(taps_x.before, keep_x)
            with kind.inference():
                logits = network(images[..., y, x])
            if size == out:
                yield (rows, columns), logits[..., _within(keep_y, y), _within(keep_x, x)]
                continue
            height = max(1, BAND_BYTES // (4 * logits.shape[0] * logits.shape[1] * (columns.stop - columns.start)))
            for top in range(rows.start, rows.stop, height):
                band = slice(top, min(top + height, rows.stop))
                with kind.inference():
                    part = kind.resample(logits, 2, taps_y.part(band, y.start))
                    part = kind.resample(part, 3, taps_x.part(columns, x.start))
                yield (band, columns), part


def resize_logits(logits: Array, size: Size) -> Array:
    """Logits (B, C, H, W) at another size, bilinear, corners not aligned: the rule of the metric protocol."""
    if tuple(logits.shape[-2:]) == size:
        return logits
    return operations(logits).resize_logits(logits, size)


def _view(network: Network, images: Array, size: Size, out: Size, tile: int | None) -> Array:
    """One look at the images: seen at `size`, logits at `out`."""
    if tile is not None:
        return _whole(predict_regions(network, images, size=size, out=out, tile=tile), out)
    kind = operations(images)
    with kind.inference():
        return resize_logits(network(kind.resize_images(images, size)), out)


def _whole(regions: Iterator[tuple[Region, Array]], out: Size) -> Array:
    """The logits of all regions in one array."""
    whole: Array | None = None
    for (rows, columns), logits in regions:
        if whole is None:
            whole = operations(logits).empty_like(logits, out)
        whole[..., rows, columns] = logits
    return whole


def _windows(extent: int, tile: int) -> Iterator[tuple[slice, slice]]:
    """Along one axis: each window, and the part of it that is kept. The kept parts cover 0..extent once."""
    margin = STRIDE * max(1, tile // 256)
    start = 0
    while True:
        end = min(start + tile, extent)
        first, last = start == 0, end == extent
        yield slice(start, end), slice(start if first else start + margin, end if last else end - margin)
        if last:
            return
        start += tile - 2 * margin


def _of_window(before: NDArray[np.intp], keep: slice) -> slice:
    """The pixels along an axis of the output that are read from the kept part of a window."""
    start, stop = np.searchsorted(before, (keep.start, keep.stop))
    return slice(int(start), int(stop))


def _within(keep: slice, window: slice) -> slice:
    return slice(keep.start - window.start, keep.stop - window.start)
