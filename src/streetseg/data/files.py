"""Where the bytes of a data set lie: files in folders, or members of a zip archive read in place.

A place is a plain text: a path, or `ARCHIVE.zip!MEMBER`. An archive is looked through when it is opened, and refused
whole if a member is unsound. Nothing is ever unpacked, so a member's name leads nowhere. It is refused all the same:
whoever builds such an archive means harm, and the next program to open it may unpack it.
"""

import os
import re
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from streetseg.errors import DataError, first

_LARGEST_RATIO = 200  # of a member's size to its stored size; images are compressed already and have about 1
_NEVER_A_BOMB = 10 * 2**20  # bytes that a member may unpack to at any ratio, such as a bitmap of one color
_LISTED = 10  # unsound members named in one error
_ENCRYPTED = 0x1  # bit of a member's flags (PKWARE APPNOTE, 4.4.4)
_ZSTANDARD = 93  # read by Python 3.14 and later

# Ways of compressing that zipfile does not know (PKWARE APPNOTE, 4.4.5).
_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 95: "XZ", 96: "JPEG", 98: "PPMd"} | (
    {} if hasattr(zipfile, "ZIP_ZSTANDARD") else {_ZSTANDARD: "Zstandard"}
)

# What a file named .zip is found to be: where its mark stands, the mark, what it is, what helps.
_UNPACK = "unpack it, and give the folder or make a zip of it"
_KINDS = (
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!", "a RAR archive", _UNPACK),
    (0, b"\x1f\x8b", "a gzip file, as of tar.gz", _UNPACK),
    (0, b"BZh", "a bzip2 file, as of tar.bz2", _UNPACK),
    (0, b"\xfd7zXZ", "an XZ file, as of tar.xz", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"PK\x07\x08", "one part of a split zip", "zip -s 0 FIRST.zip --out WHOLE.zip puts the parts together"),
    (0, b"<", "a web page", "the download asked for something, perhaps a login: take it again in a browser"),
)
_MEMBER = ".zip!"  # what tells a member of an archive from a plain path
_JUNK = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_MAX_BYTES = 2**30  # of one image or mask as it is stored


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
        found, hint = _other_kind(path, str(failure))
        raise DataError(f"archive cannot be opened ({found})", where=path, hint=hint) from failure
    unsound = list(_unsound(archive, path))
    if unsound:
        archive.close()
        raise DataError(
            "archive is not sound; nothing in it is read",
            where=first(unsound, _LISTED),
            hint="take it from where it was published first",
        )
    unreadable = [f"{path}!{member.orig_filename}: {why}" for member in archive.infolist() if (why := _locked(member))]
    if unreadable:
        archive.close()
        raise DataError("archive cannot be read in place", where=first(unreadable, _LISTED), hint=_UNPACK)
    return archive


def _other_kind(path: Path, failure: str) -> tuple[str, str]:
    """Return what a file that is no zip archive is, and what helps."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        return error.strerror or failure, f"ls -l {path}"
    if not head:
        return "an empty file", "download it again"
    if "multiple disks" in failure:
        return "the last part of a split zip", f"zip -s 0 {path.name} --out WHOLE.zip puts the parts together"
    for start, mark, kind, hint in _KINDS:
        if head[start:].lstrip(b" \r\n\xef\xbb\xbf").startswith(mark):
            return f"it is {kind}, no zip archive", hint
    return failure, "was it downloaded whole?"


def _locked(member: zipfile.ZipInfo) -> str | None:
    """Why a member's bytes cannot be had; none where they can."""
    if member.flag_bits & _ENCRYPTED:
        return "encrypted"
    method = _METHODS.get(member.compress_type)
    return f"compressed by {method}, which is not read" if method else None


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
    if member.file_size > max(_NEVER_A_BOMB, _LARGEST_RATIO * member.compress_size):
        yield f"{member.compress_size:,} bytes that unpack to {member.file_size:,}"


class FileError(DataError):
    """One file that cannot be used.

    Args:
        place: the file.
        problem: what is wrong, the same words for every file with that trouble.
        detail: what was found in this file.
    """

    def __init__(self, place: str | Path, problem: str, detail: str = "", *, hint: str | None = None) -> None:
        self.place = str(place)
        self.detail = detail
        where = f"{place} ({detail})" if detail else self.place
        super().__init__(problem, where=where, hint=hint or "replace the file, or leave it out")

    @property
    def line(self) -> str:
        """The whole error in one line, for lists of files with different troubles."""
        return f"{self.place}: {self.problem}" + (f" ({self.detail})" if self.detail else "")


