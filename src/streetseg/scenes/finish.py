"""Post-processing of the painted canvas: speckle, reflections on wet roads, glow of lamps, lens and sensor."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from streetseg.scenes.canvas import OVERSAMPLING, PAVEMENT, ROAD
from streetseg.scenes.light import Floats
from streetseg.scenes.painter import Painter
from streetseg.scenes.rng import Rng
from streetseg.scenes.texture import FIELD, fields, speckle

Planes = Floats  # (3, H, W), display values 0..255


def finish(painter: Painter, labels: NDArray[np.uint8], rng: Rng) -> NDArray[np.uint8]:
    """Return the final image, uint8 (H, W, 3)."""
    canvas = painter.canvas
    planes = np.ascontiguousarray(canvas.colors().transpose(2, 0, 1)).astype(np.float32)
    visibility = painter.light.visibility
    planes *= speckle(canvas.materials(), visibility / (visibility + 50.0), rng)  # weaker in fog
    if painter.light.wet:
        _mirror(planes, labels, painter, rng)
    _glow(planes, painter)
    _sensor_color(planes, painter, rng)
    image = _blur(_bytes(planes), painter, rng)
    return _noise(image, painter, rng)


def _mirror(planes: Planes, labels: NDArray[np.uint8], painter: Painter, rng: Rng) -> None:
    """Add reflections to wet ground, in place: the image mirrored at the horizon and smeared downwards."""
    camera, height = painter.camera, labels.shape[0]
    horizon = height / 2 - camera.focal / OVERSAMPLING * camera.pitch
    wet = (labels == ROAD) | (labels == PAVEMENT)
    rows = np.arange(height)
    source = np.clip((2 * horizon - rows).astype(np.int64) + 2, 0, height - 1)
    mirrored = planes[:, source]
    smear = max(2, height // 40)
    total = mirrored.copy()
    for step in (1, 2, 3):
        total += np.roll(mirrored, step * smear, axis=1)
    column = (np.arange(labels.shape[1]) + rng.integer(0, FIELD)) % FIELD
    row = (rows * 3 + rng.integer(0, FIELD)) % FIELD
    puddles = np.clip(fields()["patch"][row][:, column] * np.float32(0.8) + np.float32(0.55), 0, 1)
    below = np.clip((rows - horizon) / (height - horizon), 0, 1).astype(np.float32)[:, None]
    strength = np.float32(0.5 * painter.light.wet) * puddles * (1 - np.float32(0.55) * below) * wet
    planes += (total / np.float32(4) - planes) * strength


def _glow(planes: Planes, painter: Painter) -> None:
    """Add a halo, in place, around each lamp that nothing is painted over."""
    canvas = painter.canvas
    visible = [lamp for lamp in painter.lamps if lamp.paint and canvas.pixel(lamp.x, lamp.y) == lamp.paint]
    if not visible:
        return
    halo = Image.new("RGB", (canvas.width // 2, canvas.height // 2))
    draw = ImageDraw.Draw(halo)
    for lamp in visible:
        x, y, r = (value / (2 * OVERSAMPLING) for value in (lamp.x, lamp.y, max(lamp.radius, 1.0)))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(round(150 * c) for c in lamp.color))
    soft = halo.filter(ImageFilter.BoxBlur(max(1.0, canvas.height / 100))).filter(
        ImageFilter.BoxBlur(canvas.height / 60)
    )
    wide = np.asarray(soft.resize((canvas.width, canvas.height), Image.Resampling.BILINEAR))
    planes += wide.transpose(2, 0, 1) * np.float32(0.3 + painter.light.night)


def _sensor_color(planes: Planes, painter: Painter, rng: Rng) -> None:
    """Apply white balance, contrast, saturation and vignette, in place."""
    height, width = planes.shape[1:]
    warm, green = rng.bell(0.0, 0.045), rng.bell(0.0, 0.012)
    gains = ((1 + warm) * (1 - green), 1 + green, (1 - warm) * (1 - green))
    saturation, contrast = rng.uniform(0.55, 1.1), rng.uniform(0.85, 1.2)
    gray = (planes[0] * np.float32(0.3) + planes[1] * np.float32(0.59)) + planes[2] * np.float32(0.11)
    u = (np.arange(width, dtype=np.float32) - width / 2) / np.float32(width / 2)
    v = (np.arange(height, dtype=np.float32) - height / 2) / np.float32(width / 2)
    vignette = 1 - np.float32(rng.uniform(0.0, 0.32)) * (u * u + (v * v)[:, None])
    middle = np.float32(110)
    for plane, gain in zip(planes, gains, strict=True):
        plane -= gray
        plane *= np.float32(saturation)
        plane += gray
        plane -= middle
        plane *= np.float32(contrast)
        plane += middle
        plane *= np.float32(gain) * vignette


def _blur(image: NDArray[np.uint8], painter: Painter, rng: Rng) -> NDArray[np.uint8]:
    """Return the image with the blur of focus and, sometimes, of camera motion."""
    scale = image.shape[0] / 256
    blurred = Image.fromarray(image)
    softness = rng.uniform(0.0, 0.55) if rng.chance(0.85) else rng.uniform(0.5, 1.0)
    if softness > 0.15:
        blurred = blurred.filter(ImageFilter.BoxBlur(softness * scale))
    if rng.chance(0.12):
        blurred = blurred.filter(ImageFilter.BoxBlur((rng.uniform(0.5, 1.6) * scale, 0.0)))
    return np.asarray(blurred)


def _noise(image: NDArray[np.uint8], painter: Painter, rng: Rng) -> NDArray[np.uint8]:
    """Return the image with the noise of a sensor, which is stronger at dusk."""
    height, width = image.shape[:2]
    level = rng.uniform(1.0, 5.5) + 3.5 * painter.light.night
    grain = rng.bytes(height, width, 3).astype(np.int16)
    grain -= 128  # uniform, with a standard deviation of 74
    grain *= np.int16(round(level * 128 / 74))
    grain >>= 7
    grain += image
    np.clip(grain, 0, 255, out=grain)
    return grain.astype(np.uint8)


def _bytes(planes: Planes) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.clip(planes + np.float32(0.5), 0, 255).astype(np.uint8).transpose(1, 2, 0))
