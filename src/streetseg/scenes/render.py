"""Render one street scene from its seed and index."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.scenes.bonnet import paint_bonnet
from streetseg.scenes.camera import draw_camera
from streetseg.scenes.canvas import SKY, Canvas
from streetseg.scenes.finish import finish
from streetseg.scenes.ground import GroundPainter, cast_unseen, light_ground
from streetseg.scenes.layout import furnish
from streetseg.scenes.light import Floats, draw_light
from streetseg.scenes.painter import Painter
from streetseg.scenes.rng import Rng
from streetseg.scenes.sky import sky
from streetseg.scenes.street import draw_street

SCENES_VERSION = 5  # increase it when the image of a (seed, index) changes


def render(seed: int, index: int, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Render scene `index` of `seed`. Return uint8 RGB (H, W, 3) and labels uint8 (H, W) of street-11."""
    rng = Rng(seed, index)
    light, street = draw_light(rng.child()), draw_street(rng.child())
    camera = draw_camera(street, size, rng.child())
    canvas = Canvas(*size)
    painter = Painter(canvas, camera, light, street)

    GroundPainter(painter, rng.child()).paint()
    things = furnish(street, light, (camera.position[0], camera.position[2]), rng.child())
    for thing in things:
        thing.cast(painter)
    cast_unseen(painter, rng.child())
    _light_backdrop(painter, rng.child())
    for thing in sorted(things, key=lambda thing: -thing.reach):
        thing.paint(painter)
    paint_bonnet(painter, rng.child())
    labels = canvas.labels()
    return finish(painter, labels, rng.child()), labels


def _light_backdrop(painter: Painter, rng: Rng) -> None:
    """Light the flat colors of sky and ground, before things are painted in front of them."""
    canvas = painter.canvas
    labels = canvas.labels()
    image = np.asarray(Image.fromarray(_sky(painter, rng)).resize((canvas.width, canvas.height))).copy()
    below = np.flatnonzero((labels != SKY).any(axis=1))
    if below.size:
        rows = slice(below[0], canvas.height)
        rays = painter.camera.rays(canvas.height, canvas.width, rows)
        ground = light_ground(canvas.colors()[rows], labels[rows], rays, rows, painter, rng)
        image[rows] = np.where((labels[rows] == SKY)[..., None], image[rows], _bytes(ground))
    canvas.recolor(image)


def _sky(painter: Painter, rng: Rng) -> NDArray[np.uint8]:
    """Return the sky, uint8 (H // 2, W // 2, 3). It is smooth and mostly hidden, so half the resolution suffices."""
    canvas = painter.canvas
    rays = painter.camera.rays(canvas.height // 2, canvas.width // 2)
    return _bytes(sky(rays, painter.light, rng))


def _bytes(colors: Floats) -> NDArray[np.uint8]:
    """Convert display colors 0..1 (3, H, W) to uint8 (H, W, 3)."""
    levels = (np.clip(colors, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(1, 2, 0))
