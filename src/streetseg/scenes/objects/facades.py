"""Fronts of buildings: windows, doors, shop fronts, balconies."""

from dataclasses import dataclass

from streetseg.scenes.canvas import BUILDING, SIGN
from streetseg.scenes.light import Color
from streetseg.scenes.objects.wall import Rectangle, Wall, WallBrush
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import (
    BLUES,
    BRICKS,
    BROWNS,
    CARS,
    DARKS,
    FACADES,
    GRAYS,
    GREENS,
    REDS,
    ROOFS,
    STONES,
    WHITES,
    YELLOWS,
    choose,
    mix,
    scale,
    vary,
)
from streetseg.scenes.rng import Rng
from streetseg.scenes.texture import Material

# Width of a window in canvas pixels:
DETAIL = 14.0  # above it, a window has lintel, bars and sill
FRAMED = 6.0  # above it, a window has a frame
SINGLE = 3.0  # below it, the windows of a story are painted as one band


@dataclass(frozen=True)
class Style:
    """The appearance of a building."""

    base: Color
    trim: Color
    frame: Color
    roof: Color
    accent: Color
    glass: Color
    material: Material
    story: float
    bay: float
    window: tuple[float, float]  # share of the bay, share of the story
    ribbon: bool  # windows joined into bands
    ledges: bool  # between stories
    shop: bool
    balconies: bool
    pitched: float  # height of the roof, 0 for a flat one
    lights: float  # share of windows that are lit
    pilasters: float  # width of flat columns between the bays, 0 for none
    pipes: int  # number of drainpipes
    lattice: tuple[int, int]  # panes of a window, across and up
    ground: Color | None  # color of the ground floor, if it has its own
    church: bool  # tall pointed windows and buttresses


def draw_style(rng: Rng, night: float) -> Style:
    """Return a random appearance; `night`, 0 to 1, increases the share of lit windows."""
    modern = rng.chance(0.3)
    church = not modern and rng.chance(0.1)
    base = choose(rng, STONES + BROWNS + GRAYS[1:4] if church else FACADES, 0.09)
    trim = choose(rng, WHITES + GRAYS[3:]) if rng.chance(0.5) else scale(base, rng.uniform(0.7, 1.3))
    wall = Material.BRICK if rng.chance(0.5) else Material.PLASTER
    return Style(
        base=base,
        trim=trim,
        frame=choose(rng, WHITES if rng.chance(0.6) else DARKS + BROWNS + GRAYS),
        roof=choose(rng, ROOFS),
        accent=choose(rng, REDS + BLUES + GREENS + YELLOWS + DARKS + CARS + BRICKS),
        glass=choose(rng, DARKS + GRAYS[:3] + BLUES, 0.1),
        material=Material.CONCRETE if modern else wall,
        story=rng.uniform(2.8, 3.7),
        bay=rng.uniform(1.9, 4.0),
        window=(rng.uniform(0.3, 0.7), rng.uniform(0.42, 0.7)),
        ribbon=modern and rng.chance(0.5),
        ledges=rng.chance(0.45),
        shop=not church and rng.chance(0.5),
        balconies=not church and rng.chance(0.14),
        pitched=0.0 if modern else rng.uniform(1.5, 4.5) * rng.chance(0.75),
        lights=night * rng.uniform(0.1, 0.7) + (0.03 if rng.chance(0.3) else 0.0),
        pilasters=rng.uniform(0.12, 0.7) if church or rng.chance(0.4) else 0.0,
        pipes=rng.integer(0, 6),
        lattice=rng.pick(((2, 1), (2, 2), (2, 2), (3, 4), (2, 3), (1, 2))),
        ground=choose(rng, WHITES + STONES + BRICKS + GRAYS) if rng.chance(0.25) else None,
        church=church,
    )


def evenly(first: float, last: float, step: float) -> list[float]:
    """Return places about `step` apart, from first to last."""
    count = max(1, round((last - first) / step))
    return [first + (last - first) * k / count for k in range(count + 1)]


