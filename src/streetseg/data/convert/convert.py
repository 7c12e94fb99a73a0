"""Write a data set in another format. Labels stay the same; images are copied where the format allows their kind."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from streetseg.atomic import atomic_folder
from streetseg.data.check.check import all_problems, examine
from streetseg.data.convert.cityscapes import CityscapesLayout
from streetseg.data.convert.coco import CocoLayout
from streetseg.data.convert.folder import FILE, FolderLayout
from streetseg.data.convert.layout import Item, Layout, write
from streetseg.data.convert.shards import write_shards
from streetseg.data.convert.yolo import YoloLayout
from streetseg.data.files import read_bytes
from streetseg.data.formats import SUFFIXES
from streetseg.data.images import ImageFacts, opened
from streetseg.data.source import Source
from streetseg.errors import DataError, RequestError, StreetsegError, did_you_mean
from streetseg.machine import cores
from streetseg.png import encode_png
from streetseg.recipe.reading import AS_USUAL

LAYOUTS: dict[str, type[Layout]] = {
    "cityscapes": CityscapesLayout,
    "coco": CocoLayout,
    "folder": FolderLayout,
    "yolo": YoloLayout,
}
SHARDS = "shards"  # samples one after another in few files, so that it is no layout of files
# What no system allows in the name of a file, what a glob reads, and bytes that are no text.
_UNSAFE = re.compile(r'[<>:"|?*\\\[\]\x00-\x1f\x7f-\x9f\ud800-\udfff]|^\.+|[. ]+$')


@dataclass(frozen=True)
class Converted:
    """A data set that was written in another format.

    Args:
        folder: the new folder.
        data: the new data set as DATA; None where it is named by its folder alone.
        space: name of the label space.
        splits: split -> number of images.
        copied: number of images that are copied byte for byte.
        encoded: number of images that are written as PNG.
        lost: what the format cannot hold -> how much of it; nothing where it holds all.
    """

    folder: Path
    data: str
    space: str
    splits: dict[str, int]
    copied: int
    encoded: int
    lost: dict[str, int]


def convert(
    source: Source, form: str, out: Path, *, on_image: Callable[[int, int], None] = lambda done, total: None
) -> Converted:
    """Write every split of a source into a new folder, in one step.

    Args:
        source: the data set; none of its files is changed.
        form: the format, one of LAYOUTS or SHARDS.
        out: a folder that is missing or empty.
        on_image: called after each image with the number done and the number of all.

    Raises:
        RequestError: the format is unknown or cannot hold the classes, or `out` holds files.
        DataError: files of the data set cannot be used; one error names them all.
        StreetsegError: the folder cannot be written.
    """
    require_possible(form, out)
    layout = None if form == SHARDS else _layout(form)(source.space)
    used = [name for name, samples in source.splits.items() if samples or source.survey.failures_of([name])]
    findings = examine(source, used, use_cache=True)
    if findings.errors:
        raise all_problems(findings)
    items = _items(source)
    if not items:
        raise DataError("there is no image with a mask", where=source.spec)
    try:
        if layout is None:
            copied, lost = write_shards(source, out, on_image=on_image), Counter[str]()
        else:
            copied, lost = _write_files(source, layout, out, items, on_image)
    except OSError as error:
        raise StreetsegError(f"the data set cannot be written ({error.strerror or error})", where=out) from error
    return Converted(
        folder=out,
        data=f"folder:{out / FILE}" if form == "folder" else f"{form}:{out}",
        space=source.space.name,
        splits=dict(Counter(item.split for item in items)),
        copied=copied,
        encoded=len(items) - copied,
        lost=dict(lost),
    )


def require_possible(form: str, out: Path) -> None:
    """Raise RequestError if a format is unknown, or `out` holds files. No data is needed to say so."""
    if form != SHARDS:
        _layout(form)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RequestError("this is no empty folder", where=out, hint="name a new folder")


def _write_files(
    source: Source, layout: Layout, out: Path, items: Sequence[Item], on_image: Callable[[int, int], None]
) -> tuple[int, Counter[str]]:
    """Write all items. Return how many images are copies, and what the format cannot hold."""
    copied, lost = 0, Counter[str]()
    with atomic_folder(out) as folder, ThreadPoolExecutor(cores()) as pool:
        try:
            written = pool.map(lambda item: _write(source, layout, folder, item), items)
            for done, (is_copy, loss) in enumerate(written, start=1):
                copied += is_copy
                lost += loss
                on_image(done, len(items))
        finally:
            pool.shutdown(cancel_futures=True)
        layout.write_description(folder, items)
    return copied, lost


def _layout(form: str) -> type[Layout]:
    if form not in LAYOUTS:
        hint = did_you_mean(form, [*LAYOUTS, SHARDS]) or f"one of {', '.join([*LAYOUTS, SHARDS])}"
        raise RequestError(f"unknown format {form!r}", where="--to", hint=hint)
    return LAYOUTS[form]


def _items(source: Source) -> list[Item]:
    """Return every sample of every split. Names that become the same by being made safe get a mark behind."""
    items, taken = [], set[tuple[str, str]]()
    for name, samples in source.splits.items():
        split = _safe(name).replace("/", "_")
        for number, sample in enumerate(samples, start=1):
            key = _safe(sample.name.removeprefix(f"{name}/"))
            while (split, key.casefold()) in taken:  # some systems take a.png and A.png for one file
                key += "_"
            taken.add((split, key.casefold()))
            items.append(Item(split, key, number, sample))
    return items


def _safe(name: str) -> str:
    """Return a name as a relative path that is one on every system."""
    return "/".join(_UNSAFE.sub("_", part) or "_" for part in name.split("/"))


def _write(source: Source, layout: Layout, folder: Path, item: Item) -> tuple[bool, Counter[str]]:
    """Write image and labels. Return whether the image is a copy, and what the format cannot hold of the labels."""
    copy = _is_copied(source, layout, item)
    place = item.sample.image
    image = layout.image(item) + (PurePosixPath(place).suffix if copy else ".png")
    write(folder / image, read_bytes(place) if copy else encode_png(source.read_image(item.sample)))
    return copy, layout.write_labels(folder, item, image, source.read_mask(item.sample))


def _is_copied(source: Source, layout: Layout, item: Item) -> bool:
    """Return whether the file of an image can be copied: it is read there as it is read here."""
    place = item.sample.image
    suffix = PurePosixPath(place).suffix.lower()
    if suffix not in layout.suffixes & SUFFIXES or source.reading != AS_USUAL:
        return False
    if layout.turns:
        return True
    with opened(place, source.max_pixels) as image:
        return not ImageFacts.of(image).turned
