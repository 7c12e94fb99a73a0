"""Zip archives that are read in place: looked through when they are opened, and refused whole if a member is unsound.

Nothing is ever unpacked, so a member's name leads nowhere. It is refused all the same: whoever builds such an archive
means harm, and the next program to open it may unpack it.
"""

import re
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from streetseg.errors import DataError, first

_LARGEST_RATIO = 200  # of a member's size to its stored size; pictures are compressed already and have about 1
_NEVER_A_BOMB = 10 * 2**20  # bytes that a member may unpack to at any ratio, such as a bitmap of one colour
_LISTED = 10  # unsound members named in one error
_ENCRYPTED = 0x1  # bit of a member's flags (PKWARE APPNOTE, 4.4.4)


def open_archive(path: Path) -> zipfile.ZipFile:
    """The archive, ready to be read.

    Raises:
        DataError: if it is no whole zip archive, or holds members that are links or encrypted, have one name, lead out
            of the archive, share bytes, or unpack to hundreds of times their size.
    """
    try:
        archive = zipfile.ZipFile(path)
    # What zipfile meets in a damaged archive, it says with exceptions of many kinds.
    except Exception as failure:
        raise DataError(
            f"archive cannot be opened ({failure})", where=path, hint="was it downloaded whole?"
        ) from failure
    unsound = list(_unsound(archive, path))
    if unsound:
        archive.close()
        raise DataError(
            "archive is not sound; nothing in it is read",
            where=first(unsound, _LISTED),
            hint="take it from where it was published first",
        )
    return archive


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """All bytes of a member. Raises KeyError if there is none, zipfile.BadZipFile if it is damaged."""
    member = archive.getinfo(name)
    try:
        return archive.read(member)
    # Each way of compressing has exceptions of its own.
    except Exception as failure:
        raise zipfile.BadZipFile(str(failure) or type(failure).__name__) from failure


def _unsound(archive: zipfile.ZipFile, path: Path) -> Iterator[str]:
    members = archive.infolist()
    times = Counter(member.filename for member in members)
    for member in members:
        for trouble in _troubles(member):
            yield f"{path}!{member.orig_filename}: {trouble}"
    yield from (f"{path}!{name}: {count} members have this name" for name, count in times.items() if count > 1)
    stored = sum(member.compress_size for member in members)
    if stored > path.stat().st_size:
        yield f"{path}: members share bytes ({stored:,} bytes of members in a file of {path.stat().st_size:,})"


def _troubles(member: zipfile.ZipInfo) -> Iterator[str]:
    name = member.orig_filename  # as stored; zipfile cuts the other one at a zero byte
    if "\0" in name:
        yield "a zero byte in the name"
    if ".." in re.split(r"[/\\]", name):
        yield "leads out of the archive"
    if re.match(r"[/\\]|[A-Za-z]:", name):
        yield "an absolute name"
    kind = stat.S_IFMT(member.external_attr >> 16)  # Unix mode, in the upper half; 0 where there is none
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        yield "a link" if kind == stat.S_IFLNK else "neither file nor folder"
    if member.flag_bits & _ENCRYPTED:
        yield "encrypted"
    if member.file_size > max(_NEVER_A_BOMB, _LARGEST_RATIO * member.compress_size):
        yield f"{member.compress_size:,} bytes that unpack to {member.file_size:,}"
