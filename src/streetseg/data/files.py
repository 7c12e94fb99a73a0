"""Where the bytes of a data set lie: files in folders, or members of a zip archive read in place.

A place is a plain text: a path, or `ARCHIVE.zip!MEMBER`.
"""

import os
import stat
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from streetseg.data.archive import open_archive, read_member
from streetseg.errors import DataError

_MEMBER = ".zip!"  # what tells a member of an archive from a plain path
_JUNK = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_MAX_BYTES = 2**30  # of one picture or mask as it is stored


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
        raise FileError(place, "file is larger than 1 GiB, which no picture is", f"{size:,} bytes")


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