def read_bytes(place: str) -> bytes:
    """All bytes of a file or archive member. Raises FileError."""
    archive, member = _split(place)
    try:
        if member is not None:
            zipped = _archive(archive, os.getpid())
            _require_small(zipped.getinfo(member).file_size, place)
            return read_member(zipped, member)
        path = Path(archive)
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would wait for ever
            raise FileError(place, "not a regular file")
        _require_small(status.st_size, place)
        return path.read_bytes()
    except KeyError:
        raise FileError(place, "file not found in the archive") from None
    except FileNotFoundError:
        raise FileError(place, "file not found") from None
    except OSError as failure:
        raise FileError(place, "file cannot be read", failure.strerror or str(failure)) from failure
    except zipfile.BadZipFile as failure:
        raise FileError(place, "archive member cannot be read", str(failure)) from failure


def _require_small(size: int, place: str) -> None:
    if size > _MAX_BYTES:
        raise FileError(place, "file is larger than 1 GiB, which no image is", f"{size:,} bytes")


def stamp(place: str) -> str:
    """Size and modification time of the file; for an archive member its size and checksum.

    Raises FileError.
    """
    archive, member = _split(place) if _MEMBER in place else (place, None)
    try:
        if member is None:
            status = os.stat(archive)  # noqa: PTH116  # a Path takes twice as long, and a store asks thousands of files
            return f"{status.st_size}-{status.st_mtime_ns}"
        info = _archive(archive, os.getpid()).getinfo(member)
    except (FileNotFoundError, KeyError):
        raise FileError(place, "file not found") from None
    except OSError as failure:
        raise FileError(place, "file cannot be read", failure.strerror or str(failure)) from failure
    return f"{info.file_size}-{info.CRC:08x}"


def walk(root: Path) -> Iterator[str]:
    """Every file below a folder, in a stable order, as a path relative to it with forward slashes.

    Hidden folders are not entered. Links to folders are followed unless they lead back to a folder that is being walked
    or to one above it.

    Raises:
        DataError: if a folder cannot be listed.
    """

    def below(folder: str | Path, prefix: str, ancestors: frozenset[str]) -> Iterator[str]:
        here = os.path.realpath(folder)
        if here in ancestors:
            return
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as failure:
            raise _unlisted(folder, failure) from failure
        for entry in entries:
            if not _is_folder(entry):
                yield prefix + entry.name
            elif not is_junk(entry.name):
                yield from below(entry.path, f"{prefix}{entry.name}/", ancestors | {here})

    above = (*root.absolute().parents, *root.resolve().parents)
    return below(root, "", frozenset(map(os.path.realpath, above)))


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def listing(folder: Path) -> list[Path]:
    """What a folder holds, hidden entries left out, in a stable order. Raises DataError if it cannot be listed."""
    try:
        return sorted(path for path in folder.iterdir() if not is_junk(path.name))
    except OSError as failure:
        raise _unlisted(folder, failure) from failure


def members(archive: Path) -> list[str]:
    """Every file of a zip archive, in a stable order.

    Raises:
        DataError: if it is no readable zip archive.
    """
    return sorted(name for name in _archive(str(archive), os.getpid()).namelist() if not name.endswith("/"))


def member_place(archive: Path, member: str) -> str:
    """The place of a member of an archive whose name ends in .zip."""
    return f"{archive}!{member}"


def _unlisted(folder: str | Path, failure: OSError) -> DataError:
    return DataError(f"folder cannot be listed ({failure.strerror})", where=folder, hint=f"ls -l {folder}")


def is_junk(name: str) -> bool:
    """What nobody put there on purpose: hidden files, `._x.png`, Thumbs.db, __MACOSX."""
    return name.startswith(".") or name.lower() in _JUNK


def _split(place: str) -> tuple[str, str | None]:
    """A place as (path, None) or (archive, member)."""
    stem, mark, member = place.partition(_MEMBER)
    if mark and Path(stem + ".zip").is_file():
        return stem + ".zip", member
    return place, None


@lru_cache(maxsize=16)
def _archive(path: str, process: int) -> zipfile.ZipFile:
    """An open archive. One a process: after a fork, parent and child would move each other's file position."""
    return open_archive(Path(path))
