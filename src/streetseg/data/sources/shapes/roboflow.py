"""Roboflow's export of semantic masks: in each split, NAME_mask.png beside NAME.jpg, and _classes.csv with the ids."""

import csv
from pathlib import Path

from streetseg.data.files import FileError, listing
from streetseg.data.issues import Survey
from streetseg.data.mask_code import MaskCode
from streetseg.data.matching import by_key, pair, sample_name
from streetseg.data.source import FileSource, Sample
from streetseg.data.sources.shapes.classes import BLACK
from streetseg.data.sources.shapes.collect import split_of
from streetseg.errors import DataError
from streetseg.labels.space import IGNORE_INDEX, LabelSpace, fresh_colors
from streetseg.text import read_text

_TABLE, _MARK = "_classes.csv", "_mask"


def is_roboflow(path: Path) -> bool:
    """Return whether a folder, or a folder in it, holds masks of Roboflow."""
    return bool(_tables(path))


def open_roboflow(path: Path) -> FileSource:
    """Open a folder. Its folders are the splits; if it has none, there is one split, "all".

    Raises:
        DataError: there is no _classes.csv, or those of two splits differ.
    """
    tables = _tables(path)
    if not tables:
        hint = f"expected SPLIT/{_TABLE}, with NAME{_MARK}.png beside each image"
        raise DataError("no masks of Roboflow in this folder", where=path, hint=hint)
    codes = {table: _code(table, path.name) for table in tables}
    code = codes[tables[0]]
    if different := [table for table in tables if codes[table] != code]:
        raise DataError("the classes of two splits differ", where=[tables[0], different[0]])
    survey = Survey()
    splits = {}
    for table in tables:
        split = "all" if table.parent == path else split_of(table.parent.name) or table.parent.name
        splits[split] = _samples(split, table.parent, survey)
    survey.note(f"{path}: Roboflow, semantic masks of {code.space.num_classes} classes")
    return FileSource(f"roboflow:{path}", code, splits, survey)


def _tables(path: Path) -> list[Path]:
    folders = [path, *(child for child in listing(path) if child.is_dir())] if path.is_dir() else []
    return [folder / _TABLE for folder in folders if (folder / _TABLE).is_file() and any(folder.glob(f"*{_MARK}.png"))]


def _samples(split: str, folder: Path, survey: Survey) -> tuple[Sample, ...]:
    places = survey.images_among({file.name: str(file) for file in listing(folder) if file.name != _TABLE})
    files = [(Path(name).stem, place) for name, place in places.items()]
    images = by_key((one for one in files if not one[0].endswith(_MARK)), "images", survey, split)
    masks = by_key(
        ((stem.removesuffix(_MARK), place) for stem, place in files if stem.endswith(_MARK)), "masks", survey, split
    )
    pairs = pair(images, masks, survey, split)
    return tuple(Sample(sample_name(key, split), image, mask) for key, image, mask in pairs)


def _code(table: Path, name: str) -> MaskCode:
    """Return what the values of the masks mean. Raise FileError for a row without a value and a class."""
    names: dict[int, str] = {}
    try:
        for row in list(csv.reader(read_text(table).splitlines()))[1:]:
            value, one = (cell.strip() for cell in row)
            names[int(value)] = one
        new = fresh_colors([BLACK])
        colors = tuple(BLACK if index == 0 else next(new) for index in range(len(names)))
        space = LabelSpace(name, tuple(names[value] for value in sorted(names)), colors)
    except (csv.Error, ValueError) as error:
        raise FileError(table, "the table of classes cannot be used", str(error)) from error
    return MaskCode(space, {value: index for index, value in enumerate(sorted(names))} | {IGNORE_INDEX: IGNORE_INDEX})
