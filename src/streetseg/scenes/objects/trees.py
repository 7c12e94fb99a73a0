"""Trees in leaf, bare trees, conifers and bushes, and the tufts of leaves that they share with hedges."""

import math
from dataclasses import dataclass

from streetseg.scenes.canvas import TREE
from streetseg.scenes.light import Color, Vector
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import LEAVES, TRUNKS, choose, scale
from streetseg.scenes.rng import Rng
from streetseg.scenes.street import Shade
from streetseg.scenes.texture import Material

Outline = list[tuple[float, float]]
Tip = tuple[Vector, Vector]  # end of a branch and its direction


def _ragged(rng: Rng, points: int, least: float) -> Outline:
    """Return a ragged closed outline around the unit circle."""
    outline = []
    for k in range(points):
        radius = rng.uniform(least, 1.15)
        turn = (k + rng.uniform(-0.35, 0.35)) * 2 * math.pi / points
        outline.append((radius * math.cos(turn), radius * math.sin(turn)))
    return outline


# Outlines of tufts, the same in every scene.
TUFTS = [_ragged(Rng(k), 14, 0.66) for k in range(24)]


@dataclass(frozen=True)
class Tree:
    """A tree at (t, s). `kind` is leafy, bare, conifer or bush; `radius` is that of its crown."""

    kind: str
    t: float
    s: float
    height: float
    radius: float
    leaf: Color
    bark: Color
    rng: Rng
    shade: Shade

    @property
    def reach(self) -> float:
        """s of the trunk: a tree is painted before things that are nearer than its trunk."""
        return self.s

    def cast(self, painter: Painter) -> None:
        """Paint a dappled shadow."""
        low, high = self._crown()
        if not painter.sunny or self.s > 70.0:
            return
        rng = self.rng
        density = 3 if self.kind == "bare" else 7
        for _ in range(density):
            center = (
                self.t + self.radius * rng.uniform(-0.6, 0.6),
                rng.uniform(low, high),
                self.s + self.radius * rng.uniform(-0.6, 0.6),
            )
            painter.cast_disc(center, self.radius * rng.uniform(0.25, 0.5))
        girth = self._girth()
        painter.cast(
            (self.t + a, y, self.s + b)
            for a in (-girth, girth)
            for b in (-girth, girth)
            for y in (0.0, (low + high) / 2)
        )
        painter.touch(_ring((self.t, 0.0, self.s), max(0.5, girth * 2.5)), 0.35)

    def paint(self, painter: Painter) -> None:
        """Paint the trunk, then the crown from the back to the front."""
        if not painter.sees((self.t, self.height / 2, self.s), self.height / 2 + self.radius):
            return
        if self.kind == "conifer":
            self._trunk(painter, 0.25)
            self._tiers(painter)
        elif self.kind == "bush":
            self._leaves(painter)
        elif self.kind == "bare":
            self._branches(painter)
        else:
            self._trunk(painter, 0.7)
            self._leaves(painter)

    def _crown(self) -> tuple[float, float]:
        """Return the heights of the lowest and highest leaves."""
        if self.kind == "bush":
            return 0.15, self.height
        return self.height * (0.12 if self.kind == "conifer" else 0.36), self.height

    def _girth(self) -> float:
        """Return the radius of the trunk at the ground."""
        return 0.0 if self.kind == "bush" else 0.05 + 0.022 * self.height

    def _bark(self, painter: Painter) -> Color:
        sun = self.shade.sunshine(self.t, self.s, 1.5)
        return painter.light.lit(self.bark, (0.0, 0.2, -0.6), sun)

    def _trunk(self, painter: Painter, share: float) -> None:
        girth, color = self._girth(), self._bark(painter)
        lean = self.rng.bell(0.0, 0.15)
        fork = (self.t + lean, self.height * share, self.s)
        painter.limb((self.t, 0.0, self.s), fork, (girth, girth * 0.55), color, TREE, Material.BARK)
        if self.kind == "conifer":
            return
        low = (self.t + lean * 0.6, self.height * share * 0.6, self.s)
        for side in (-1, 1):
            tip = (self.t + side * self.radius * 0.5, self.height * 0.72, self.s)
            painter.limb(low, tip, (girth * 0.5, girth * 0.2), scale(color, 0.9), TREE, Material.BARK)

    def _leaves(self, painter: Painter) -> None:
        """Paint the crown: ragged balls of leaves, dark inside and below, bright toward the sun."""
        rng, light = self.rng, painter.light
        low, high = self._crown()
        middle, half = (low + high) / 2, (high - low) / 2
        distance = painter.view((self.t, middle, self.s))[2]
        size = painter.pixels(self.radius, distance)
        if size < 1.0:
            return
        material = Material.LEAVES_NEAR if distance < 14 else Material.LEAVES if distance < 45 else Material.LEAVES_FAR
        sun = self.shade.sunshine(self.t, self.s, middle)
        count = int(min(80, max(4, size * 0.38)))
        ball = min(self.radius, half) * 2.2 / count**0.38
        balls: list[tuple[float, Vector, Vector]] = []
        for _ in range(count):
            x, y, z = (rng.uniform(-1, 1) for _ in range(3))
            length = math.sqrt(x * x + y * y + z * z) or 1.0
            reach = rng.uniform(0.35, 0.85) / max(1.0, length)
            x, y, z = x * reach, y * reach, z * reach
            center = (self.t + x * self.radius, middle + y * half, self.s + z * self.radius)
            up = (x / 0.85, y / 0.85, z / 0.85)
            balls.append((painter.view(center)[2], center, up))
        balls.sort(reverse=True)
        for number, (_, center, outward) in enumerate(balls):
            dark = (0.62 + 0.38 * number / count + 0.12 * outward[1]) * rng.uniform(0.88, 1.12)
            color = light.lit(scale(self.leaf, dark), outward, sun)
            painter.blob(center, ball * rng.uniform(0.7, 1.25), rng.pick(TUFTS), color, TREE, material)

    def _tiers(self, painter: Painter) -> None:
        """Paint the tiers of a conifer from the lowest to the highest."""
        rng = self.rng
        low, high = self._crown()
        tiers = 7
        distance = painter.view((self.t, low, self.s))[2]
        material = Material.LEAVES if distance < 30 else Material.LEAVES_FAR
        sun = self.shade.sunshine(self.t, self.s, (low + high) / 2)
        for tier in range(tiers):
            share = tier / tiers
            bottom, top = low + (high - low) * share, low + (high - low) * min(1.0, share + 0.32)
            wide = self.radius * (1.0 - share) + 0.15
            outline: list[Vector] = [(self.t, top, self.s)]
            for k in range(9):
                across = 1.0 - k / 4.0
                drop = rng.uniform(-0.3, 0.25) if k % 2 else -0.1
                outline.append((self.t + wide * across, bottom + drop, self.s))
            color = painter.light.lit(scale(self.leaf, 0.75 + 0.05 * tier), (0.0, 0.4, -0.7), sun * 0.7)
            painter.polygon(outline, color, TREE, material)

    def _branches(self, painter: Painter) -> None:
        """Paint a tree without leaves: branches that fork and become thinner, with a spray of twigs at each tip.

        What is seen between dense twigs belongs to the tree, what is seen between the outer ones does not: so most
        people label it.
        """
        color = self._bark(painter)
        distance = painter.view((self.t, 0.0, self.s))[2]
        depth = 4 if distance < 25 else 3 if distance < 55 else 2
        thinnest = 0.6 / max(painter.pixels(1.0, distance), 1e-6)
        foot, trunk = (self.t, 0.0, self.s), self.height * self.rng.uniform(0.24, 0.33)
        tips = self._fork(painter, foot, (0.0, 1.0, 0.0), trunk, self._girth(), color, depth, thinnest)
        size = self.height * (0.13 if depth > 2 else 0.19)
        self._twigs(painter, tips, size, scale(color, 1.1))
        self._claim_crown(painter, tips, 0.6 * size)

    def _twigs(self, painter: Painter, tips: list[Tip], size: float, color: Color) -> None:
        """Paint thin twigs of about this length, meters, around each tip."""
        rng = self.rng
        for (t, y, s), (a, b, c) in tips:
            for _ in range(7):
                x, u, z = 0.6 * a + rng.bell(0, 0.6), 0.6 * b + rng.bell(0.1, 0.5), 0.6 * c + rng.bell(0, 0.6)
                length = size * rng.uniform(0.8, 1.8)
                end = (t + x * length, y + u * length, s + z * length)
                painter.wire(((t, y, s), end), 0.012, color, TREE, Material.BARK)

    def _claim_crown(self, painter: Painter, tips: list[Tip], size: float) -> None:
        """Give what is seen through the twigs to the tree."""
        right = painter.camera.axes[0]
        outlines = []
        for (t, y, s), _ in tips:
            tuft = self.rng.pick(TUFTS)[::2]
            outlines.append([(t + right[0] * size * u, y + size * v, s + right[2] * size * u) for u, v in tuft])
        painter.claim(outlines, TREE)

    def _fork(
        self,
        painter: Painter,
        foot: Vector,
        direction: Vector,
        length: float,
        girth: float,
        color: Color,
        depth: int,
        thinnest: float,
    ) -> list[Tip]:
        """Paint a branch and the branches that fork from it. Return the tips of the thinnest ones."""
        rng = self.rng
        t, y, s = foot
        a, b, c = direction
        tip = (t + a * length, y + b * length, s + c * length)
        painter.limb(foot, tip, (max(girth, thinnest), max(girth * 0.65, thinnest)), color, TREE, Material.BARK)
        if depth == 0:
            return [(tip, direction)]
        tips = [(tip, direction)] if depth == 1 else []
        for _ in range(3):
            x, u, z = a + rng.bell(0, 0.48), b + rng.bell(0.05, 0.3), c + rng.bell(0, 0.48)
            norm = math.sqrt(x * x + u * u + z * z) or 1.0
            share = rng.uniform(0.6, 0.85)
            turn = (x / norm, u / norm, z / norm)
            start = rng.uniform(0.75, 1.0)
            fork = (t + a * length * start, y + b * length * start, s + c * length * start)
            tips += self._fork(painter, fork, turn, length * share, girth * 0.55, color, depth - 1, thinnest)
        return tips


def draw_tree(kind: str, t: float, s: float, season: str, rng: Rng, shade: Shade) -> Tree:
    """Return a random tree of a kind; `season` selects the colors of its leaves.

    Some trees have leaves when most are bare, and the other way round.
    """
    if kind in ("leafy", "bare") and rng.chance(0.2):
        kind = "bare" if kind == "leafy" else "leafy"
    if kind == "bush":
        height = rng.uniform(0.7, 1.9)
        radius = height * rng.uniform(0.5, 0.9)
    elif kind == "conifer":
        height = rng.uniform(5.0, 13.0)
        radius = height * rng.uniform(0.18, 0.26)
    else:
        height = rng.uniform(4.5, 12.0)
        radius = height * rng.uniform(0.22, 0.36)
    leaf = choose(rng, LEAVES["dark" if kind == "conifer" else season], 0.1)
    return Tree(kind, t, s, height, radius, leaf, choose(rng, TRUNKS), rng.child(), shade)


def _ring(center: Vector, radius: float) -> list[Vector]:
    t, y, s = center
    return [(t + radius * math.cos(k * 0.785), y, s + radius * math.sin(k * 0.785)) for k in range(8)]
