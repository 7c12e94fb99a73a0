"""Find which files of a folder could be images and their masks, by their names alone.

A name may carry a mark that says what the file is (`mask_7.png`, `7_labelIds.png`), and so may a folder in its path
(`masks/train/7.png`, `train/masks/7.png`). Without these marks the names of an image and its mask are equal. No mark is
known beforehand: all that several files share are tried, and those that make most names equal are found.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePosixPath
from zlib import crc32

_TOKENS = re.compile(r"\d+|[^\W\d_]+|[\W_]+")
_MARKS = 24  # prefixes, and suffixes, that are tried, the most frequent first
_LONGEST = 6  # tokens of a mark
_ROLES = 60  # marks in folders that are tried, those of most files first
_PAIRINGS = 600  # pairings that are counted, those with most names in common first
_CROWD = 48  # with more groups than this, a name is no evidence: each video may have its own 0001.png

Folder = tuple[str, ...]
Key = tuple[Folder, str]


@dataclass(frozen=True)
class File:
    """A file below the folder that is recognized.

    Args:
        name: its path relative to that folder, with slashes.
        folder: the parts of its folder.
        stem: its name without ending.
        ending: the ending in lower case, with its dot.
    """

    name: str
    folder: Folder
    stem: str
    ending: str

    @classmethod
    def of(cls, name: str) -> "File":
        """Return the file with this relative path."""
        path = PurePosixPath(name)
        return cls(name, path.parts[:-1], path.stem, path.suffix.lower())


@dataclass(frozen=True, order=True)
class Role:
    """The part of a folder's path that says what its files are.

    Args:
        position: the position of this part; -1 if there is none.
        part: its name.
        below: whether all folders below it say nothing either: masks in one folder may belong to images in many.
    """

    position: int = -1
    part: str = ""
    below: bool = False


@dataclass(frozen=True)
class Group:
    """Files that carry the same marks.

    Args:
        role: the mark in their folders.
        prefix, suffix: the marks in their stems.
        ending: their ending.
    """

    role: Role
    prefix: str
    suffix: str
    ending: str


@dataclass(frozen=True)
class Pairing:
    """Two groups of files whose names are equal without their marks, and the pairs (image, mask) of files."""

    image: Group
    mask: Group
    pairs: Sequence[tuple[File, File]]

    @property
    def complexity(self) -> tuple[int, ...]:
        """The amount by which names must be changed to become equal; of two explanations the simpler one is taken."""
        groups = self.image, self.mask
        return (
            sum(group.role.below for group in groups),
            sum(len(group.prefix) + len(group.suffix) for group in groups),
            sum(group.role.position >= 0 for group in groups),
            len(set(words(self.image.role.part)) ^ set(words(self.mask.role.part))),
            sum(group.role.position for group in groups),
        )


def pairings(files: Sequence[File]) -> list[Pairing]:
    """Return every pairing of two groups, those that explain most files first. Each is returned in both directions.

    The pairs are in an order without pattern, which is the same in all pairings: the first are a sample of all.
    """
    numbers: dict[Group, int] = {}
    members: list[dict[Key, File]] = []
    ambiguous: set[int] = set()
    by_key: dict[Key, set[int]] = defaultdict(set)
    for file, group, key in _groups_of(sorted(files, key=lambda file: crc32(os.fsencode(file.name)))):
        number = numbers.setdefault(group, len(numbers))
        if number == len(members):
            members.append({})
        if members[number].setdefault(key, file) is not file:
            ambiguous.add(number)
        by_key[key].add(number)
    together = Counter(
        pair for some in by_key.values() if 1 < len(some) <= _CROWD for pair in combinations(sorted(some), 2)
    )
    groups = list(numbers)
    best = [
        both
        for (one, other), _ in together.most_common()
        if not ambiguous & {one, other} and _differ(groups[one], groups[other])
        for both in ((one, other), (other, one))
    ]
    found = [Pairing(groups[i], groups[m], _pairs(members[i], members[m])) for i, m in best[:_PAIRINGS]]
    paired = [pairing for pairing in found if pairing.pairs]
    return sorted(paired, key=lambda pairing: (-len(pairing.pairs), pairing.complexity, repr(pairing.image)))


def _pairs(images: Mapping[Key, File], masks: Mapping[Key, File]) -> list[tuple[File, File]]:
    return [(file, masks[key]) for key, file in images.items() if key in masks and masks[key] is not file]


def _differ(one: Group, other: Group) -> bool:
    """Return whether the marks of two groups differ, and no mark is shared: a shared one is part of the name."""
    if one.prefix == other.prefix != "" or one.suffix == other.suffix != "":
        return False
    if one.role == other.role:
        return one.role.position < 0 and (one.prefix, one.suffix, one.ending) != (
            other.prefix,
            other.suffix,
            other.ending,
        )
    return True


def _groups_of(files: Sequence[File]) -> Iterator[tuple[File, Group, Key]]:
    """Yield each file with every group that it may be in, and its name without the marks of this group."""
    least = 2 if len(files) > 4 else 1
    prefixes = _frequent((mark for file in files for mark in _prefixes(file.stem)), least)
    suffixes = _frequent((mark for file in files for mark in _suffixes(file.stem)), least)
    sizes = Counter(role for file in files for role, _ in _roles(file.folder))
    roles = {role for role, _ in sizes.most_common(_ROLES)}
    for file in files:
        for prefix in ("", *(mark for mark in _prefixes(file.stem) if mark in prefixes)):
            for suffix in ("", *(mark for mark in _suffixes(file.stem) if mark in suffixes)):
                if len(prefix) + len(suffix) > len(file.stem) or (prefix and len(prefix) == len(file.stem)):
                    continue
                core = file.stem[len(prefix) : len(file.stem) - len(suffix)]
                for role, rest in _roles(file.folder):
                    if role in roles and (core or rest):
                        yield file, Group(role, prefix, suffix, file.ending), (rest, core)


def _frequent(marks: Iterable[str], least: int) -> frozenset[str]:
    return frozenset(mark for mark, count in Counter(marks).most_common(_MARKS) if count >= least)


def _roles(folder: Folder) -> Iterator[tuple[Role, Folder]]:
    """Yield each role that a part of the folder's path may have, and the path without it."""
    yield Role(), folder
    for i, part in enumerate(folder):
        yield Role(i, part), folder[:i] + folder[i + 1 :]
        if i < len(folder) - 1:
            yield Role(i, part, below=True), folder[:i]


