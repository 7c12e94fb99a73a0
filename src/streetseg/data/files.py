"""Read the files of a data set: files in folders, or members of a zip or tar archive or a shard, read in place.

A place is a text: a path, `ARCHIVE.zip!MEMBER`, or `SHARD.tar!MEMBER`, whose shard may be at an address. In a path, a
zip or tar archive is like a folder: `photos.zip/images/1.jpg`. All members of an archive are tested when it is opened,
and one unsafe member makes the whole archive an error. Archives are never unpacked, so an unsafe member name could do
no harm here. It is an error all the same, because the next program that opens the archive may unpack it.
"""

import io
import os
import re
import stat
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from streetseg.data.shards import find_member, read_shard_member, shard_and_member
from streetseg.errors import DataError, first

_LARGEST_RATIO = 200  # largest ratio of a member's size to its compressed size; for compressed images it is about 1
_ANY_RATIO = 10 * 2**20  # bytes; smaller members may have any ratio, e.g. a bitmap of one color
_LISTED = 10  # unsafe members named in one error
_ENCRYPTED = 0x1  # bit in the flags of a member (PKWARE APPNOTE, 4.4.4)
_ZSTANDARD = 93  # read by Python 3.14 and later

# Compression methods that zipfile does not support (PKWARE APPNOTE, 4.4.5).
_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 95: "XZ", 96: "JPEG", 98: "PPMd"} | (
    {} if hasattr(zipfile, "ZIP_ZSTANDARD") else {_ZSTANDARD: "Zstandard"}
)

# Other kinds of files that are named .zip: offset of the signature, signature, kind, cure.
_UNPACK = "unpack it, and give the folder or make a zip of it"
_KINDS = (
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!", "a RAR archive", _UNPACK),
    (0, b"\x1f\x8b", "a gzip file, as of tar.gz", _UNPACK),
    (0, b"BZh", "a bzip2 file, as of tar.bz2", _UNPACK),
    (0, b"\xfd7zXZ", "an XZ file, as of tar.xz", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"PK\x07\x08", "one part of a split zip", "zip -s 0 FIRST.zip --out WHOLE.zip puts the parts together"),
    (0, b"<", "a web page", "the server sent a page, perhaps a login: download the file again in a browser"),
)
_MEMBER = ".zip!"  # marks the place of an archive member
_LIKE_FOLDER = re.compile(r"\.(?:zip|tar)(?=[/\\])", re.IGNORECASE)  # the ending of an archive in a path
_JUNK = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_MAX_BYTES = 2**30  # largest size of one image or mask file


def open_archive(path: Path) -> zipfile.ZipFile:
    """Open a zip archive and test all its members.

    Raises:
        DataError: the file is no complete zip archive, or has members that are links, encrypted, compressed by an
            unsupported method, named twice, named by a path out of the archive, overlapping, or that unpack to
            hundreds of times their size.
    """
    try:
        archive = zipfile.ZipFile(path)
    # zipfile raises exceptions of many types for damaged archives.
    except Exception as failure:
        kind, hint = _other_kind(path, str(failure))
        raise DataError(f"archive cannot be opened ({kind})", where=path, hint=hint) from failure
    unsafe = list(_unsafe(archive, path))
    if unsafe:
        archive.close()
        raise _not_sound(unsafe)
    unreadable = [
        f"{path}!{member.orig_filename}: {reason}"
        for member in archive.infolist()
        if (reason := _why_unreadable(member))
    ]
    if unreadable:
        archive.close()
        raise DataError("archive cannot be read in place", where=first(unreadable, _LISTED), hint=_UNPACK)
    return archive


def _not_sound(unsafe: Sequence[str]) -> DataError:
    return DataError(
        "archive is not sound; nothing in it is read",
        where=first(unsafe, _LISTED),
        hint="download it from its original publisher",
    )


def _other_kind(path: Path, failure: str) -> tuple[str, str]:
    """Return the kind of a file that is not the archive that its name says, and the cure."""
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
            return f"it is {kind}, no {path.suffix[1:].lower() or 'zip'} archive", hint
    return failure, "was it downloaded completely?"


