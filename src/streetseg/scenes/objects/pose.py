"""The pose of a thing: its spot and its heading."""

import math
from dataclasses import dataclass
from functools import cached_property

from streetseg.scenes.light import Vector


@dataclass(frozen=True)
class Pose:
    """A spot (t, s) and a heading in radians: 0 is along the street, away from the camera; positive is to the right."""

    t: float
    s: float
    heading: float

    @cached_property
    def _turn(self) -> tuple[float, float]:
        return math.sin(self.heading), math.cos(self.heading)

    def point(self, x: float, y: float, z: float) -> Vector:
        """Return the street coordinates of the point x meters ahead, y up and z to the right of the spot."""
        sine, cosine = self._turn
        return (self.t + x * sine + z * cosine, y, self.s + x * cosine - z * sine)

    def direction(self, x: float, y: float, z: float) -> Vector:
        """Return the direction (x ahead, y up, z to the right) in street coordinates."""
        sine, cosine = self._turn
        return (x * sine + z * cosine, y, x * cosine - z * sine)
