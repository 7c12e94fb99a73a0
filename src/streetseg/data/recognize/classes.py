"""Find the classes of masks: the values that they hold, and the names that a table gives these values."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from streetseg.data.files import FileError
from streetseg.data.issues import together
from streetseg.data.mask_values import MaskValues, mask_values
from streetseg.data.packed import packed_color, unpacked_color
from streetseg.data.recognize.names import File
from streetseg.data.recognize.tables import Entry, Table
from streetseg.errors import DataError, first
from streetseg.labels.space import IGNORE_INDEX, Color, fresh_colors
from streetseg.labels.tables import STREET_11
from streetseg.machine import cores
from streetseg.text import counted

_MASKS = 500  # masks whose values are looked at, spread over all
_CLASSES = 64  # without a table of classes, more values are not taken for classes
_COVERED = 0.999  # least share of the pixels of color masks whose colors a table must have
_VOID = frozenset({"void", "unlabeled", "unlabelled", "ignore", "ignored", "out of roi", "don't care"})
_LISTED = 20  # files named in one error
_SHOWN = 3  # values named in one comment

# The names of the folders of the CamVid copy of image-segmentation-keras (Gupta), whose ids are those of SegNet.
_SEGNET_FOLDERS = frozenset(
    {"images_prepped_train", "annotations_prepped_train", "images_prepped_test", "annotations_prepped_test"}
)
_SEGNET_VOID = 11


@dataclass(frozen=True)
class Class:
    """A class as a description of the data writes it: its name, ids, colors, and its share of the pixels."""

    name: str
    ids: tuple[int, ...]
    colors: tuple[Color, ...]
    share: float


@dataclass(frozen=True)
class Classes:
    """The classes of the masks.

    Args:
        classes: the classes.
        ignore: ignored ids.
        ignore_colors: ignored colors.
        source: where the names are from.
        ignored: why ids or colors are ignored; "" if none are.
        from_table: whether a table in the folder names the classes.
        space: the built-in label space that these classes are; "" for others.
    """

    classes: tuple[Class, ...]
    ignore: tuple[int, ...]
    ignore_colors: tuple[Color, ...]
    source: str
    ignored: str
    from_table: bool = False
    space: str = ""


@dataclass(frozen=True)
class Values:
    """The values of many masks.

    Args:
        kind: "id" for one channel, "same" for ids in three equal channels, "color" for colors.
        shares: value -> its share of the pixels; a color is the value red * 65536 + green * 256 + blue.
        palette: id -> its color, if all masks have one palette of distinct colors; otherwise empty.
        masks: the values of each mask that was looked at.
        total: number of all masks.
    """

    kind: str
    shares: Mapping[int, float]
    palette: Mapping[int, Color]
    masks: Sequence[frozenset[int]]
    total: int

    @property
    def words(self) -> str:
        """The values in words, for a comment."""
        what = {"id": "ids", "same": "ids, the same in three channels,", "color": "colors"}[self.kind]
        part = f"{len(self.masks)} of " if len(self.masks) < self.total else ""
        return f"the {what} of {part}{counted(self.total, 'mask')}"


def values_of(root: Path, masks: Sequence[File]) -> Values:
    """Return the values of the masks, or of `_MASKS` of them spread over all.

    Masks that cannot be read are left out, as the check names them.

    Raises:
        DataError: no mask can be read.
    """
    step = max(1, len(masks) / _MASKS)
    sampled = [masks[int(i * step)] for i in range(min(len(masks), _MASKS))]

    def read(file: File) -> MaskValues | DataError:
        try:
            return mask_values(str(root / file.name))
        except FileError as error:
            return error

    with ThreadPoolExecutor(cores()) as pool:
        results = list(pool.map(read, sampled))
    found = [result for result in results if isinstance(result, MaskValues)]
    if not found:
        raise together([error for error in results if isinstance(error, DataError)], limit=_LISTED)
    return _joined(found, len(masks))


def _joined(found: Sequence[MaskValues], of: int) -> Values:
    colors = {color for one in found if one.form == "color" for color in one.shown.values()}
    palettes = {(value, color) for one in found if one.form == "palette" for value, color in one.shown.items()}
    has_palette = any(one.form == "palette" for one in found)
    by_color = not all(map(_is_gray, colors)) or len({value for value, _ in palettes}) < len(palettes)
    grays = {color for _, color in palettes}
    all_palettes = all(one.form == "palette" for one in found)
    as_gray = all(map(_is_gray, grays)) and (grays <= {(0, 0, 0), (255,) * 3} or not all_palettes)

    def value_of(value: int, one: MaskValues) -> int:
        """Return a value of a mask as all masks write it."""
        color = one.shown[value] or (0, 0, 0)
        if by_color:
            return packed_color(color)
        return color[0] if one.form in ("1-bit", "color") or (one.form == "palette" and as_gray) else value

    pixels: Counter[int] = Counter()
    for one in found:
        for value, count in one.pixels.items():
            pixels[value_of(value, one)] += count
    palette = {value: color for value, color in palettes if color is not None}
    use_palette = has_palette and not by_color and not as_gray and len(set(palette.values())) == len(palette)
    total = max(1, pixels.total())
    return Values(
        "color" if by_color else "same" if colors else "id",
        {value: pixels[value] / total for value in sorted(pixels)},
        palette if use_palette else {},
        [frozenset(value_of(value, one) for value in one.pixels) for one in found],
        of,
    )


def classes_of(values: Values, tables: Sequence[Table], folders: frozenset[str], root: Path) -> Classes:
    """Return the classes of masks.

    Args:
        values: the values of the masks.
        tables: the tables of classes in the folder.
        folders: the names of the folders of images and masks.
        root: the folder, for errors.

    Raises:
        DataError: two readings are possible, or there are too many values without a table of classes.
    """
    fitting = [table for table in tables if _fits(table, values)]
    names = {tuple((entry.name, value) for entry, value in _meanings(table, values)) for table in fitting}
    if len(names) > 1:
        raise DataError(
            f"{len(fitting)} tables of classes fit the masks and differ",
            where=[str(root / table.name) for table in fitting[:_LISTED]],
            hint="move all but one of them out of this folder, or write the classes into a data.yaml",
        )
    if fitting:
        return _of_table(fitting[0], values)
    if values.kind != "color" and folders == _SEGNET_FOLDERS and set(values.shares) <= {*range(_SEGNET_VOID + 1)}:
        return _of_segnet(values)
    unnamed = _unnamed(tables, values)
    if values.kind == "color":
        return _of_colors(values, unnamed, root)
    return _of_ids(values, unnamed, root)


def _unnamed(tables: Sequence[Table], values: Values) -> str:
    """Say why the values have no names: what the first table that has some of them, or colors, lacks."""
    for table in tables:
        known = {value for _, value in _meanings(table, values)}
        lacking = [value for value in values.shares if value not in known]
        if table.has_colors or len(lacking) < len(values.shares):
            shown = [str(list(unpacked_color(value)) if values.kind == "color" else value) for value in lacking]
            return f"{table.name} does not name all of them: {', '.join(first(shown, _SHOWN))}"
    if values.kind == "color" and tables:
        return f"{tables[0].name} has no colors"
    return "no table of classes names them"


def _fits(table: Table, values: Values) -> bool:
    """Return whether a table names the values of the masks."""
    known = {value for _, value in _meanings(table, values)}
    if values.kind == "color":
        return table.has_colors and sum(values.shares[v] for v in values.shares.keys() & known) >= _COVERED
    return values.shares.keys() - {IGNORE_INDEX} <= known


def _meanings(table: Table, values: Values) -> list[tuple[Entry, int]]:
    """Return each class of a table with its value in the masks. Of several classes with one value, the first counts.

    Names without ids count from 0. If there is one name too few, they count from 1, and 0 is the background.
    """
    if values.kind == "color":
        return _distinct([(entry, packed_color(entry.color)) for entry in table.entries if entry.color is not None])
    pairs = _distinct(list(zip(table.entries, table.ids, strict=True)))
    without_background = all(entry.id is None for entry in table.entries) and len(pairs) in values.shares
    if without_background and len(pairs) != IGNORE_INDEX:
        return [(Entry("background"), 0), *((entry, value + 1) for entry, value in pairs)]
    return pairs


def _distinct(pairs: Sequence[tuple[Entry, int]]) -> list[tuple[Entry, int]]:
    first = {value: entry for entry, value in reversed(pairs)}
    return [(entry, value) for entry, value in pairs if first[value] is entry]


def _of_table(table: Table, values: Values) -> Classes:
    by_name: dict[str, list[tuple[Entry, int]]] = {}
    void: list[int] = []
    for entry, value in _meanings(table, values):
        if entry.name.lower() in _VOID:
            void.append(value)
        else:
            by_name.setdefault(entry.name, []).append((entry, value))
    given = {value: entry.color for pairs in by_name.values() for entry, value in pairs if entry.color}
    named = [(name, [value for _, value in pairs]) for name, pairs in by_name.items()]
    said = [f"{table.name} calls it void"] if void else []
    found = _classes(named, values, void, f"names from {table.name}; {values.words} have a name there", said, given)
    return replace(found, from_table=True)


def _of_segnet(values: Values) -> Classes:
    named = [(name, [value]) for value, name in enumerate(STREET_11.names)]
    colors = dict(enumerate(STREET_11.colors))
    source = f"CamVid's 11 classes in SegNet's order, by the names of the four folders; {values.words} are 0 to 11"
    found = _classes(named, values, [_SEGNET_VOID], source, [f"{_SEGNET_VOID} is void in SegNet's masks"], colors)
    return replace(found, space=STREET_11.name)


def _of_colors(values: Values, unnamed: str, root: Path) -> Classes:
    _require_few(values, root)
    named = [(f"class_{i}", [value]) for i, value in enumerate(values.shares)]
    return _classes(named, values, [], f"{values.words}; {unnamed}", [])


def _of_ids(values: Values, unnamed: str, root: Path) -> Classes:
    is_void = any({1, IGNORE_INDEX} <= mask for mask in values.masks)
    if IGNORE_INDEX in values.shares and values.shares.keys() <= {0, 1, IGNORE_INDEX} and not is_void:
        return _of_binary(values, root)
    _require_few(values, root)
    named = [(f"class_{value}", [value]) for value in values.shares if value != IGNORE_INDEX]
    return _classes(named, values, [], f"{values.words}; {unnamed}", [])


def _of_binary(values: Values, root: Path) -> Classes:
    """Return the classes of masks that hold 0 and 255; an error if others hold 0 and 1."""
    if ones := sum(1 in mask for mask in values.masks):
        whites = sum(IGNORE_INDEX in mask for mask in values.masks)
        raise DataError(
            f"two readings: {counted(ones, 'mask')} of 0 and 1, {whites} of 0 and 255",
            where=root,
            hint="a data.yaml says which: `classes: [{name: background, id: 0}, {name: foreground, id: [1, 255]}]`  or"
            "  `classes: [background, foreground]` and `ignore: 255`",
        )
    named = [("background", [0]), ("foreground", [IGNORE_INDEX])]
    return _classes(named, values, [], f"{values.words} are 0 and 255 alone: black and white", [])


def _require_few(values: Values, root: Path) -> None:
    if len(values.shares) <= _CLASSES:
        return
    few = [value for value, share in values.shares.items() if share >= 1 - _COVERED]
    soft = f", {len(few)} of them in more than 0.1 % of the pixels: soft edges?" if len(few) <= _CLASSES else ""
    what = "colors" if values.kind == "color" else "ids"
    raise DataError(
        f"the masks hold {len(values.shares)} {what}{soft}, and no table of classes names them",
        where=root,
        hint="add a class_dict.csv (name,r,g,b), or write the classes into a data.yaml",
    )


def _classes(
    named: Sequence[tuple[str, Sequence[int]]],
    values: Values,
    void: Sequence[int],
    source: str,
    said: Sequence[str],
    given: Mapping[int, Color] = MappingProxyType({}),
) -> Classes:
    """Return the classes with their ids and colors, and what is ignored.

    Args:
        named: name -> values of each class, a list of pairs.
        values: the values of the masks.
        void: the values of void.
        source: where the names are from.
        said: why `void` is ignored.
        given: value -> color of a table.
    """
    taken = {value for _, own in named for value in own}
    ignored = [*void]
    if values.kind != "color" and IGNORE_INDEX in values.shares and IGNORE_INDEX not in {*taken, *void}:
        holding = sum(IGNORE_INDEX in mask for mask in values.masks)
        ignored.append(IGNORE_INDEX)
        said = [*said, f"{IGNORE_INDEX} is in {counted(holding, 'mask')} beside other ids"]
    drawn = _colors([own[0] for _, own in named], values, given)

    def ids_of(own: Sequence[int]) -> tuple[int, ...]:
        return () if values.kind == "color" else tuple(own)

    def colors_of(own: Sequence[int]) -> tuple[Color, ...]:
        """Return the colors of values in the masks."""
        as_color = {"color": unpacked_color, "same": _gray}.get(values.kind)
        return tuple(map(as_color, own)) if as_color else ()

    classes = tuple(
        Class(
            name,
            ids_of(own),
            (*drawn.get(own[0], ()), *colors_of(own)),
            sum(values.shares.get(value, 0.0) for value in own),
        )
        for name, own in named
    )
    return Classes(classes, ids_of(ignored), colors_of(ignored), source, "; ".join(said))


def _colors(ids: Sequence[int], values: Values, given: Mapping[int, Color]) -> dict[int, tuple[Color, ...]]:
    """Return id -> the color to draw a class in; empty for masks of colors, and of ids without distinct colors.

    Ids in three equal channels are colors to the reader, so their classes need another color that can be seen.
    """
    if values.kind == "color":
        return {}
    known = {value: color for value in ids if (color := given.get(value) or values.palette.get(value))}
    if len(set(known.values())) < len(ids):
        known = {}
    if values.kind != "same":
        return {value: (color,) for value, color in known.items()}
    grays = {_gray(value) for value in (*ids, *values.shares)}
    fresh = fresh_colors(known.values())
    return {value: (color if (color := known.get(value)) and color not in grays else next(fresh),) for value in ids}


def _gray(value: int) -> Color:
    return value, value, value


def _is_gray(color: Color | None) -> bool:
    return color is not None and color[0] == color[1] == color[2]
