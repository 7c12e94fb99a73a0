"""The one road from pictures to logits; training's validation, evaluation, prediction and export checks all take it."""

from collections.abc import Callable, Iterator

from streetseg.errors import RequestError
from streetseg.inference.arrays import Array, Size, operations

Network = Callable[[Array], Array]  # (B, 3, H, W), RGB 0..255 -> logits float32 (B, C, H, W)

TTA_SCALES = (0.75, 1.0, 1.25)  # each seen as it is and mirrored
STRIDE = (
    32  # of the deepest features: tiles start on its multiples, so that they meet the network's grid as the whole does
)
SMALLEST_TILE = 128


def predict_logits(
    model: Network, pictures: Array, *, size: Size | None = None, tta: bool = False, tile: int | None = None
) -> Array:
    """Logits of a batch of pictures, at the pictures' own size.

    Args:
        model: the network, in evaluation mode, that takes arrays such as `pictures` (torch: on the same device).
        pictures: uint8 RGB (B, 3, H, W), a numpy array or a torch tensor; the logits are of the same kind.
        size: the height and width the network is to see; None for the pictures' own.
        tta: average the logits over mirrored and rescaled views (6 passes).
        tile: side of the square windows the network sees at once, for pictures too large for the memory; a multiple
            of 32 of at least 128. Windows overlap by a quarter, and each pixel is taken from the window in which it
            lies furthest from the edge.

    Returns:
        float32 (B, C, H, W).

    Raises:
        RequestError: if `tile` is no such size.
    """
    height, width = size or (pictures.shape[-2], pictures.shape[-1])
    kind = operations(pictures)
    with kind.inference():
        if not tta:
            return _view(model, pictures, (height, width), tile)
        total: Array = None
        for scale in TTA_SCALES:
            scaled = (max(1, round(height * scale)), max(1, round(width * scale)))
            seen = _view(model, pictures, scaled, tile)
            both = seen + kind.mirrored(_view(model, kind.mirrored(pictures), scaled, tile))
            total = both if total is None else total + both
        return total / (2 * len(TTA_SCALES))


def resize_logits(logits: Array, size: Size) -> Array:
    """Logits (B, C, H, W) at another size, bilinear, corners not aligned: the rule of the metric protocol."""
    if tuple(logits.shape[-2:]) == size:
        return logits
    return operations(logits).resize_logits(logits, size)


def working_size(picture: Size, trained: Size | None) -> Size:
    """The size at which a network trained for `trained` should see a picture of another size.

    As many pixels as in training, in the picture's own shape: nothing is squeezed, and the cost does not depend on
    the picture. None: the picture's own size.
    """
    if trained is None:
        return picture
    scale = (trained[0] * trained[1] / (picture[0] * picture[1])) ** 0.5
    return max(1, round(picture[0] * scale)), max(1, round(picture[1] * scale))


def _view(model: Network, pictures: Array, size: Size, tile: int | None) -> Array:
    """One look at the pictures: seen at `size`, logits back at the pictures' own size."""
    own = (pictures.shape[-2], pictures.shape[-1])
    if own != size:
        pictures = operations(pictures).resize_pictures(pictures, size)
    logits = model(pictures) if tile is None else _tiled(model, pictures, tile)
    return resize_logits(logits, own)


def _tiled(model: Network, pictures: Array, tile: int) -> Array:
    """Logits window by window; equal to the whole where no pixel's surroundings reach beyond an eighth of a window."""
    if tile < SMALLEST_TILE or tile % STRIDE:
        raise RequestError(
            f"a tile is {tile} pixels wide (expected a multiple of {STRIDE}, {SMALLEST_TILE} or more)", where="--tile"
        )
    height, width = pictures.shape[-2:]
    out: Array | None = None
    for y, keep_y in _windows(height, tile):
        for x, keep_x in _windows(width, tile):
            logits = model(pictures[..., y, x])
            if out is None:
                out = operations(logits).empty_like(logits, (height, width))
            inner_y = slice(keep_y.start - y.start, keep_y.stop - y.start)
            inner_x = slice(keep_x.start - x.start, keep_x.stop - x.start)
            out[..., keep_y, keep_x] = logits[..., inner_y, inner_x]
    return out


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
