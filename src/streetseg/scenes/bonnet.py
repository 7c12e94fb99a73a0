"""The bonnet of the camera's own car at the bottom of the image. It is of no class."""

from streetseg.scenes.canvas import IGNORE
from streetseg.scenes.painter import Painter
from streetseg.scenes.palette import CARS, DARKS, choose, mix
from streetseg.scenes.rng import Rng
from streetseg.scenes.texture import Material


def paint_bonnet(painter: Painter, rng: Rng) -> None:
    """Paint, in a quarter of the scenes seen from a car, a bonnet or the top of the dashboard."""
    canvas, camera = painter.canvas, painter.camera
    if abs(camera.position[0]) > painter.street.road or not rng.chance(0.25):
        return
    width, height = camera.width, camera.height
    rise, middle = height * rng.uniform(0.012, 0.07), width * rng.uniform(0.3, 0.7)
    arch = rng.uniform(0.0, 1.0)  # 0: straight edge; 1: the edge falls to nothing at the sides
    dull = choose(rng, CARS if rng.chance(0.7) else DARKS)
    color = painter.light.lit(dull, (0.0, 1.0, 0.0), rng.uniform(0.0, 1.0))
    bright = mix(color, painter.light.haze, rng.uniform(0.2, 0.9))  # the sky is mirrored in it
    for paint, low in ((bright, 0.0), (color, rng.uniform(0.15, 0.8))):
        edge = []
        for k in range(13):
            x = width * k / 12
            away = (x - middle) / width
            edge += [x, height - rise * (1 - low) * (1 - 3.0 * arch * away * away)]
        ink = painter.raw_ink(paint, IGNORE, Material.SMOOTH)
        canvas.polygon([0.0, float(height), *edge, float(width), float(height)], ink)
