"""Collect the images and shapes that the files of a label tool describe, and make a source of them."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from mmap import ACCESS_READ, mmap
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from streetseg.arrays import Size
from streetseg.data.files import FileError, is_junk, is_link, listing, walk
from streetseg.data.formats import SUFFIXES
from streetseg.data.issues import Failure, Survey, together
from streetseg.data.matching import SKIP
from streetseg.data.source import Sample
from streetseg.data.sources.shapes.classes import BACKGROUND, Classes
from streetseg.data.sources.shapes.source import Drawing, Layer, ShapeSource
from streetseg.errors import DataError, first
from streetseg.text import counted, read_text

_LISTED = 5  # mistakes of one file that its error names
_LONGEST_FIELD = 2**30  # characters of a field in a CSV file; run lengths are long
_MOST = 20  # JSON files in a folder, if each describes many images
_SPLITS = (("train", r"train(ing)?"), ("val", r"val(id(ation)?)?"), ("test", r"test(ing)?"))

Number = Annotated[float, Field(allow_inf_nan=False)]
Side = Annotated[int, Field(ge=1, le=10**9)]  # of an image, in pixels
Content = TypeVar("Content")
Model = TypeVar("Model", bound=BaseModel)


def parsed(path: Path, model: type[Model], tool: str) -> Model:
    """Return the content of a JSON file as a model. Raise FileError as `parsed_as` does."""
    return parsed_as(path, TypeAdapter(model), tool)


def parsed_as(path: Path, form: TypeAdapter[Content], tool: str) -> Content:
    """Return the content of a JSON file.

    Raises:
        FileError: it cannot be read, is no JSON, or is not what the tool writes; the first mistakes with their places.
    """
    try:
        text = read_text(path)
    except DataError as error:
        raise FileError(path, error.problem, hint=error.hint) from error
    try:
        return form.validate_json(text)
    except ValidationError as error:
        raise FileError(path, f"not a file of {tool}", problem_of(error)) from error
    except RecursionError as error:
        raise FileError(path, f"not a file of {tool}", "nested too deeply") from error


def table(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file, which may have long fields. Raise csv.Error, or DataError if it cannot be read."""
    csv.field_size_limit(_LONGEST_FIELD)
    for row in csv.DictReader(io.StringIO(read_text(path))):
        yield {name: value or "" for name, value in row.items() if name}


def problem_of(error: ValidationError) -> str:
    """Return the first mistakes in a file with their places, as one line."""
    mistakes = [f"{_place(mistake['loc'])}{mistake['msg']}" for mistake in error.errors(include_url=False)]
    return "; ".join(first(mistakes, _LISTED, "mistakes"))


def _place(keys: tuple[int | str, ...]) -> str:
    return f"{'.'.join(map(str, keys))}: " if keys else ""


def split_of(text: str, *, whole: bool = False) -> str | None:
    """Return train, val or test if the name of a file or folder says so: instances_val2017, valid, test.

    Args:
        text: the name.
        whole: whether the name must be nothing else.
    """
    for split, word in _SPLITS:
        if re.search(rf"^{word}\d*$" if whole else rf"(?:^|[^a-z]){word}\d*(?:$|[^a-z])", text.lower()):
            return split
    return None


def split_of_folders(name: str) -> str:
    """Return the split that a folder in the path of a file names; "all" if none does."""
    return next((split for part in PurePosixPath(name).parts[:-1] if (split := split_of(part))), "all")


def splits_of(files: Sequence[Path], kind: str) -> dict[str, Path]:
    """Return split -> file. The name of the file or of its folder says the split; one file that says none is "all".

    Raises:
        DataError: several files are of one split.
    """
    splits: dict[str, Path] = {}
    for file in files:
        split = (
            split_of(file.stem) or split_of(file.parent.name, whole=True) or ("all" if len(files) == 1 else file.stem)
        )
        if split in splits:
            hint = f"name one: {kind}:{file}"
            raise DataError(f"several files describe the split {split}", where=[splits[split], file], hint=hint)
        splits[split] = file
    return splits


def jsons(path: Path) -> list[Path]:
    """Return a JSON file itself, or those in a folder and its folders. A folder with many has one for each image."""
    if path.is_file():
        return [path] if path.suffix.lower() == ".json" else []
    folders = [path, *(child for child in listing(path) if child.is_dir())]
    found = [[file for file in listing(folder) if file.suffix.lower() == ".json"] for folder in folders]
    return [file for files in found if len(files) <= _MOST for file in files if file.is_file()]


def mentions(path: Path, *words: str) -> bool:
    """Return whether a file holds all these words."""
    try:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            return all(content.find(word.encode()) >= 0 for word in words)
    except (OSError, ValueError):  # an empty file cannot be mapped
        return False


