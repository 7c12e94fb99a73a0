"""The tables of classes that copies of CamVid have beside their masks: in other copies, ids or colors may differ."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from streetseg.data.mask_code import MaskCode
from streetseg.errors import DataError, did_you_mean
from streetseg.labels.space import IGNORE_INDEX, Color
from streetseg.labels.tables import CAMVID_32
from streetseg.text import read_text

_IDS = "codes.txt"  # fastai: names in the order of the ids
_COLORS = ("class_dict.csv", "label_colors.txt")  # Kaggle: name,r,g,b; the authors: r g b name

_Line = tuple[str, str]  # FILE:LINE, and its text


def by_own_table(code: MaskCode, root: Path) -> tuple[MaskCode, Path | None]:
    """Return the code with the ids or colors of the table in `root`, and the table; None without one for these masks.

    A color that the table leaves out keeps its usual meaning: some tables have only the classes that their owner uses.

    Raises:
        DataError: the table cannot be read, or names a class that CamVid lacks.
    """
    if code.space != CAMVID_32:
        return code, None
    path = next((root / name for name in ((_IDS,) if code.ids else _COLORS) if (root / name).is_file()), None)
    if path is None:
        return code, None
    if code.ids:
        ids = {value: _class_of(name, where) for value, (where, name) in enumerate(_lines(path))}
        return replace(code, ids={**ids, IGNORE_INDEX: IGNORE_INDEX}), path
    return replace(code, colors={**code.colors, **dict(_colors(path))}), path


def _lines(path: Path) -> list[_Line]:
    """Return the place and text of each line that is not empty."""
    lines = enumerate(read_text(path).splitlines(), start=1)
    return [(f"{path}:{number}", line.strip()) for number, line in lines if line.strip()]


def _colors(path: Path) -> Iterator[tuple[Color, int]]:
    """Yield color and class id of each line; lines without three numbers, such as a heading, are passed over."""
    for where, line in _lines(path):
        words = re.split(r"[,\s]+", line)
        numbers = [int(word) for word in words if word.isdecimal()]
        if len(numbers) == 3 and max(numbers) <= 255:
            red, green, blue = numbers
            yield (red, green, blue), _class_of(next(word for word in words if not word.isdecimal()), where)


def _class_of(name: str, where: str) -> int:
    if name not in CAMVID_32.names:
        hint = did_you_mean(name, CAMVID_32.names) or "describe the masks in a folder:FILE.yaml"
        raise DataError(f"table names the class {name!r}, which CamVid lacks", where=where, hint=hint)
    return CAMVID_32.names.index(name)
