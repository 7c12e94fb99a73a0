"""The sky: gradient, glow around the sun, clouds."""

import numpy as np

from streetseg.scenes.light import Color, Floats, Light
from streetseg.scenes.rng import Rng
from streetseg.scenes.texture import FIELD, fields

Rays = tuple[Floats, Floats, Floats]
Planes = Floats  # (3, H, W)


def sky(rays: Rays, light: Light, rng: Rng) -> Planes:
    """Return display colors 0..1 of the sky along rays (H, W) each, float32 (3, H, W)."""
    x, y, z = rays
    length = np.sqrt(x * x + y * y + z * z)
    height = np.maximum(y / length, 0)
    high, low = _tones(light, rng)
    colors = np.empty((3, *height.shape), np.float32)
    colors[:] = np.array(low, np.float32)[:, None, None]
    _blend(colors, high, height / (height + np.float32(rng.uniform(0.12, 0.35))))
    if light.kind in ("clear", "cloudy", "dusk"):
        sx, sy, sz = (np.float32(s) for s in light.to_sun)
        wide = _sixteenth_power(np.maximum((x * sx + y * sy + z * sz) / length, 0))
        glow = wide * np.float32(0.35) + _sixteenth_power(wide) * np.float32(0.7)
        _blend(colors, (1.0, 0.75, 0.5) if light.kind == "dusk" else (1.0, 1.0, 0.96), np.minimum(glow, 1))
    if light.kind != "fog":
        _clouds(colors, rays, light, rng)
    return colors


def _tones(light: Light, rng: Rng) -> tuple[Color, Color]:
    """Return the colors of the zenith and of the horizon."""
    if light.kind == "clear":
        deep = rng.uniform(0.0, 1.0)
        return (0.27 + 0.4 * deep, 0.47 + 0.35 * deep, 0.75 + 0.2 * deep), light.haze
    if light.kind == "cloudy":
        pale = rng.uniform(0.0, 0.35)
        return (0.42 + pale, 0.56 + pale, 0.74 + pale * 0.6), light.haze
    if light.kind == "dusk":
        return (0.22, 0.27, 0.42), light.haze
    dim = rng.uniform(0.75, 1.08)
    red, green, blue = light.haze
    return (red * dim, green * dim, min(1.0, blue * dim)), light.haze


def _clouds(colors: Planes, rays: Rays, light: Light, rng: Rng) -> None:
    x, y, z = rays
    stretch = rng.uniform(18, 45)
    flat = np.maximum(y, 0) + np.float32(0.10)
    across = (x / flat * np.float32(stretch) + np.float32(rng.uniform(0, FIELD))).astype(np.int32)
    along = (z / flat * np.float32(stretch) + np.float32(rng.uniform(0, FIELD))).astype(np.int32)
    field = fields()["cloud"].reshape(-1)
    here = field.take((along % FIELD) * FIELD + across % FIELD)
    sunward = field.take(((along + 9) % FIELD) * FIELD + (across + 7) % FIELD)
    cover = {"clear": rng.uniform(0.2, 1.6), "cloudy": rng.uniform(-0.35, 0.3), "dusk": rng.uniform(-0.3, 0.6)}
    threshold = cover.get(light.kind, -0.7)
    body = np.clip((here - np.float32(threshold)) * np.float32(2.2), 0, 1)
    level = sum(light.haze) / 3
    bright, dark = {
        "clear": ((0.97, 0.97, 0.97), (0.74, 0.77, 0.82)),
        "cloudy": ((0.95, 0.95, 0.94), (0.52, 0.55, 0.60)),
        "dusk": ((0.78, 0.58, 0.48), (0.26, 0.27, 0.34)),
    }.get(light.kind, ((level * 1.08, level * 1.08, level * 1.08), (level * 0.74, level * 0.76, level * 0.79)))
    shade = np.clip(np.float32(0.5) + (here - sunward) * np.float32(0.9) + body * np.float32(0.25), 0, 1)
    body *= np.float32(rng.uniform(0.6, 1.0))
    for channel, sunlit, shaded in zip(colors, bright, dark, strict=True):
        channel += (np.float32(sunlit) + np.float32(shaded - sunlit) * shade - channel) * body


def _sixteenth_power(x: Floats) -> Floats:
    for _ in range(4):  # x ** 16 may round differently on another machine
        x = x * x
    return x


def _blend(colors: Planes, other: Color, share: Floats) -> None:
    """Mix a share (H, W) of another color into the colors, in place."""
    for channel, value in zip(colors, other, strict=True):
        channel += (np.float32(value) - channel) * share
