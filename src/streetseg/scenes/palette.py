"""Colors of things, as display values 0..1 of the surface without light.

The palettes overlap on purpose: gray may be a car, a road, a facade, a pole, a coat or the sky.
"""

from streetseg.scenes.light import Color
from streetseg.scenes.rng import Rng


def _hex(*codes: str) -> tuple[Color, ...]:
    return tuple((int(code[0:2], 16) / 255, int(code[2:4], 16) / 255, int(code[4:6], 16) / 255) for code in codes)


GRAYS = _hex("3a3c3f", "56585a", "6f7173", "8b8c8d", "a7a8a8", "c4c4c2", "dededa")
BROWNS = _hex("4a3426", "6b4a33", "7d5a41", "8f6a4c", "a58463", "5c4a3c")
BRICKS = _hex("7c4134", "8d5140", "9c6a54", "74483c", "a8745a", "b98d6d", "6b3a30")
STONES = _hex("b5a58a", "c9b897", "d8ccb0", "a89878", "e3dcc8", "9d927f", "c7bca6")
BLUES = _hex("2b3f63", "3f5f8c", "5f7fa6", "8aa3bd", "1f2d45", "a9bccb")
GREENS = _hex("35553a", "4e6b3c", "6d8050", "27402b", "8a9a6a", "5b7a66")
YELLOWS = _hex("c9a23c", "d8bd6a", "b8924a", "e0cf93")
REDS = _hex("8c2b2b", "a83a32", "702426", "b85a4a")
DARKS = _hex("15171a", "22252a", "2d2f33", "1b1a18")
WHITES = _hex("e8e8e6", "f2f1ec", "d9dbdc")

FACADES = BRICKS * 2 + STONES * 2 + GRAYS + BLUES[1:4] + YELLOWS + WHITES + GREENS[2:5:2] + REDS[3:] + BROWNS[2:5]
ROOFS = BRICKS + GRAYS[:4] + BROWNS + DARKS[1:3]
CARS = GRAYS * 2 + WHITES * 2 + DARKS * 2 + BLUES + REDS + GREENS[:4] + BROWNS + STONES[:3] + YELLOWS[:1]
CLOTHES = DARKS * 5 + GRAYS[:5] + BLUES * 2 + BROWNS + REDS + GREENS + STONES[:3] + WHITES + YELLOWS[:2]
TRUNKS = BROWNS + GRAYS[:4] + STONES[3:6:2] + DARKS[1:2]
POLES = GRAYS * 2 + DARKS + GREENS[3:4] + BROWNS[:3] + WHITES[:1] + BLUES[:1]
FENCES = GRAYS + DARKS * 2 + BROWNS * 2 + GREENS[:4] + WHITES + STONES[:2] + BRICKS[:2]
SKINS = _hex("f0cdb5", "dcae8e", "b98560", "8a5b3d", "5a3a28")
HAIR = _hex("1c1613", "3b2a1e", "6b4a2c", "a98552", "8c8c8c", "d0cdc8")
LEAVES = {
    "summer": _hex("3f5a2a", "4c6b30", "5d7a3b", "6d7f45", "39502f", "7c8f55"),
    "spring": _hex("7f9a4a", "93a85a", "6c8a42", "a3ae6f"),
    "autumn": _hex("a9762f", "8f5a2a", "b58c3a", "7a6a34", "9a4a2a"),
    "dark": _hex("26382a", "2f4432", "33472a", "3c4a3a"),
}
ASPHALTS = _hex("5e5f60", "6c6c6b", "7b7a78", "8a8986", "575a5f", "76706a", "96938d", "6a6258", "46474a", "a5a29a")
PAVINGS = _hex(
    "8f8d88",
    "a19c93",
    "b1aa9c",
    "7f7d7a",
    "9c8f80",
    "a6877a",
    "8a8f94",
    "bcb6aa",
    "6a6a69",
    "75706a",
    "8f5f50",
    "d0cabd",
)
LANES = _hex("7a4a42", "8c5a4c", "5d3f3a", "4f6a52", "46607d")  # of bicycles and buses
LAWNS = _hex("5c7038", "6f7f42", "80854f", "4d6133", "948f5c")


def vary(rng: Rng, color: Color, amount: float = 0.06) -> Color:
    """Return the color with a small random change of lightness and hue."""
    level = 1.0 + rng.bell(0.0, amount)
    shift, turn = rng.uniform(-0.3, 0.3) * amount, rng.uniform(-0.3, 0.3) * amount
    red, green, blue = color
    return _cut(red * level + shift), _cut(green * level - turn), _cut(blue * level - shift + turn)


def choose(rng: Rng, colors: tuple[Color, ...], amount: float = 0.06) -> Color:
    """Return a random one of the colors, varied."""
    return vary(rng, rng.pick(colors), amount)


def mix(a: Color, b: Color, share: float) -> Color:
    """Return the mixture of (1 - share) of a and share of b."""
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share


def scale(color: Color, factor: float) -> Color:
    """Return the color multiplied by a factor, clipped at 1."""
    return min(1.0, color[0] * factor), min(1.0, color[1] * factor), min(1.0, color[2] * factor)


def _cut(value: float) -> float:
    return min(1.0, max(0.02, value))
