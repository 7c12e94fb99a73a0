"""Fronts of buildings: windows, doors, shop fronts, balconies."""

from dataclasses import dataclass

from streetseg.scenes.canvas import BUILDING
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


def draw_style(rng: Rng, night: float) -> Style:
    """Return a random appearance; `night`, 0 to 1, increases the share of lit windows."""
    modern = rng.chance(0.3)
    base = choose(rng, FACADES, 0.09)
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
        window=(rng.uniform(0.35, 0.7), rng.uniform(0.42, 0.7)),
        ribbon=modern and rng.chance(0.5),
        ledges=rng.chance(0.45),
        shop=rng.chance(0.5),
        balconies=rng.chance(0.18),
        pitched=0.0 if modern else rng.uniform(1.5, 4.5) * rng.chance(0.75),
        lights=night * rng.uniform(0.1, 0.7) + (0.03 if rng.chance(0.3) else 0.0),
    )


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
            return
        self._windows()
        if self.style.shop:
            self._shops()
        else:
            self._door()

    def _bare(self) -> None:
        wall, style, fill = self.wall, self.style, self.brush.fill
        sunny, dim = (self.light.lit(style.base, wall.facing, sun) for sun in (1.0, 0.0))
        if self.shaded < wall.height:
            fill([(0, wall.length, self.shaded, wall.height)], sunny, style.material)
        if self.shaded > 0:
            fill([(0, wall.length, 0, self.shaded)], dim, style.material)
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
            bars = [((a + b) / 2 - 0.04, (a + b) / 2 + 0.04, y0, y1) for a, b, y0, y1 in panes]
            brush.fill(bars, frame, Material.PLASTER)
            sills = [(a - 0.15, b + 0.15, y0 - 0.18, y0 - 0.03) for a, b, y0, _ in panes]
            brush.fill(sills, scale(trim, 1.1), Material.PLASTER, 0.1)
        if style.balconies and size > FRAMED:
            self._balconies(panes)

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