def _suffixes(stem: str) -> list[str]:
    """Return the texts with a letter at the end of a stem that begin at a sign or behind a digit, or are the stem."""
    tokens = _TOKENS.findall(stem)
    starts = [
        i
        for i in range(max(0, len(tokens) - _LONGEST), len(tokens))
        if i == 0 or _is_sign(tokens[i]) or (tokens[i - 1].isdigit() and not _is_sign(tokens[i]))
    ]
    marks = ["".join(tokens[i:]) for i in starts]
    return [mark for mark in marks if any(char.isalpha() for char in mark)]


def _prefixes(stem: str) -> list[str]:
    """Return the texts with a letter at the start of a stem that end at a sign or before a digit."""
    tokens = _TOKENS.findall(stem)
    ends = [
        i
        for i in range(1, min(_LONGEST, len(tokens)))
        if _is_sign(tokens[i - 1]) or (tokens[i].isdigit() and not _is_sign(tokens[i - 1]))
    ]
    marks = ["".join(tokens[:i]) for i in ends]
    return [mark for mark in marks if any(char.isalpha() for char in mark)]


def words(name: str) -> list[str]:
    """Return the words of a name in lower case: "trainImages_2" gives train, images."""
    return [word.lower() for word in re.findall(r"[^\W\d_]+", re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])", " ", name))]


def _is_sign(token: str) -> bool:
    return not token[0].isalnum()