def _why_unreadable(member: zipfile.ZipInfo) -> str | None:
    """Return why a member cannot be read; None if it can."""
    if member.flag_bits & _ENCRYPTED:
        return "encrypted"
    method = _METHODS.get(member.compress_type)
    return f"compressed by {method}, which is not read" if method else None


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return all bytes of a member. Raise KeyError if it does not exist, zipfile.BadZipFile if it is damaged."""
    member = archive.getinfo(name)
    try:
        return archive.read(member)
    # Each compression method raises exceptions of its own type.
    except Exception as failure:
        raise zipfile.BadZipFile(str(failure) or type(failure).__name__) from failure


def _unsafe(archive: zipfile.ZipFile, path: Path) -> Iterator[str]:
    """Yield a line for each problem that makes the archive unsafe."""
    members = archive.infolist()
    times = Counter(member.filename for member in members)
    for member in members:
        for problem in _problems(member):
            yield f"{path}!{member.orig_filename}: {problem}"
    yield from (f"{path}!{name}: {count} members have this name" for name, count in times.items() if count > 1)
    stored = sum(member.compress_size for member in members)
    if stored > path.stat().st_size:
        yield f"{path}: members share bytes ({stored:,} bytes of members in a file of {path.stat().st_size:,})"


def _problems(member: zipfile.ZipInfo) -> Iterator[str]:
    name = member.orig_filename  # the stored name; zipfile cuts `filename` at a zero byte
    if "\0" in name:
        yield "a zero byte in the name"
    if ".." in re.split(r"[/\\]", name):
        yield "leads out of the archive"
    if re.match(r"[/\\]|[A-Za-z]:", name):
        yield "an absolute name"
    kind = stat.S_IFMT(member.external_attr >> 16)  # the upper half is the Unix mode; 0 if there is none
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        yield "a link" if kind == stat.S_IFLNK else "neither file nor folder"
    if member.file_size > max(_ANY_RATIO, _LARGEST_RATIO * member.compress_size):
        yield f"{member.compress_size:,} bytes that unpack to {member.file_size:,}"


class FileError(DataError):
    """The error of one file that cannot be used.

    Args:
        place: the file.
        problem: what is wrong, in the same words for every file with this problem.
        detail: what was found in this file.
    """

    def __init__(self, place: str | Path, problem: str, detail: str = "", *, hint: str | None = None) -> None:
        self.place = str(place)
        self.detail = detail
        where = f"{place} ({detail})" if detail else self.place
        super().__init__(problem, where=where, hint=hint or "replace the file, or leave it out")

    @property
    def line(self) -> str:
        """The error as one line, for lists of files with different problems."""
        return f"{self.place}: {self.problem}" + (f" ({self.detail})" if self.detail else "")


def read_bytes(place: str) -> bytes:
    """Return all bytes of a file or archive member. Raise FileError if it cannot be read or is larger than 1 GiB."""
    shard, (archive, member) = shard_and_member(place), _split(place)
    try:
        if shard is not None:
            return read_shard_member(*shard)
        if member is not None:
            return _read_in_archive(archive, member, place)
        path = Path(archive)
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe could block forever
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


def _read_in_archive(archive: str, member: str, place: str) -> bytes:
    if not _is_tar(archive):
        zipped = _archive(archive, os.getpid())
        _require_small(zipped.getinfo(member).file_size, place)
        return read_member(zipped, member)
    start, size = _tar(archive)[member]
    _require_small(size, place)
    with Path(archive).open("rb") as file:
        file.seek(start)
        return file.read(size)


def _require_small(size: int, place: str) -> None:
    if size > _MAX_BYTES:
        raise FileError(place, "file is larger than 1 GiB, which no image is", f"{size:,} bytes")


def stamp(place: str) -> str:
    """Return size and modification time of a file or tar archive, or size and checksum of another member, as text.

    Raises:
        FileError: the file is missing or cannot be read.
    """
    shard, (archive, member) = shard_and_member(place), _split(place)
    try:
        if shard is not None:
            entry = find_member(*shard)
            return f"{entry.size}-{entry.crc32:08x}"
        if member is None or _is_tar(archive):
            status = os.stat(archive)  # noqa: PTH116  # Path.stat takes twice as long, and a store has thousands of files
            return f"{status.st_size}-{status.st_mtime_ns}"
        info = _archive(archive, os.getpid()).getinfo(member)
    except (FileNotFoundError, KeyError):
        raise FileError(place, "file not found") from None
    except OSError as failure:
        raise FileError(place, "file cannot be read", failure.strerror or str(failure)) from failure
    return f"{info.file_size}-{info.CRC:08x}"


def is_link(text: str) -> bool:
    """Return whether a text is an address of the web, which names no file on this machine."""
    return text.lower().startswith(("http://", "https://", "ftp://", "s3://", "gs://"))


def walk(root: Path) -> Iterator[str]:
    """Yield every file below a folder, in a stable order, as a path relative to it with forward slashes.

    The folder may be an archive or in an archive. Hidden folders are skipped. Links to folders are followed, except to
    a parent of `root` or of the link: that would be a cycle.

    Raises:
        DataError: a folder cannot be listed.
    """

    def below(folder: str | Path, prefix: str, ancestors: frozenset[str]) -> Iterator[str]:
        real = os.path.realpath(folder)
        if real in ancestors:
            return
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as failure:
            raise _unlisted(folder, failure) from failure
        for entry in entries:
            if not _is_folder(entry):
                yield prefix + entry.name
            elif not is_junk(entry.name):
                yield from below(entry.path, f"{prefix}{entry.name}/", ancestors | {real})

    if (archive := _as_archive(root)) is not None:
        return _walk_archive(*archive)
    above = (*Path(os.path.normpath(root.absolute())).parents, *root.resolve().parents)
    return below(root, "", frozenset(map(os.path.realpath, above)))


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder, an archive, or a folder in an archive.

    Raises:
        DataError: the archive cannot be read.
    """
    archive = _as_archive(path)
    return path.is_dir() or (archive is not None and any(_walk_archive(*archive)))


