"""Regions of an image as label tools describe them, and the rules by which they become pixels.

A region paints its pixels into labels; what it paints later lies on top. Parts outside the image are cut off. Each tool
has its own rule of drawing, and the region follows the tool that wrote it:

- `Polygons`: COCO's rule, as pycocotools draws. Corners are rounded to a fifth of a pixel, the outline is traced, and
  of each column those pixels are inside whose centers lie between two crossings. The outline adds no pixels, so regions
  that share an edge neither overlap nor leave a gap.
- `Drawn`: Pillow's rule, as labelme draws. The pixels under the outline belong to the region.
- `Ellipse`: a pixel is inside if its center is.
- `Runs` and `Patch` are pixels already.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import cos, hypot, radians, sin
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from streetseg.data.files import FileError
from streetseg.data.images import MAX_PIXELS, opened_bytes
from streetseg.data.sources.shapes.rle import decode

Points = NDArray[np.float64]  # (N, 2): x, y in pixels from the upper left corner
Labels = NDArray[np.uint8]  # (H, W)

_SCALE = 5  # pycocotools traces an outline on a grid of fifths of a pixel
_CHUNK = 1 << 20  # points of an outline that are traced at once
_LINE_WIDTH, _POINT_RADIUS = 10, 5  # labelme's, in pixels


class Region(Protocol):
    """A part of an image."""

    def paint(self, labels: Labels, label: int) -> None:
        """Set the pixels of the region to `label`. Raise ValueError if the region does not fit the image."""
        ...


def points_of(numbers: Sequence[float] | Sequence[Sequence[float]], *, least: int = 3) -> Points:
    """Return numbers x, y, x, y … or pairs as points.

    Raises:
        ValueError: they are no pairs, there are fewer than `least`, or one is not finite.
    """
    try:
        points = np.array(numbers, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("points are no pairs of numbers") from None
    if points.size % 2 or (points.ndim == 2 and points.shape[1] != 2) or points.ndim > 2:
        raise ValueError("points are no pairs of numbers")
    points = points.reshape(-1, 2)
    if len(points) < least:
        raise ValueError(f"{len(points)} points, expected {least} or more")
    if not np.isfinite(points).all():
        raise ValueError("a coordinate is not finite")
    return points


def box_points(left: float, top: float, right: float, bottom: float) -> Points:
    """Return the corners of a box. Raise ValueError if a coordinate is not finite."""
    return points_of([left, top, left, bottom, right, bottom, right, top])


@dataclass(frozen=True)
class Polygons:
    """The union of rings, by COCO's rule; each is (N, 2) and closed from its last point to its first.

    Args:
        rings: their corners in pixels, or as shares of width and height.
        shares: whether the corners are shares 0..1, as YOLO writes them.
    """

    rings: tuple[Points, ...]
    shares: bool = False

    def paint(self, labels: Labels, label: int) -> None:
        """Set the pixels inside. Raise ValueError for a point far outside the image."""
        height, width = labels.shape
        for ring in self.rings:
            points = ring * (width, height) if self.shares else ring
            _require_near(points, labels)
            x, y = _crossings(points, height, width)
            if not len(x):
                continue
            left, top = int(x.min()), int(y.min())
            columns, rows = int(x.max()) - left + 1, int(y.max()) - top + 1
            toggles = np.bincount((x - left) * rows + y - top, minlength=columns * rows).reshape(columns, rows)
            inside = toggles.cumsum(axis=1)[:, :-1] % 2 == 1
            labels[top : top + rows - 1, left : left + columns][inside.T] = label


def _crossings(points: Points, height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return x and y where the outline crosses the centers of columns: the pixel at y is the first after a crossing."""
    corners = (_SCALE * points + 0.5).astype(np.int64)  # toward zero, as C does
    starts, ends = corners, np.roll(corners, -1, axis=0)
    steps = np.abs(ends - starts).max(axis=1) + 1
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    first = 0
    while first < len(steps):
        last = max(first + 1, int(np.searchsorted(np.cumsum(steps[first:]), _CHUNK, "right")) + first)
        found.append(_crossings_of(starts[first:last], ends[first:last], steps[first:last], height, width))
        first = last
    return np.concatenate([x for x, _ in found]), np.concatenate([y for _, y in found])


