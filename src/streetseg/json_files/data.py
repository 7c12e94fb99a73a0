"""The findings of a check, and the file data.json."""

from collections.abc import Mapping, Sequence
from typing import NotRequired

from streetseg.json_files.terms import Count, Fixed, Positive


class SplitContent(Fixed):
    """The usable files of a split."""

    images: Count
    """number of images"""
    counts: Mapping[str, Count]
    """class -> pixels in the masks"""
    ignored: Count
    """pixels that are ignored"""
    sizes: Mapping[str, Positive]
    """HxW in pixels -> number of images"""
    images_stored: Mapping[str, Positive]
    """how image files are stored -> their number"""
    masks_stored: Mapping[str, Positive]
    """how mask files are stored -> their number"""
    turned: Count
    """images to which an EXIF orientation was applied"""


class RemarkEntry(Fixed):
    """A file, or a pair of files, that a remark names."""

    files: Sequence[str]
    """one file, or two"""
    reason: str
    """why the remark names it"""


class Remark(Fixed):
    """A remark on data that can be used, for the user to know."""

    kind: str
    """keyword for programs"""
    text: str
    """one line for a person"""
    entries: Sequence[RemarkEntry]
    """files that it concerns; empty if it concerns the whole data set"""


class Problem(Fixed):
    """A problem that must be fixed before the data can be used."""

    files: Sequence[str]
    """files that it concerns"""
    problem: str
    """what is wrong"""
    found: str | None
    """details of what was found"""
    hint: str | None
    """how to fix it"""


class Findings(Fixed):
    """The content of a data set and everything that is wrong with it."""

    spec: str
    """the data set, as DATA of a command"""
    space: str
    """name of the label space"""
    notes: Sequence[str]
    """what was recognized when it was opened, one sentence each"""
    splits: Mapping[str, SplitContent]
    """split -> its usable files"""
    warnings: Sequence[Remark]
    """what a user should know although the data can be used"""
    errors: Sequence[Problem]
    """what must be fixed before the data can be used"""


class TrainedSplit(Fixed):
    """A split of the data of a run."""

    images: Positive
    """number of images that are used"""
    extra: NotRequired[Positive]
    """how many of them are of the extra data set; only where there is one"""
    fingerprint: str
    """digest of names and content of the images and labels"""
    counts: Mapping[str, Count]
    """class -> pixels in the masks"""
    ignored: Count
    """pixels that are ignored"""
    sequences: Sequence[str]
    """names of the videos that the images are from; empty if no video is known"""
    sizes: NotRequired[Mapping[str, Positive]]
    """HxW in pixels -> number of images; not for the built-in scenes"""
    images_stored: NotRequired[Mapping[str, Positive]]
    """how image files are stored -> their number; not for the built-in scenes"""
    masks_stored: NotRequired[Mapping[str, Positive]]
    """how mask files are stored -> their number; not for the built-in scenes"""
    turned: NotRequired[Count]
    """images to which an EXIF orientation was applied; not for the built-in scenes"""


class DataFile(Fixed):
    """The data of a run."""

    spec: str
    """the data set, without the folders of a machine"""
    space: str
    """name of the label space"""
    splits: Mapping[str, TrainedSplit]
    """split -> its files"""
    made: str | None
    """how the program made the split, in one sentence; null where it is that of the data"""
