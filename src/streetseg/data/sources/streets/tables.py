"""The tables of classes that data sets ship beside their masks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streetseg.errors import DataError
from streetseg.labels.space import Color, LabelSpace
from streetseg.text import read_text


def read_json(path: Path) -> Any:
    """Return the content of a JSON file. Raise DataError if it cannot be read."""
    try:
        return json.loads(read_text(path))
    except (RecursionError, ValueError) as failure:
        raise DataError(f"table of classes is no JSON ({failure})", where=path, hint="unpack the data set again") from (
            failure
        )


def rgb(value: Any) -> Color:
    """Return a list of three numbers as a color. Raise TypeError or ValueError for anything else."""
    red, green, blue = (int(channel) for channel in value)
    if not 0 <= min(red, green, blue) <= max(red, green, blue) <= 255:
        raise ValueError(f"{value} is no color")
    return red, green, blue


def space_of(path: Path, name: str, classes: Callable[[], list[tuple[str, Color]]]) -> LabelSpace:
    """Return the label space of the classes that a table names.

    Args:
        path: the table, for the error.
        name: the name of the space.
        classes: returns (name, color) of each class, from the content of the table.

    Raises:
        DataError: the content has another form.
    """
    try:
        named = classes()
        if not all(isinstance(one, str) and one for one, _ in named):
            raise TypeError("a class without name")
        return LabelSpace.of(name, *named)
    # A file of another form lacks keys or has values of other types.
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as failure:
        problem = f"table of classes has another form than expected ({type(failure).__name__}: {failure})"
        raise DataError(problem, where=path, hint="is it the table of this version of the data set?") from failure
