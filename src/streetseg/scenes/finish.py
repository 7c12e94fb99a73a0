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
    planes *= speckle(canvas.materials(), rng.uniform(0.35, 1.1) * visibility / (visibility + 50.0), rng)
    if painter.light.wet:
        _mirror(planes, labels, painter, rng)
    _glow(planes, painter)
    _windscreen(planes, rng)
    _expose(planes, painter, rng)
    image = _tone_curve(rng).take(_bytes(planes))
    image = _lens(image, rng)
    image = _noise(image, painter, rng)
    return _video(image, rng)


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


def _windscreen(planes: Planes, rng: Rng) -> None:
    """Add, in place, what a windscreen and a bright sun do now and then: a veil of reflections, streaks of light."""
    height, width = planes.shape[1:]
    if rng.chance(0.15):
        row = (np.arange(height) + rng.integer(0, FIELD)) // 2 % FIELD
        column = (np.arange(width) + rng.integer(0, FIELD)) // 2 % FIELD
        veil = fields()["cloud"][row][:, column] + np.float32(rng.uniform(0.0, 1.0))
        planes += np.maximum(veil, 0) * np.float32(rng.uniform(6.0, 35.0))
    if rng.chance(0.06):
        first = rng.integer(0, width - 1)
        planes[:, :, first : first + rng.integer(1, 4)] += np.float32(rng.uniform(25.0, 130.0))


def _expose(planes: Planes, painter: Painter, rng: Rng) -> None:
    """Apply exposure, white balance, saturation and vignette, in place."""
    height, width = planes.shape[1:]
    warm, green = rng.bell(-0.02, 0.05), rng.bell(0.008, 0.018)
    gains = ((1 + warm) * (1 - green), 1 + green, (1 - warm) * (1 - green))
    saturation = rng.uniform(0.3, 1.0)  # the tone curve adds some
    gray = (planes[0] * np.float32(0.3) + planes[1] * np.float32(0.59)) + planes[2] * np.float32(0.11)
    u = (np.arange(width, dtype=np.float32) - width / 2) / np.float32(width / 2)
    v = (np.arange(height, dtype=np.float32) - height / 2) / np.float32(width / 2)
    darkening = rng.uniform(0.0, 0.3) if rng.chance(0.5) else 0.0
    vignette = np.float32(painter.light.exposure) * (1 - np.float32(darkening) * (u * u + (v * v)[:, None]))
    for plane, gain in zip(planes, gains, strict=True):
        plane -= gray
        plane *= np.float32(saturation)
        plane += gray
        plane *= np.float32(gain) * vignette


def _tone_curve(rng: Rng) -> NDArray[np.uint8]:
    """Return the tone curve of a camera, uint8 (256,): brightness of the middle, contrast, black level."""
    x = np.arange(256) / 255.0
    dark: float = 2.0 ** rng.bell(0.0, 0.4)
    bent = x / (x + (1 - x) * dark)
    steep = bent * bent * (3 - 2 * bent)
    curve = bent + (steep - bent) * rng.uniform(-0.1, 1.3)
    black = rng.uniform(-0.07, 0.07)  # below 0: dark tones are lost; above: a veil
    return (np.clip(black + (1 - black) * curve, 0, 1) * 255 + 0.5).astype(np.uint8)


def _lens(image: NDArray[np.uint8], rng: Rng) -> NDArray[np.uint8]:
    """Return the image with the blur of focus and of motion, or sharpened as cameras do."""
    scale = image.shape[0] / 256
    blurred = Image.fromarray(image)
    softness = rng.pick((0.0, rng.uniform(0.15, 0.5), rng.uniform(0.5, 1.0)), (6, 3, 1))
    if softness:
        blurred = blurred.filter(ImageFilter.BoxBlur(softness * scale))
    if rng.chance(0.08):
        blurred = blurred.filter(ImageFilter.BoxBlur((rng.uniform(0.5, 1.6) * scale, 0.0)))
    if rng.chance(0.4):
        return _sharpened(np.asarray(blurred), rng.integer(4, 18))
    return np.asarray(blurred)


def _sharpened(image: NDArray[np.uint8], strength: int) -> NDArray[np.uint8]:
    """Return the image plus `strength` sixteenths of its difference from a blurred one."""
    soft = np.asarray(Image.fromarray(image).filter(ImageFilter.BoxBlur(1)))
    edges = image.astype(np.int16)
    edges -= soft
    edges *= np.int16(strength)
    edges >>= 4
    edges += image
    np.clip(edges, 0, 255, out=edges)
    return edges.astype(np.uint8)


def _noise(image: NDArray[np.uint8], painter: Painter, rng: Rng) -> NDArray[np.uint8]:
    """Return the image with the noise of a sensor, in color or gray; it is stronger at dusk."""
    height, width = image.shape[:2]
    level = (rng.uniform(0.0, 2.0) if rng.chance(0.75) else rng.uniform(2.0, 6.0)) + 2.0 * painter.light.night
    grain = rng.bytes(height, width, rng.pick((1, 3))).astype(np.int16)
    grain -= 128  # uniform, with a standard deviation of 74
    grain *= np.int16(round(level * 128 / 74))
    grain >>= 7
    grain = grain + image
    np.clip(grain, 0, 255, out=grain)
    return grain.astype(np.uint8)


def _video(image: NDArray[np.uint8], rng: Rng) -> NDArray[np.uint8]:
    """Return the image as a video stores it: often with coarse colors, sometimes with two half frames interlaced."""
    if rng.chance(0.4):
        light, *colors = Image.fromarray(image).convert("YCbCr").split()
        coarse = [c.reduce(2).resize(light.size, Image.Resampling.BILINEAR) for c in colors]
        image = np.asarray(Image.merge("YCbCr", (light, *coarse)).convert("RGB"))
    if rng.chance(0.04):
        image = image.copy()
        image[1::2] = np.roll(image[1::2], rng.pick((-2, -1, 1, 2)), axis=1)
    return image


def _bytes(planes: Planes) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.clip(planes + np.float32(0.5), 0, 255).astype(np.uint8).transpose(1, 2, 0))
