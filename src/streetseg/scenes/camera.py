"""The pinhole camera, and a random position of it in the street.

World axes, in meters: x to the right, y up, z ahead; the street runs along z and the ground is y = 0.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from streetseg.scenes.canvas import OVERSAMPLING
from streetseg.scenes.rng import Rng
from streetseg.scenes.street import Street

Floats = NDArray[np.float32]

NEAR = 0.35  # near plane, meters; nearer parts are clipped


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion.

    Args:
        width, height: of the image plane, in pixels.
        focal: focal length in pixels.
        position: position of the pinhole, in the world.
        yaw: rotation to the right, radians.
        pitch: rotation downwards, radians.
        roll: rotation about the line of sight, clockwise, radians.
    """

    width: int
    height: int
    focal: float
    position: tuple[float, float, float]
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @cached_property
    def axes(self) -> tuple[tuple[float, float, float], ...]:
        """Unit vectors to the right of, down from and ahead of the camera, in the world."""
        sy, cy = math.sin(self.yaw), math.cos(self.yaw)
        sp, cp = math.sin(self.pitch), math.cos(self.pitch)
        sr, cr = math.sin(self.roll), math.cos(self.roll)
        right = (cy, 0.0, -sy)
        down = (-sy * sp, -cp, -cy * sp)
        ahead = (sy * cp, -sp, cy * cp)
        turned_right = tuple(r * cr + d * sr for r, d in zip(right, down, strict=True))
        turned_down = tuple(d * cr - r * sr for r, d in zip(right, down, strict=True))
        return turned_right, turned_down, ahead  # type: ignore[return-value]

    def rays(self, height: int, width: int, rows: slice = slice(None)) -> tuple[Floats, Floats, Floats]:
        """Return world directions x, y, z, each float32 (rows, width), through the pixels of a (height, width) image.

        They are not normalized. `rows` selects rows of the image.
        """
        u = ((np.arange(width) + 0.5) * (self.width / width) - self.width / 2) / self.focal
        v = ((np.arange(height)[rows] + 0.5) * (self.height / height) - self.height / 2) / self.focal
        right, down, ahead = self.axes
        x, y, z = (
            (u * right[i]).astype(np.float32)[None, :] + (v * down[i] + ahead[i]).astype(np.float32)[:, None]
            for i in range(3)
        )
        return x, y, z


def clip_near(view: list[list[float]]) -> list[list[float]]:
    """Clip a polygon in camera coordinates at the near plane (Sutherland and Hodgman 1974); [] if all is behind it."""
    kept: list[list[float]] = []
    previous = view[-1]
    for point in view:
        if (point[2] >= NEAR) != (previous[2] >= NEAR):
            share = (NEAR - previous[2]) / (point[2] - previous[2])
            kept.append([p + (q - p) * share for p, q in zip(previous, point, strict=True)])
        if point[2] >= NEAR:
            kept.append(point)
        previous = point
    return kept


def draw_camera(street: Street, size: tuple[int, int], rng: Rng) -> Camera:
    """Return a random camera for images of `size` (height, width): usually in a car, sometimes on the pavement."""
    height, width = size[0] * OVERSAMPLING, size[1] * OVERSAMPLING
    ahead = 1 if street.right_hand else -1
    if rng.chance(0.87):
        shift = (street.parking[0] - street.parking[1]) / 2
        lane = street.lane / 2 if street.lanes > 1 else 0.0
        t = shift + ahead * lane + rng.bell(0.0, 0.4)
        eye = rng.uniform(1.1, 1.8) if rng.chance(0.85) else rng.uniform(1.8, 3.0)
        turn = rng.pick((0.0, 0.5, 1.1), (0.8, 0.13, 0.07))  # the car turns off, or stands across a car park
        yaw = rng.bell(0.0, 0.05) + turn * rng.uniform(-1.0, 1.0)
    else:
        side = rng.pick((-1, 1))
        t, eye = side * (street.road + rng.uniform(0.4, 1.2)), rng.uniform(1.4, 1.75)
        yaw = -side * rng.uniform(0.02, 0.25)
    zoom = rng.uniform(0.8, 1.25) if rng.chance(0.65) else rng.uniform(0.55, 0.8)
    focal = zoom * max(height * 1.6, width * 0.8)
    horizon = rng.bell(0.5, 0.07)  # its height in the image: 0 is the top row, 1 the bottom row
    return Camera(
        width=width,
        height=height,
        focal=focal,
        position=(t, eye, 0.0),
        yaw=yaw,
        pitch=math.atan((0.5 - horizon) * height / focal),
        roll=rng.bell(0.0, 0.012),
    )
