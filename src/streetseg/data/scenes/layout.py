"""What stands where in the street."""

from typing import Protocol

from streetseg.data.scenes.buildings import Building
from streetseg.data.scenes.dice import Dice
from streetseg.data.scenes.facades import draw_style
from streetseg.data.scenes.light import Light
from streetseg.data.scenes.painter import Painter
from streetseg.data.scenes.shade import Shade
from streetseg.data.scenes.street import Street


class Thing(Protocol):
    """Something that stands in the street."""

    @property
    def reach(self) -> float:
        """s of its far end; things are painted from the farthest to the nearest."""
        ...

    def cast(self, painter: Painter) -> None:
        """Darken the ground around it."""
        ...

    def paint(self, painter: Painter) -> None:
        """Paint it."""
        ...


def furnish(street: Street, light: Light, dice: Dice) -> list[Thing]:
    """Everything in the street, in no order."""
    lots = _lots(street, dice.child())
    rows = tuple(
        tuple((first, last, height) for at, first, last, height, _ in lots if at == side) for side in (-1, 1)
    )
    shade = Shade(light, street, rows[0], rows[1])
    things: list[Thing] = []
    for side, first, last, height, is_corner in lots:
        child = dice.child()
        style = draw_style(child, light.night)
        depth = child.uniform(25.0, 60.0) if is_corner else child.uniform(8.0, 14.0)
        front = street.front(side) + (child.uniform(0.0, 0.8) if street.setback[side > 0] > 1.5 else 0.0)
        things.append(Building(side, first, last, front, depth, height, is_corner, style, child, shade))
    return things


def _lots(street: Street, dice: Dice) -> list[tuple[int, float, float, float, bool]]:
    """Building plots: (side, first s, last s, height, at a corner)."""
    lots = []
    storeys = dice.uniform(2.0, 6.0)
    for side in (-1, 1):
        for number, (first, last) in enumerate(street.blocks()):
            s = first + (dice.uniform(2.0, 4.0) if number else 0.0)
            end = last - dice.uniform(2.0, 4.0)
            at_corner = number > 0
            while s < end - 4.0:
                width = min(end - s, dice.uniform(6.0, 20.0))
                if end - s - width < 5.0:
                    width = end - s
                height = max(3.2, dice.bell(storeys, 1.0) * 3.2)
                lots.append((side, s, s + width, height, at_corner))
                s += width + (dice.uniform(2.0, 6.0) if dice.chance(0.15) else 0.0)
                at_corner = False
    return lots
