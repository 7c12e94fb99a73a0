"""Road markings: lines, arrows, zigzags, boxes, words and colored lanes, as worn as the road is old."""

import math

from streetseg.scenes.canvas import ROAD
from streetseg.scenes.light import Color
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import LANES, mix, scale, vary
from streetseg.scenes.rng import Rng
from streetseg.scenes.texture import Material

Outline = list[tuple[float, float]]  # corners (t, s) of a shape on the ground

_SHAFT: Outline = [(-0.08, 0.0), (-0.08, 2.2), (0.08, 2.2), (0.08, 0.0)]
_HEAD: Outline = [(-0.45, 2.2), (0.0, 3.4), (0.45, 2.2)]
_SIDE_HEAD: Outline = [(0.0, 1.5), (0.0, 3.0), (0.7, 2.25)]


class MarkingsPainter:
    """Paints the markings of a street on its asphalt."""

    def __init__(self, painter: Painter, asphalt: Color, rng: Rng) -> None:
        self.painter, self.rng, self.street, self.asphalt = painter, rng, painter.street, asphalt
        self.fresh = rng.uniform(0.45, 1.0)  # 1: new paint; 0: none is left
        self.white = vary(rng, (0.86, 0.86, 0.83) if rng.chance(0.88) else (0.85, 0.72, 0.30))
        self.yellow = vary(rng, (0.82, 0.68, 0.22), 0.1)
        self.ahead = 1 if self.street.right_hand else -1

    def paint(self) -> None:
        """Paint colored lanes first, then what lies on them."""
        self._colored_lanes()
        self._zebras()
        self._lanes()
        for side in (-1, 1):
            self._edge(side)
        self._junctions()
        for _ in range(self.rng.pick((0, 0, 1, 2, 4))):
            self._symbol()
        if self.rng.chance(0.12):
            self._hatching()
        if self.rng.chance(0.06):
            self._rails()

    # --- strokes ----------------------------------------------------------------------------------------------------

    def _shape(self, outline: Outline, color: Color) -> None:
        seen = self.painter.path((t, 0.0, s) for t, s in outline)
        if seen:
            worn = mix(self.asphalt, color, self.fresh * self.rng.uniform(0.75, 1.0))
            self.painter.canvas.polygon(seen[0], self.painter.raw_ink(worn, ROAD, Material.GROUND))

    def _stripe(self, left: float, right: float, first: float, last: float, color: Color) -> None:
        """Paint a stripe along the road that follows its bend."""
        pieces = 1 if self.street.bend == 0.0 or last - first < 5.0 else 10
        stops = [first + (last - first) * (k / pieces) ** 2 for k in range(pieces + 1)]
        self._shape([(left, s) for s in stops] + [(right, s) for s in reversed(stops)], color)

    def _segment(self, a: tuple[float, float], b: tuple[float, float], width: float, color: Color) -> None:
        """Paint a straight line between two spots (t, s)."""
        dt, ds = b[0] - a[0], b[1] - a[1]
        half = width / 2 / (math.sqrt(dt * dt + ds * ds) or 1.0)
        nt, ns = ds * half, -dt * half
        self._shape(
            [(a[0] + nt, a[1] + ns), (b[0] + nt, b[1] + ns), (b[0] - nt, b[1] - ns), (a[0] - nt, a[1] - ns)], color
        )

    def _line(self, t: float, width: float, dashes: tuple[float, float] | None, color: Color) -> None:
        """Paint a line along the road with gaps at crossing streets and zebras; dashes are (painted, gap) meters."""
        holes = self.street.crossings + tuple((a - 0.5, b + 0.5) for a, b in self.street.zebras)
        for first, last in self.street.blocks():
            if dashes is None:
                self._stripe(t - width / 2, t + width / 2, first, last, color)
                continue
            painted, gap = dashes
            s = first + self.rng.uniform(0, painted + gap)
            while s < min(last, 90.0):
                if not any(a < s + painted and s < b for a, b in holes):
                    self._stripe(t - width / 2, t + width / 2, s, min(last, s + painted), color)
                s += painted + gap

    # --- along the road ---------------------------------------------------------------------------------------------

    def _curb(self, side: int) -> float:
        """Return t of the edge of the lanes, where parked cars or the gutter begin."""
        return side * (self.street.road - self.street.parking[side > 0])

    def _colored_lanes(self) -> None:
        """Paint a lane for bicycles or buses."""
        rng = self.rng
        for side in (-1, 1):
            if not rng.chance(0.16):
                continue
            outer = self._curb(side) - side * 0.15
            inner = outer - side * (rng.uniform(1.1, 1.8) if rng.chance(0.7) else self.street.lane)
            if rng.chance(0.6):
                self._line((inner + outer) / 2, abs(outer - inner), None, vary(rng, rng.pick(LANES)))
            self._line(inner, 0.14, rng.pick((None, (2.0, 2.0), (4.0, 2.0))), self.white)

    def _zebras(self) -> None:
        street, stripe = self.street, self.rng.uniform(0.45, 0.6)
        studs = self.rng.chance(0.25)  # two dotted lines, as at traffic lights, instead of a zebra
        for first, last in street.zebras:
            t = -street.road + 0.4
            while t < street.road - stripe:
                if studs:
                    self._stripe(t, t + 0.15, first, first + 0.15, self.white)
                    self._stripe(t, t + 0.15, last - 0.15, last, self.white)
                else:
                    self._stripe(t, t + stripe, first, last, self.white)
                t += 2 * stripe
            if not studs and self.rng.chance(0.25):
                for t in (self._curb(-1) + 0.4, -0.15, 0.15, self._curb(1) - 0.4):
                    self._zigzag(t, first - 17.0, first - 1.0)

    def _zigzag(self, t: float, first: float, last: float) -> None:
        """Paint the zigzag line before a zebra crossing."""
        s, shift = first, 0.22
        while s < last:
            self._segment((t - shift, s), (t + shift, s + 2.0), 0.11, self.white)
            s, shift = s + 2.0, -shift

    def _lanes(self) -> None:
        street, rng = self.street, self.rng
        if street.lanes < 2 or not rng.chance(0.88):
            return
        shift = (street.parking[0] - street.parking[1]) / 2
        width = rng.uniform(0.1, 0.17)
        for lane in range(1, street.lanes):
            t = (lane - street.lanes / 2) * street.lane + shift
            if lane * 2 == street.lanes and rng.chance(0.3):
                self._line(t, width, None, self.white)
                if rng.chance(0.3):
                    self._line(t + 0.28, width, None, self.white)
            else:
                self._line(t, width, rng.pick(((3.0, 6.0), (3.0, 3.0), (2.0, 4.0), (4.0, 2.0), (1.0, 5.0))), self.white)

    def _edge(self, side: int) -> None:
        """Paint the lines along a curb: white, yellow, double yellow, or none."""
        kind = self.rng.pick(("none", "white", "yellow", "double"), (0.42, 0.2, 0.1, 0.28))
        if kind == "none":
            return
        color = self.white if kind == "white" else self.yellow
        edge = self._curb(side) - side * self.rng.uniform(0.2, 0.45)
        self._line(edge, 0.1, None, color)
        if kind == "double":
            self._line(edge - side * 0.22, 0.1, None, color)
        elif kind == "white" and self.street.parking[side > 0] and self.rng.chance(0.5):
            for k in range(16):  # bays of parked cars
                self._segment((self._curb(side), 5.6 * k), (side * (self.street.road - 0.1), 5.6 * k), 0.1, color)

    def _hatching(self) -> None:
        """Paint an area in the middle of the road that traffic must not use."""
        first = self.rng.uniform(3.0, 30.0)
        last, wide = first + self.rng.uniform(8.0, 25.0), self.rng.uniform(0.5, 1.1)
        self._segment((0.0, first), (-wide, first + 4.0), 0.12, self.white)
        self._segment((0.0, first), (wide, first + 4.0), 0.12, self.white)
        for side in (-1, 1):
            self._stripe(side * wide - 0.06, side * wide + 0.06, first + 4.0, last, self.white)
        s = first + 3.5
        while s < last - 1.0:
            self._segment((-wide, s), (wide, s + 1.0), 0.2, self.white)
            s += 2.0

    def _rails(self) -> None:
        """Paint the rails of a tram, one track in each direction."""
        color = scale(self.asphalt, self.rng.pick((0.45, 1.5)))
        track = self.street.lane / 2
        for t in (-track - 0.72, -track + 0.72, track - 0.72, track + 0.72):
            self._stripe(t - 0.05, t + 0.05, -4.0, 140.0, color)

    # --- at junctions, and on lanes ---------------------------------------------------------------------------------

    def _junctions(self) -> None:
        street, rng = self.street, self.rng
        for first, last in street.crossings:
            if rng.chance(0.6):
                inner, outer = 0.1 * self.ahead, self._curb(self.ahead)
                back = 6.0 if any(z[0] < first < z[1] + 3 for z in street.zebras) else 1.4
                self._stripe(inner, outer, first - back, first - back + 0.4, self.white)
            if rng.chance(0.2):
                self._box(first, last)
            for side in (-1, 1):
                if rng.chance(0.5):  # give way: dashes where the other street begins
                    for k in range(1, 12):
                        s = first + (last - first) * k / 12
                        self._segment((side * street.road, s), (side * street.road, s + 0.4), 0.25, self.white)

    def _box(self, first: float, last: float) -> None:
        """Paint a yellow box that must be kept clear: a frame with diagonals in both directions."""
        half, length = self.street.road - 0.5, last - first
        for side in (-half, half):
            self._segment((side, first), (side, last), 0.15, self.yellow)
        for s in (first, last):
            self._segment((-half, s), (half, s), 0.15, self.yellow)
        across = -length + 1.0
        while across < 2 * half:  # a diagonal leaves the near edge at this t, seen from the left corner
            low, high = max(0.0, -across), min(length, 2 * half - across)
            for turn in (-1, 1):
                ends = [(turn * (across + u - half), first + u) for u in (low, high)]
                self._segment(ends[0], ends[1], 0.12, self.yellow)
            across += 2.0

    def _symbol(self) -> None:
        """Paint an arrow or a word on a lane."""
        rng, street = self.rng, self.street
        lane = rng.integer(0, street.lanes - 1)
        t, s = (lane + 0.5 - street.lanes / 2) * street.lane, rng.uniform(3.0, 28.0)
        if rng.chance(0.35):
            self._word(t, s)
            return
        size, turn = rng.uniform(0.9, 1.7), rng.pick((-1.0, 0.0, 1.0))
        for shape in (_SHAFT, _SIDE_HEAD if turn else _HEAD):
            self._shape([(t + (turn or 1.0) * a * size, s + b * size) for a, b in shape], self.white)

    def _word(self, t: float, s: float) -> None:
        """Paint a word of tall letters: two uprights each, joined at some heights."""
        rng = self.rng
        color = self.white if rng.chance(0.7) else self.yellow
        count, tall = rng.integer(3, 4), rng.uniform(1.4, 2.8)
        for k in range(count):
            left = t + (k - count / 2) * 0.62
            right = left + 0.42
            self._segment((left, s), (left, s + tall), 0.1, color)
            if rng.chance(0.6):
                self._segment((right, s), (right, s + tall), 0.1, color)
            for height in (0.0, 0.5, 1.0):
                if rng.chance(0.6):
                    self._segment((left, s + tall * height), (right, s + tall * height), 0.25, color)
