"""Where the camera stands in the street."""

import math

from streetseg.scenes.camera import Camera
from streetseg.scenes.canvas import OVERSAMPLING
from streetseg.scenes.rng import Dice
from streetseg.scenes.street import Street


def draw_camera(street: Street, size: tuple[int, int], dice: Dice) -> Camera:
    """Choose a camera: mostly in a car in its lane, sometimes held by someone on the pavement."""
    height, width = size[0] * OVERSAMPLING, size[1] * OVERSAMPLING
    ahead = 1 if street.right_hand else -1
    if dice.chance(0.85):
        shift = (street.parking[0] - street.parking[1]) / 2
        lane = street.lane / 2 if street.lanes > 1 else 0.0
        t, eye = shift + ahead * lane + dice.bell(0.0, 0.3), dice.uniform(1.2, 1.9)
        yaw = dice.bell(0.0, 0.05)
    else:
        side = dice.pick((-1, 1))
        t, eye = side * (street.road + dice.uniform(0.4, 1.2)), dice.uniform(1.5, 1.75)
        yaw = -side * dice.uniform(0.02, 0.25)
    return Camera(
        width=width,
        height=height,
        focal=dice.uniform(0.85, 1.25) * max(height * 1.6, width * 0.8),
        position=(t, eye, 0.0),
        yaw=yaw,
        pitch=dice.uniform(-0.03, 0.10) - math.radians(2),
        roll=dice.bell(0.0, 0.012),
    )
