"""A street data set as a table, and the one opener of all of them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from streetseg.data.issues import Survey
from streetseg.data.mask_code import MaskCode
from streetseg.data.matching import by_key, matching, nothing_pairs, pair, pairs_at_all, sample_name
from streetseg.data.polygons import POLYGONS
from streetseg.data.source import FileSource, Sample
from streetseg.errors import DataError

ALL = {"all": ""}  # the splits of a data set whose publisher makes none


@dataclass(frozen=True)
class Form:
    """One form in which a data set is handed out.

    The text that the wildcards of both globs match pairs an image with its mask, and is the name of the sample.

    Args:
        images: glob of the images below the folder of the data set; {split} stands for the name of a split on disk.
        masks: glob of the masks.
        code: how the masks encode the class of a pixel, or a function that reads it from the folder of the data set.
        what: the masks in a few words, for a note.
        marks: globs; a folder in which each matches something can only be this data set. Empty: there are no such
            marks.
    """

    images: str
    masks: str
    code: MaskCode | Callable[[Path], MaskCode]
    what: str
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class StreetSet:
    """A published street data set.

    Args:
        kind: the word before the colon of DATA.
        title: name, authors and year.
        forms: the first whose masks exist is read.
        license: one line.
        url: where the data and its tables are described.
        splits: name of the split -> its name on disk.
        moment: regular expression for the name of a sample, with the groups sequence and, if known, frame.
        chosen: returns, for the folder of the data set, whether a sample belongs to a split, by the names of the split
            and the sample; None: all do.
    """

    kind: str
    title: str
    forms: tuple[Form, ...]
    license: str
    url: str
    splits: Mapping[str, str] = field(default_factory=lambda: ALL)
    moment: str = ""
    chosen: Callable[[Path], Callable[[str, str], bool]] | None = None

    def is_in(self, root: Path) -> bool:
        """Return whether the marks of one of the forms are in the folder."""
        return any(form.marks and all(_any(root, mark) for mark in form.marks) for form in self.forms)

    def open(self, root: Path) -> FileSource:
        """Open the data set in the folder. A split without masks, as of a test set, is left out with a note.

        Raises:
            DataError: there are no masks, or the table of classes that the data set ships cannot be read.
        """
        form = self._form(root)
        survey = Survey()
        survey.note(f"{root}: {self.title}, {form.what}; {self.license}, {self.url}")
        code = form.code if isinstance(form.code, MaskCode) else form.code(root)
        chosen = self.chosen(root) if self.chosen else None
        splits: dict[str, tuple[Sample, ...]] = {}
        for split, folder in self.splits.items():
            images, masks = (
                by_key(
                    [
                        (key, place)
                        for key, place in matching(root, glob.format(split=folder), Survey(), (POLYGONS,))
                        if chosen is None or chosen(split, key)
                    ],
                    what,
                    survey,
                    split,
                )
                for what, glob in (("images", form.images), ("masks", form.masks))
            )
            if images and masks and not pairs_at_all(images, masks):
                raise nothing_pairs(images, masks, f"{root}: {form.images} and {form.masks}")
            if masks:
                pairs = pair(images, masks, survey, split)
                splits[split] = tuple(self._sample(split, key, image, mask) for key, image, mask in pairs)
            elif images:
                survey.note(f"{root}: {len(images)} images of {split} have no masks and are left out")
        return FileSource(f"{self.kind}:{root}", code, splits, survey)

    def _form(self, root: Path) -> Form:
        for form in self.forms:
            if any(_any(root, form.masks.format(split=folder)) for folder in self.splits.values()):
                return form
        below = [child.name for child in sorted(root.iterdir()) if child.is_dir() and self.is_in(child)]
        expected = " or ".join(dict.fromkeys(f"{form.images} with {form.masks}" for form in self.forms))
        raise DataError(
            f"no masks of {self.title} in this folder",
            where=root,
            hint=f"did you mean {self.kind}:{root / below[0]}?" if below else f"expected {expected}",
        )

    def _sample(self, split: str, key: str, image: str, mask: str) -> Sample:
        match = re.fullmatch(self.moment, key) if self.moment else None
        found = match.groupdict() if match else {}
        frame = int(found["frame"]) if "frame" in found else None
        return Sample(sample_name(key, split), image, mask, found.get("sequence"), frame)


def _any(root: Path, glob: str) -> bool:
    """Return whether a file or folder matches. A folder that cannot be listed holds nothing."""
    try:
        return next(root.glob(glob), None) is not None
    except OSError:
        return False