def _crossings_of(
    starts: NDArray[np.int64], ends: NDArray[np.int64], steps: NDArray[np.int64], height: int, width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the crossings of a few edges (E, 2). `steps` (E,) is the number of points on each edge."""
    dx, dy = np.abs(ends - starts).T
    flat = dx >= dy
    backward = np.where(flat, starts[:, 0] > ends[:, 0], starts[:, 1] > ends[:, 1])
    low = np.where(backward[:, None], ends, starts)
    high = np.where(backward[:, None], starts, ends)
    rise = np.where(flat, high[:, 1] - low[:, 1], high[:, 0] - low[:, 0]) / np.maximum(steps - 1, 1)

    edge = np.repeat(np.arange(len(steps)), steps)
    along = np.arange(len(edge)) - np.repeat(np.cumsum(steps) - steps, steps)
    along = np.where(backward[edge], steps[edge] - 1 - along, along)
    main = np.where(flat, low[:, 0], low[:, 1])[edge] + along
    cross = (np.where(flat, low[:, 1], low[:, 0])[edge] + rise[edge] * along + 0.5).astype(np.int64)
    u, v = np.where(flat[edge], main, cross), np.where(flat[edge], cross, main)

    column = np.minimum(u[1:], u[:-1])
    x, middle = np.divmod(column - _SCALE // 2, _SCALE)  # the center of column n lies between 5n + 2 and 5n + 3
    crossed = (u[1:] != u[:-1]) & (middle == 0) & (x >= 0) & (x < width)
    y = (np.minimum(v[1:], v[:-1])[crossed] + 0.5) / _SCALE - 0.5
    return x[crossed], np.ceil(y.clip(0, height)).astype(np.int64)


DrawnKind = Literal["polygon", "rectangle", "circle", "line", "linestrip", "point"]
_CORNERS = {"rectangle": (2, 2), "circle": (2, 2), "line": (2, 2), "linestrip": (2, None), "point": (1, 1)}


@dataclass(frozen=True)
class Drawn:
    """A shape drawn by Pillow with its outline, by labelme's rule.

    Args:
        kind: polygon; rectangle: two corners; circle: the center and a point on it; line and linestrip, 10 pixels wide;
            point: a disk of radius 5.
        points: (N, 2).
        holes: polygons (N, 2) whose inner pixels do not belong to the region; their outlines do.
    """

    kind: DrawnKind
    points: Points
    holes: tuple[Points, ...] = ()

    def __post_init__(self) -> None:
        least, most = _CORNERS.get(self.kind, (3, None))
        if len(self.points) < least or (most is not None and len(self.points) > most):
            more = " or more" if most is None else ""
            raise ValueError(f"{self.kind} of {len(self.points)} points, expected {least}{more}")

    def paint(self, labels: Labels, label: int) -> None:
        """Set the pixels of the shape. Raise ValueError for a point far outside the image."""
        for points in (self.points, *self.holes):
            _require_near(points, labels)
        inside = _drawn(labels, self._draw)
        for hole in self.holes:
            inside &= ~_hole(hole, labels)
        labels[inside] = label

    def _draw(self, draw: ImageDraw.ImageDraw) -> None:
        points = _pairs(self.points)
        match self.kind:
            case "polygon":
                draw.polygon(points, outline=1, fill=1)
            case "rectangle":
                low, high = self.points.min(axis=0), self.points.max(axis=0)
                draw.rectangle([*low.tolist(), *high.tolist()], outline=1, fill=1)
            case "circle":
                (x, y), (to_x, to_y) = points
                _disk(draw, x, y, hypot(to_x - x, to_y - y))
            case "line" | "linestrip":
                draw.line(points, fill=1, width=_LINE_WIDTH)
            case "point":
                _disk(draw, *points[0], _POINT_RADIUS)


def _hole(points: Points, labels: Labels) -> NDArray[np.bool_]:
    """Return the pixels inside a polygon that are not under its outline."""
    return _drawn(labels, lambda draw: draw.polygon(_pairs(points), fill=1, outline=0))


def _disk(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float) -> None:
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], outline=1, fill=1)


def _drawn(labels: Labels, draw: Callable[[ImageDraw.ImageDraw], None]) -> NDArray[np.bool_]:
    canvas = Image.new("L", (labels.shape[1], labels.shape[0]))
    draw(ImageDraw.Draw(canvas))
    return np.asarray(canvas, bool)


def _pairs(points: Points) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points.tolist()]


@dataclass(frozen=True)
class Ellipse:
    """An ellipse by its center, its radii and its rotation in degrees clockwise."""

    x: float
    y: float
    radius_x: float
    radius_y: float
    degrees: float = 0.0

    def paint(self, labels: Labels, label: int) -> None:
        """Set the pixels whose center is inside. Raise ValueError for a radius below 0 or a center far outside."""
        values = np.array([self.x, self.y, self.radius_x, self.radius_y, self.degrees])
        if not np.isfinite(values).all() or self.radius_x <= 0 or self.radius_y <= 0:
            raise ValueError("ellipse without size")
        _require_near(np.array([[self.x, self.y]]), labels)
        y, x = np.ogrid[0.5 : labels.shape[0], 0.5 : labels.shape[1]]
        turn = radians(self.degrees)
        along = (x - self.x) * cos(turn) + (y - self.y) * sin(turn)
        across = (y - self.y) * cos(turn) - (x - self.x) * sin(turn)
        labels[(along / self.radius_x) ** 2 + (across / self.radius_y) ** 2 <= 1] = label


@dataclass(frozen=True)
class Runs:
    """Run lengths of a mask of the whole image, as `rle` counts them."""

    lengths: Sequence[int]
    size: tuple[int, int]  # height, width, as the file says

    def paint(self, labels: Labels, label: int) -> None:
        """Set the pixels inside. Raise ValueError if the size or the lengths do not fit the image."""
        if self.size != labels.shape:
            height, width = labels.shape
            raise ValueError(f"run lengths of {self.size[0]}x{self.size[1]}, the image is {height}x{width}")
        labels[decode(self.lengths, *self.size)] = label


@dataclass(frozen=True)
class Patch:
    """A mask of a part of the image, (h, w) bool, and the place of its upper left pixel."""

    mask: NDArray[np.bool_] = field(repr=False)
    left: int = 0
    top: int = 0

    def paint(self, labels: Labels, label: int) -> None:
        """Set the pixels inside that lie in the image."""
        height, width = self.mask.shape
        rows = slice(max(self.top, 0), max(self.top + height, 0))
        columns = slice(max(self.left, 0), max(self.left + width, 0))
        target = labels[rows, columns]
        source = self.mask[rows.start - self.top :, columns.start - self.left :]
        target[source[: target.shape[0], : target.shape[1]]] = label


def png_mask(data: bytes) -> NDArray[np.bool_]:
    """Return the mask (H, W) in the bytes of a PNG: what is not transparent, or without transparency, what is not 0.

    Raises:
        ValueError: they are no image.
    """
    try:
        with opened_bytes(data, "", MAX_PIXELS) as image:
            has_alpha = "A" in image.getbands() or "transparency" in image.info
            return np.asarray(image.convert("RGBA").getchannel("A") if has_alpha else image.convert("L"), bool)
    except FileError as error:
        raise ValueError(f"its mask is no image: {error.problem}") from error


def _require_near(points: Points, labels: Labels) -> None:
    """Raise ValueError if a point lies further outside the image than the image is large: its units are others."""
    height, width = labels.shape
    reach = np.array([width + 1, height + 1])
    far = ((points < -reach) | (points > 2 * reach)).any(axis=1)
    if far.any():
        x, y = points[far][0]
        raise ValueError(f"point {x:g}, {y:g} lies far outside the image of {width}x{height} pixels (width x height)")