def _as_archive(path: Path) -> tuple[Path, str] | None:
    """Return the archive that a path is or leads into, and the folder in it; None for other paths."""
    archive, folder = _split(f"{path}/")
    return None if folder is None else (Path(archive), folder)


def _walk_archive(archive: Path, folder: str) -> Iterator[str]:
    """Yield the files below a folder of an archive, whose name ends with a slash, or "" for all."""
    for name in members(archive):
        below = name.removeprefix(folder)
        if name.startswith(folder) and not any(map(is_junk, below.split("/")[:-1])):
            yield below


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def listing(folder: Path) -> list[Path]:
    """Return the entries of a folder without hidden ones, in a stable order. Raise DataError if it cannot be listed."""
    try:
        return sorted(path for path in folder.iterdir() if not is_junk(path.name))
    except OSError as failure:
        raise _unlisted(folder, failure) from failure


def names_in(folder: Path) -> str:
    """Return the first names in a folder as one text, "nothing" if it is empty. Raise DataError as `listing`."""
    names = [path.name for path in listing(folder)]
    return f"{', '.join(names[:3])}{', …' if len(names) > 3 else ''}" if names else "nothing"


def members(archive: Path) -> list[str]:
    """Return the names of all files in a zip or tar archive, in a stable order.

    Raises:
        DataError: the file is no readable archive.
    """
    if _is_tar(str(archive)):
        return sorted(_tar(str(archive)))
    return sorted(name for name in _archive(str(archive), os.getpid()).namelist() if not name.endswith("/"))


def member_place(archive: Path, member: str) -> str:
    """Return the place of a member. The name of the archive must end in .zip."""
    return f"{archive}!{member}"


def _unlisted(folder: str | Path, failure: OSError) -> DataError:
    return DataError(f"folder cannot be listed ({failure.strerror})", where=folder, hint=f"ls -l {folder}")


def exists(place: str) -> bool:
    """Return whether the file of a place, or the archive or shard that it is in, is on this machine."""
    return Path((shard_and_member(place) or _split(place))[0]).exists()


def is_junk(name: str) -> bool:
    """Return whether a file or folder is hidden or made by the system: .cache, `._x.png`, Thumbs.db, __MACOSX."""
    return name.startswith(".") or name.lower() in _JUNK


def _split(place: str) -> tuple[str, str | None]:
    """Split a place into (path, None) or (archive, member)."""
    stem, mark, member = place.partition(_MEMBER)
    if mark and Path(f"{stem}.zip").is_file():
        return f"{stem}.zip", member
    for ending in _LIKE_FOLDER.finditer(place):
        if Path(place[: ending.end()]).is_file():
            return place[: ending.end()], place[ending.end() + 1 :].replace("\\", "/")
    return place, None


def _is_tar(archive: str) -> bool:
    return archive.lower().endswith(".tar")


@lru_cache(maxsize=16)
def _archive(path: str, process: int) -> zipfile.ZipFile:
    """Return an open archive. The cache key has the process id, as forked processes would share the file position."""
    return open_archive(Path(path))


class _WithinFile(io.BufferedReader):
    """A file that reserves no memory for more bytes than are left of it, as a damaged header may name any number."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes, at most `size`."""
        left = os.fstat(self.fileno()).st_size - self.tell()
        return super().read(left if size is None or size < 0 else min(size, max(0, left)))


@lru_cache(maxsize=16)
def _tar(path: str) -> dict[str, tuple[int, int]]:
    """Return name -> offset and size of every file in a tar archive without compression. Links are left out."""
    try:
        with _WithinFile(io.FileIO(path)) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            files = {one.name.removeprefix("./"): (one.offset_data, one.size) for one in archive if one.isreg()}
    # tarfile raises exceptions of many types for damaged archives.
    except Exception as failure:
        kind, hint = _other_kind(Path(path), str(failure))
        raise DataError(f"archive cannot be opened ({kind})", where=path, hint=hint) from failure
    unsafe = [name for name in files if ".." in name.split("/") or name.startswith("/")]
    if unsafe:
        raise _not_sound([f"{path}!{name}: leads out of the archive" for name in unsafe])
    return files
