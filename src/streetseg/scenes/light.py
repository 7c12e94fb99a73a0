"""Sun, sky light and weather, and their effect on a color."""

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from streetseg.scenes.rng import Rng

Color = tuple[float, float, float]  # display values 0..1
Vector = tuple[float, float, float]
Floats = NDArray[np.floating[Any]]  # always float32; numpy's type hints lose this in sums with Python numbers


@dataclass(frozen=True)
class Light:
    """The light of one scene. Intensities are linear; display value = sqrt(linear), a gamma of 2.

    Args:
        kind: clear, cloudy, overcast, fog or dusk.
        to_sun: unit vector toward the sun.
        sun: linear color of the sun, (0, 0, 0) when it is hidden.
        ambient: linear color of the light from the sky.
        haze: display color of distant haze.
        visibility: distance in meters at which 63 % of the light is haze.
        wet: 0 (dry) to 1 (mirroring road).
        gain: brightness of the ground and of things, relative to the sky.
        exposure: factor of all display values in the camera; what exceeds 1 burns out, usually the sky.
        night: 0 (day) to 1 (lamps lit).
    """

    kind: str
    to_sun: Vector
    sun: Color
    ambient: Color
    haze: Color
    visibility: float
    wet: float
    gain: float
    exposure: float
    night: float

    def lit(self, albedo: Color, normal: Vector, sunshine: float = 1.0) -> Color:
        """Return the display color of a matte surface: albedo (display), unit normal, share of sunlight on it."""
        x, y, z = self.to_sun
        direct = max(0.0, normal[0] * x + normal[1] * y + normal[2] * z) * sunshine * self.gain
        sky = (0.72 + 0.28 * normal[1]) * self.gain
        (red, green, blue), ambient, sun = albedo, self.ambient, self.sun
        return (
            _tone(red * red * (ambient[0] * sky + sun[0] * direct)),
            _tone(green * green * (ambient[1] * sky + sun[1] * direct)),
            _tone(blue * blue * (ambient[2] * sky + sun[2] * direct)),
        )

    def lit_ground(self, albedo: Floats, sunshine: Floats) -> Floats:
        """Return `lit` for level ground: albedo (3, H, W), changed in place, and sunshine (H, W)."""
        for channel, ambient, sun in zip(albedo, self.ambient, self.sun, strict=True):
            channel *= channel
            channel *= np.float32(ambient * self.gain) + sunshine * np.float32(sun * self.to_sun[1] * self.gain)
        albedo *= (1 + albedo / np.float32(4)) / (1 + albedo)
        return np.sqrt(albedo)


Amount = TypeVar("Amount", float, Floats)


def haziness(depth: Amount) -> Amount:
    """Return the share of the light that is haze, 0..1, at a distance of `depth` times the visibility.

    1 - 1 / (1 + d + d²/2 + d³/6) is close to 1 - exp(-d) and rounds the same way on every machine.
    """
    return 1 - 1 / (1 + depth * (1 + depth * (0.5 + depth / 6)))


def _tone(linear: float) -> float:
    """Convert linear to display: tone mapping (Reinhard et al. 2002, white at 2), then gamma 2."""
    return math.sqrt(linear * (1.0 + linear / 4.0) / (1.0 + linear))


def draw_light(rng: Rng) -> Light:
    """Return random weather."""
    kind = rng.pick(("clear", "cloudy", "overcast", "fog", "dusk"), (0.36, 0.20, 0.24, 0.05, 0.15))
    azimuth = rng.uniform(-math.pi, math.pi)
    height = math.radians(rng.uniform(6, 16) if kind == "dusk" else rng.uniform(9, 62))
    to_sun = (math.sin(azimuth) * math.cos(height), math.sin(height), math.cos(azimuth) * math.cos(height))
    warmth = rng.uniform(0.0, 0.25)
    sun_strength = {"clear": 2.2, "cloudy": rng.uniform(0.8, 1.7), "overcast": 0.0, "fog": 0.0, "dusk": 0.45}[kind]
    ambient_strength = {"clear": rng.uniform(0.3, 0.6), "cloudy": 0.8, "overcast": 1.3, "fog": 1.35, "dusk": 0.6}[kind]
    sun_color = (1.25, 0.72, 0.42) if kind == "dusk" else (1.0 + warmth, 1.0, 0.92 - warmth)
    blue = {"clear": 0.28, "cloudy": 0.15, "overcast": 0.03, "fog": 0.0, "dusk": 0.3}[kind] * rng.uniform(0.6, 1.2)
    ambient_color = (1.0 - blue, 1.0, 1.0 + blue)
    level = sun_strength * to_sun[1] + ambient_strength
    exposure = rng.uniform(1.3, 2.1) if kind != "dusk" and rng.chance(0.7) else rng.uniform(1.0, 1.3)
    shade = rng.uniform(-3.3, -0.6) if kind == "dusk" else rng.bell(-0.45, 0.55)
    gain = 1.25 * 2.0**shade / (level * exposure * exposure)  # display values are roots, hence the square
    brightness = min(1.0, 0.8 + 0.25 * rng.bell(0, 0.4)) * (0.55 if kind == "dusk" else 1.0)
    tint = rng.bell(0.0, 0.03) + (0.10 if kind == "dusk" else -0.03)
    return Light(
        kind=kind,
        to_sun=to_sun,
        sun=tuple(c * sun_strength for c in sun_color),  # type: ignore[arg-type]
        ambient=tuple(c * ambient_strength for c in ambient_color),  # type: ignore[arg-type]
        haze=(brightness * (1 + tint), brightness, brightness * (1 - tint)),
        visibility=rng.uniform(45, 90) if kind == "fog" else 10 ** rng.uniform(2.35, 3.1),
        wet=rng.uniform(0.35, 1.0) if kind in ("overcast", "fog", "dusk", "cloudy") and rng.chance(0.4) else 0.0,
        gain=gain,
        exposure=exposure,
        night=rng.uniform(0.3, 1.0) if kind == "dusk" else 0.0,
    )