@contextmanager
def at(where: str) -> Iterator[None]:
    """Put `where` before the words of a ValueError."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


class Images:
    """The image files below a folder, found by the names that label files give them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def by_name(self) -> dict[str, list[PurePosixPath]]:
        """Name -> paths below the root; listed only if an image is not where its label file says."""
        names: dict[str, list[PurePosixPath]] = {}
        for name in walk(self.root):
            path = PurePosixPath(name)
            if path.suffix.lower() in SUFFIXES and not is_junk(path.name):
                names.setdefault(path.name, []).append(path)
        return names

    def find(self, name: str, beside: Path, split: str = "") -> str:
        """Return the place of an image.

        Args:
            name: its name or path, or its address on the tool's server, of which the last part counts.
            beside: the folder that the path starts at. If there is no such file, the image below the root with this
                name is taken; of several, the one whose folders agree most with the path, then with the split.
            split: the split that names the image.

        Raises:
            ValueError: there is no such file, or it could be several.
        """
        name = name.replace("\\", "/")
        path = PurePosixPath(name.partition("?")[0] if is_link(name) else name)
        if not path.name or "\0" in name:
            raise ValueError("the image has no name")
        if not is_link(name) and is_file(beside / name):
            return str(beside / name)
        found = self.by_name.get(path.name, [])
        common = {one: _common_end(one, path) for one in found}
        best = [one for one in found if common[one] == max(common.values())]
        best = [one for one in best if split and split in map(split_of, one.parts[:-1])] or best
        if len(best) > 1:
            raise ValueError(f"image {name} could be {' or '.join(map(str, best[:3]))}")
        if not best:
            raise ValueError(f"image {name} not found, neither at {beside} nor below {self.root}")
        return str(self.root / best[0])

    def key(self, place: str) -> str:
        """Return the path of an image below the root without its suffix; its stem if it is elsewhere."""
        path = Path(place)
        below = path.relative_to(self.root) if path.is_relative_to(self.root) else Path(path.name)
        return below.with_suffix("").as_posix()


def is_file(path: Path) -> bool:
    """Return whether a path is a file; False for a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or with a zero byte
        return False


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder; False for a name that no folder can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _common_end(one: PurePosixPath, other: PurePosixPath) -> int:
    pairs = zip(reversed(one.parts), reversed(other.parts), strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one.parts), len(other.parts)))


class Collection:
    """The samples of a label tool, as they are found.

    Args:
        spec: the data set as named by the user.
        tool: what wrote the files, e.g. "COCO".
        root: the folder that images are below.
    """

    def __init__(self, spec: str, tool: str, root: Path) -> None:
        self.spec = spec
        self.tool = tool
        self.images = Images(root)
        self.survey = Survey()
        self.splits: dict[str, dict[str, Sample]] = {}
        self.drawings: dict[str, Drawing] = {}

    def add(
        self,
        split: str,
        image: str,
        mask: str,
        layers: Iterable[Layer],
        *,
        beside: Path,
        files: Iterable[str],
        size: Size | None = None,
    ) -> None:
        """Add an image. What is wrong with it becomes a failure of its split.

        Args:
            split: its split.
            image: its name in the label file.
            mask: the place of its shapes, unlike that of any other image.
            layers: from the lowest to the topmost; a ValueError while they are read is a failure of this image.
            beside: the folder that the name of the image starts at.
            files: the files that hold the shapes.
            size: height and width as the file says.
        """
        samples = self.splits.setdefault(split, {})
        key = image
        try:
            place = self.images.find(image, beside, split)
            key = self.images.key(place)
            if key in samples or mask in self.drawings:
                raise ValueError(f"image {image} is described twice")
            drawing = Drawing(tuple(files), tuple(layers), size)
        except (ValueError, DataError) as error:
            problem = error.problem if isinstance(error, DataError) else str(error)
            self.fail(split, key, FileError(mask, "the labels of an image cannot be used", problem))
            return
        samples[key] = Sample(key, place, mask)
        self.drawings[mask] = drawing

    def fail(self, split: str, key: str, error: FileError, *, unlabeled: bool = False) -> None:
        """Add a failure."""
        self.splits.setdefault(split, {})
        self.survey.failures.append(Failure(key, error, frozenset({split}), unlabeled))

    def fail_unlabeled(self, what: str) -> None:
        """Add a failure for each image below the root that is in no sample and no failure; `what` is what it lacks."""
        known = {sample.image for samples in self.splits.values() for sample in samples.values()}
        failed = {failure.name for failure in self.survey.failures}
        for path in sorted(path for several in self.images.by_name.values() for path in several):
            place = str(self.images.root / path)
            if place not in known and (key := self.images.key(place)) not in failed:
                error = FileError(place, f"image has no {what}", hint=SKIP)
                self.fail(split_of_folders(str(path)), key, error, unlabeled=True)

    def classes(self, names: Iterable[str], name: str, *, complete: bool = False) -> Classes:
        """Return the classes with these names.

        Args:
            names: the names that the files use.
            name: the name of the label space.
            complete: whether the shapes hold every pixel that counts.

        Raises:
            DataError: there are none, or too many; if there are none and files failed, the errors of the files.
        """
        names = list(names)
        if not names and self.survey.failures:
            raise self._failed
        return Classes.named(names, self.spec.partition(":")[2], name, complete=complete)

    @property
    def _failed(self) -> DataError:
        return together([failure.error for failure in self.survey.failures], limit=_LISTED)

    def source(self, classes: Classes) -> ShapeSource:
        """Return the source of all samples. Raise DataError if there are none."""
        if not self.drawings and self.survey.failures:
            raise self._failed
        if not self.drawings:
            hint = "label something, then export again"
            raise DataError(f"no image is described in these files of {self.tool}", where=self.spec, hint=hint)
        count = counted(len(self.drawings), "image")
        outside = f"class 0, {BACKGROUND}" if classes.base == 0 else "ignored"
        self.survey.note(f"{self.spec}: {self.tool}, {count}; pixels in no shape are {outside}")
        splits = {name: tuple(samples[key] for key in sorted(samples)) for name, samples in self.splits.items()}
        return ShapeSource(self.spec, self.tool, classes.space, splits, self.drawings, self.survey, classes.base)
