"""The classes of a label tool, by name. Label tools label objects: what is in no shape is background, class 0."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from streetseg.errors import DataError, did_you_mean
from streetseg.labels.space import IGNORE_INDEX, Color, LabelSpace, fresh_colors

BACKGROUND = "background"
_BACKGROUNDS = (BACKGROUND, "_background_")  # the second is labelme's
IGNORED = "__ignore__"  # the name of what is ignored, in labelme and in COCO files of streetseg
BLACK = (0, 0, 0)


def is_background(name: str) -> bool:
    """Return whether a class of this name is the background."""
    return name.lower() in _BACKGROUNDS


@dataclass(frozen=True)
class Classes:
    """The classes of a data set: background, then those that the tool names.

    Args:
        space: the classes.
        base: the class id of pixels in no shape: 0, background; or 255, ignored.
    """

    space: LabelSpace
    base: int = 0

    @classmethod
    def named(cls, names: Iterable[str], where: str, name: str, *, complete: bool = False) -> "Classes":
        """Return background and these classes, each once, in this order.

        Args:
            names: the names that the tool uses.
            where: the file or folder that holds them, for the error.
            name: the name of the label space.
            complete: whether the shapes hold every pixel that counts; then there is no background.

        Raises:
            DataError: there are none, or more than ids.
        """
        unique = [one for one in dict.fromkeys(names) if not is_background(one) and one != IGNORED]
        if not unique:
            raise DataError("no class is named", where=where, hint="label something, then export again")
        if len(unique) >= IGNORE_INDEX:
            problem = f"{len(unique):,} classes and background, expected at most {IGNORE_INDEX}"
            raise DataError(problem, where=where, hint="merge classes in the label tool")
        new = fresh_colors([BLACK])
        colors: tuple[Color, ...] = tuple(next(new) for _ in unique)
        if complete:
            return cls(LabelSpace(name, tuple(unique), colors), base=IGNORE_INDEX)
        return cls(LabelSpace(name, (BACKGROUND, *unique), (BLACK, *colors)))

    def label(self, name: str) -> int:
        """Return the class id of a name, or 255 for ignored pixels. Raise ValueError for a name of no class."""
        if name == IGNORED:
            return IGNORE_INDEX
        if self.base == 0 and is_background(name):
            return 0
        if name not in self._ids:
            close = did_you_mean(name, self._ids)
            raise ValueError(f"class {name!r} is unknown" + (f", {close}" if close else ""))
        return self._ids[name]

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.space.names)}