class Facade:
    """Paints one wall of a building, from the plaster outwards.

    Args:
        wall: the plane of the wall.
        style: the appearance of the building.
        shaded: height up to which the wall lies in shadow, meters.
        rng: source of the random details.
    """

    def __init__(self, painter: Painter, wall: Wall, style: Style, shaded: float, rng: Rng) -> None:
        self.light, self.wall, self.style, self.rng = painter.light, wall, style, rng
        self.shaded = min(wall.height, max(0.0, shaded))
        self.brush = WallBrush(painter, wall, BUILDING)
        self.painter = painter
        self.glass = painter.light.lit(style.glass, (0.0, 0.3, 0.0), 0.0)
        self.stories = max(1, round(wall.height / style.story))
        self.story = wall.height / self.stories
        self.columns = max(1, int(wall.length / style.bay))
        self.near = min(
            wall.length, 6.0
        )  # level of detail depends on the size of a window at this distance along the wall

    def paint(self, blank: bool) -> None:
        """Paint the wall; a blank wall has no windows and doors."""
        if not self.brush.visible:
            return
        self._bare()
        if blank:
            self._pipes()
            return
        if self.style.church:
            self._pointed_windows()
        else:
            self._windows()
        self._pilasters()
        self._pipes()
        if self.style.shop:
            self._shops()
        else:
            self._door()
        self._wall_signs()

    def _bare(self) -> None:
        wall, style, fill = self.wall, self.style, self.brush.fill
        sunny, dim = (self.light.lit(style.base, wall.facing, sun) for sun in (1.0, 0.0))
        if self.shaded < wall.height:
            fill([(0, wall.length, self.shaded, wall.height)], sunny, style.material)
        if self.shaded > 0:
            fill([(0, wall.length, 0, self.shaded)], dim, style.material)
        if style.ground:
            fill([(0, wall.length, 0, self.story)], self._lit(style.ground), Material.PLASTER)
        ledges: list[Rectangle] = [(0, wall.length, wall.height - 0.35, wall.height)]
        if style.ledges:
            ledges += [(0, wall.length, k * self.story - 0.08, k * self.story + 0.12) for k in range(1, self.stories)]
        fill(ledges, self._lit(style.trim), Material.PLASTER, 0.05)
        fill([(0, wall.length, 0, 0.5)], scale(dim, 0.72), Material.CONCRETE)

    # --- windows ----------------------------------------------------------------------------------------------------

    def _windows(self) -> None:
        style, wall, brush = self.style, self.wall, self.brush
        bay = wall.length / self.columns
        width, height = bay * (0.94 if style.ribbon else style.window[0]), self.story * style.window[1]
        lows = [k * self.story + (self.story - height) * 0.55 for k in range(int(style.shop), self.stories)]
        size = brush.width(self.near, width)
        if size < SINGLE or not lows:
            blurred = mix(self.light.lit(style.base, wall.facing, 0.5), self._pane(), 0.8 * width / bay)
            brush.fill([(0, wall.length, low, low + height) for low in lows], blurred, Material.GLASS)
            return
        lefts = [(k + 0.5) * bay - width / 2 for k in range(self.columns)]
        panes = [(left, left + width, low, low + height) for low in lows for left in lefts]
        trim, frame = self._lit(style.trim), self.light.lit(style.frame, wall.facing, 0.3)
        if size > FRAMED and not style.ribbon:
            rim = 0.12
            around = [(a - rim, b + rim, y0 - rim, y1 + rim) for a, b, y0, y1 in panes]
            brush.fill(around, trim, Material.PLASTER)
        glass = [self._pane() for _ in panes]
        brush.fill_each(panes, glass, Material.GLASS)
        if size > DETAIL:
            lintels = [(a, b, y1 - 0.12 * height, y1) for a, b, _, y1 in panes]
            brush.fill_each(lintels, [scale(c, 0.6) for c in glass], Material.GLASS)
            self._curtains(panes)
            brush.fill([bar for pane in panes for bar in self._bars(pane)], frame, Material.PLASTER)
            sills = [(a - 0.15, b + 0.15, y0 - 0.18, y0 - 0.03) for a, b, y0, _ in panes]
            brush.fill(sills, scale(trim, 1.1), Material.PLASTER, 0.1)
        if style.balconies and size > FRAMED:
            self._balconies(panes)

    def _bars(self, pane: Rectangle) -> list[Rectangle]:
        """Return the frame of a window and the bars between its panes."""
        (a, b, y0, y1), (across, up), half = pane, self.style.lattice, 0.03
        upright = [a + (b - a) * k / across for k in range(across + 1)]
        level = [y0 + (y1 - y0) * k / up for k in range(up + 1)]
        return [(u - half, u + half, y0, y1) for u in upright] + [(a, b, y - half, y + half) for y in level]

    def _pointed_windows(self) -> None:
        """Paint one row of tall windows that end in a point."""
        wall, brush = self.wall, self.brush
        bay, low = wall.length / self.columns, min(1.8, wall.height * 0.3)
        width, high = bay * self.style.window[0], wall.height * 0.62
        trim = self._lit(self.style.trim)
        for k in range(self.columns):
            a, b = (k + 0.5) * bay - width / 2, (k + 0.5) * bay + width / 2
            for rim, color, material in ((0.2, trim, Material.PLASTER), (0.0, self._pane(), Material.GLASS)):
                sides = (a - rim, low - rim), (b + rim, low - rim), (b + rim, high)
                outline = (*sides, ((a + b) / 2, high + width * 0.8 + rim), (a - rim, high))
                self.painter.polygon([wall.point(u, y) for u, y in outline], color, BUILDING, material)
            brush.fill(self._bars((a, b, low, high)), scale(trim, 0.8), Material.PLASTER)

    def _pilasters(self) -> None:
        """Paint flat columns between the bays; the buttresses of a church are wide below."""
        wide, wall = self.style.pilasters, self.wall
        if not wide or self.brush.width(self.near, wide) < 1.0:
            return
        bay, top = wall.length / self.columns, wall.height * (0.8 if self.style.church else 1.0)
        edges = [k * bay for k in range(self.columns + 1)]
        color = scale(self._lit(self.style.trim), self.rng.uniform(0.75, 1.1))
        low = self.story if self.style.shop else 0.0
        uprights = [(max(0.0, u - wide / 2), min(wall.length, u + wide / 2), low, top) for u in edges]
        self.brush.fill(uprights, color, self.style.material, 0.1)
        self.brush.fill(
            [(b - 0.2 * wide, b, y0, y1) for _, b, y0, y1 in uprights], scale(color, 0.6), Material.SMOOTH, 0.1
        )

    def _pipes(self) -> None:
        """Paint drainpipes. They look like poles but belong to the building."""
        rng, wall = self.rng, self.wall
        if self.brush.width(self.near, 0.12) < 0.6:
            return
        color = self.light.lit(choose(rng, DARKS + GRAYS + WHITES + BROWNS), wall.facing, 0.4)
        low = self.story if self.style.shop else 0.0
        places = [rng.uniform(0.1, wall.length - 0.2) for _ in range(self.style.pipes)]
        self.brush.fill(
            [(u, u + rng.uniform(0.08, 0.14), low, wall.height - 0.2) for u in places], color, Material.METAL, 0.08
        )

    def _wall_signs(self) -> None:
        """Paint signs that hang over the pavement or are fixed to the wall. They are sign symbols."""
        rng, wall = self.rng, self.wall
        if self.brush.width(self.near, 0.6) < 3.0:
            return
        for _ in range(rng.integer(0, 3 if self.style.shop else 1)):
            self._wall_sign(rng.uniform(0.0, wall.length), rng.uniform(2.5, 4.2), hangs=rng.chance(0.7))

    def _wall_sign(self, u: float, low: float, hangs: bool) -> None:
        """Paint one sign with some writing."""
        rng, wall, lit = self.rng, self.wall, self.light.lit
        wide, high = rng.uniform(0.4, 1.0), rng.uniform(0.4, 1.5)
        color = lit(choose(rng, CARS + REDS + YELLOWS + BLUES), (0.0, 0.2, -0.9), 0.5)
        ink = lit(choose(rng, WHITES + DARKS + YELLOWS), (0.0, 0.2, -0.9), 0.5)

        def plate(left: float, right: float, bottom: float, top: float, tint: Color) -> None:
            spots = ((left, bottom), (right, bottom), (right, top), (left, top))
            corners = [wall.point(u, y, x) if hangs else wall.point(u + x, y, 0.06) for x, y in spots]
            self.painter.polygon(corners, tint, SIGN, Material.PAINT)

        plate(0.15, 0.15 + wide, low, low + high, color)
        for row in range(rng.integer(1, 3)):
            y = low + high * (0.15 + 0.28 * row)
            plate(0.15 + 0.12 * wide, 0.15 + wide * rng.uniform(0.5, 0.9), y, y + high * 0.16, ink)

    def _curtains(self, panes: list[Rectangle]) -> None:
        rng = self.rng
        curtains = [(a, a + (b - a) * rng.uniform(0.2, 0.45), y0, y1) for a, b, y0, y1 in panes if rng.chance(0.35)]
        self.brush.fill(curtains, self.light.lit((0.6, 0.58, 0.54), self.wall.facing, 0.2), Material.CLOTH)

    def _balconies(self, panes: list[Rectangle]) -> None:
        odd, wall = self.rng.integer(0, 1), self.wall
        chosen = [p for k, p in enumerate(panes) if (k % self.columns) % 2 == odd and p[2] > 3.0]
        fronts = [(a - 0.4, b + 0.4, y0 - 0.4, y0 + 0.55) for a, b, y0, _ in chosen]
        color = self.light.lit(self.style.accent, wall.facing, 0.6)
        for a, b, y, _ in fronts:
            floor = [wall.point(a, y, 0.0), wall.point(b, y, 0.0), wall.point(b, y, 1.0), wall.point(a, y, 1.0)]
            self.painter.polygon(floor, scale(color, 0.45), BUILDING, Material.CONCRETE)
            cheek = [wall.point(a, y, 0), wall.point(a, y, 1), wall.point(a, y + 0.95, 1), wall.point(a, y + 0.95, 0)]
            self.painter.polygon(cheek, scale(color, 0.75), BUILDING, Material.METAL)
        self.brush.fill(fronts, color, Material.METAL, 1.0)

    # --- ground floor -----------------------------------------------------------------------------------------------

    def _door(self) -> None:
        rng, style, wall, fill = self.rng, self.style, self.wall, self.brush.fill
        u = rng.uniform(0.15, 0.85) * max(0.0, wall.length - 1.4)
        fill([(u - 0.15, u + 1.25, 0, 2.6)], self._lit(style.trim), Material.PLASTER)
        leaf = self.light.lit(scale(style.accent, 0.85), wall.facing, 0.3)
        fill([(u, u + 1.1, 0.1, 2.15)], leaf, Material.BOARD)
        fill([(u, u + 1.1, 2.2, 2.5)], self._pane(), Material.GLASS)
        if wall.length > 7 and rng.chance(0.25):
            gate = (u + wall.length / 2) % (wall.length - 3.0)
            color = self.light.lit(vary(rng, style.trim, 0.15), wall.facing, 0.3)
            fill([(gate, gate + 2.6, 0.05, 2.4)], color, Material.BOARD)

    def _shops(self) -> None:
        rng, wall = self.rng, self.wall
        units = max(1, round(wall.length / rng.uniform(5.0, 9.0)))
        width = wall.length / units
        for unit in range(units):
            accent = self.style.accent if unit == 0 else choose(rng, REDS + BLUES + GREENS + DARKS + WHITES + YELLOWS)
            self._shop(unit * width + 0.2, (unit + 1) * width - 0.2, min(self.story, 3.6) - 0.15, accent)

    def _shop(self, a: float, b: float, top: float, accent: Color) -> None:
        rng, brush = self.rng, self.brush
        color = mix(self.light.lit(accent, self.wall.facing, 0.4), accent, 0.5 * self.light.night)
        brush.fill([(a, b, 0, top)], scale(color, 0.7), Material.PAINT)
        door = a + rng.uniform(0.1, 0.8) * max(0.1, b - a - 1.2)
        panes = [(p, q, 0.45, top - 0.75) for p, q in ((a + 0.15, door), (door + 1.1, b - 0.15)) if q - p > 0.3]
        panes.append((door + 0.1, door + 1.0, 0.1, top - 0.75))
        brush.fill_each(panes, [self._pane(shop=True) for _ in panes], Material.GLASS)
        size = brush.width((a + b) / 2, 1.0)
        if size > 14:
            self._goods(panes)
        bars = [(u, u + 0.09, 0.0, top - 0.7) for p, q, *_ in panes for u in evenly(p, q, rng.uniform(0.8, 1.8))]
        brush.fill(bars, self._lit(self.style.frame), Material.METAL, 0.05)
        board = (a, b, top - 0.65, top)
        brush.fill([board], color, Material.PAINT, 0.12)
        if size > 8:
            self._lettering(board, accent)
        if rng.chance(0.3):
            self._awning((a, b), top - 0.65, accent)

    def _goods(self, panes: list[Rectangle]) -> None:
        rng = self.rng
        shown: list[Rectangle] = []
        for a, b, y0, y1 in panes:
            for _ in range(int((b - a) * 2)):
                u, w, h = rng.uniform(a, b - 0.3), rng.uniform(0.15, 0.5), rng.uniform(0.2, 1.1)
                shown.append((u, min(b, u + w), y0 + 0.1, min(y1 - 0.1, y0 + 0.1 + h)))
        dim = 0.55 + 0.35 * self.light.night
        colors = [self.light.lit(scale(choose(rng, CARS), dim), self.wall.facing, 0.0) for _ in shown]
        self.brush.fill_each(shown, colors, Material.GLASS)

    def _lettering(self, board: Rectangle, accent: Color) -> None:
        a, b, y0, y1 = board
        pale = (0.9, 0.9, 0.86) if sum(accent) < 1.5 else (0.12, 0.12, 0.14)
        low, high = y0 + (y1 - y0) * 0.25, y1 - (y1 - y0) * 0.2
        letters: list[Rectangle] = []
        u, stop = a + (b - a) * 0.15, b - (b - a) * self.rng.uniform(0.1, 0.45)
        while u < stop:
            letter = self.rng.uniform(0.08, 0.3)
            letters.append((u, u + letter, low, high if self.rng.chance(0.5) else (low + high * 2) / 3))
            u += letter + self.rng.uniform(0.06, 0.14)
        self.brush.fill(letters, self.light.lit(pale, self.wall.facing, 0.4), Material.PAINT, 0.14)

    def _awning(self, span: tuple[float, float], y: float, accent: Color) -> None:
        (a, b), wall = span, self.wall
        stripes = max(1, int((b - a) / 0.5)) if self.rng.chance(0.5) else 1
        slope = (wall.facing[0] * 0.5, 0.85, wall.facing[2] * 0.5)
        cloth, pale = self.light.lit(accent, slope, 0.5), self.light.lit((0.85, 0.83, 0.78), slope, 0.5)
        for k in range(stripes):
            u0, u1 = a + (b - a) * k / stripes, a + (b - a) * (k + 1) / stripes
            color = pale if k % 2 else cloth
            top = [wall.point(u0, y, 0.1), wall.point(u1, y, 0.1), wall.point(u1, y - 0.6, 1.3)]
            self.painter.polygon([*top, wall.point(u0, y - 0.6, 1.3)], color, BUILDING, Material.CLOTH)
            self.brush.fill([(u0, u1, y - 0.85, y - 0.6)], scale(color, 0.85), Material.CLOTH, 1.3)

    # --- light ------------------------------------------------------------------------------------------------------

    def _lit(self, albedo: Color) -> Color:
        """Return a color in the light of most of the wall."""
        return self.light.lit(albedo, self.wall.facing, 0.0 if self.shaded > self.wall.height / 2 else 1.0)

    def _pane(self, shop: bool = False) -> Color:
        """Return the display color of one window: its glass with a reflection, or the lamp behind it."""
        rng = self.rng
        if rng.chance(self.style.lights * (1.5 if shop else 1.0)):
            return scale((1.0, 0.82, 0.52), rng.uniform(0.6, 1.0))
        mirrored = 0.08 + 0.5 * rng.uniform() ** 2
        return mix(scale(self.glass, rng.uniform(0.5, 1.0)), self.light.haze, mirrored * (0.5 if shop else 1.0))
