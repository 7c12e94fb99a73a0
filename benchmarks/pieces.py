"""Files in pieces, for machines that accept no large ones: an archive that is cut, and the CamVid data in one."""

import lzma
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import chain
from pathlib import Path

from PIL import Image, ImageChops

from streetseg.atomic import atomic_folder
from streetseg.errors import DataError, RequestError


def write_pieces(folder: Path, name: str, members: Iterable[tuple[str, bytes]], most: int) -> None:
    """Replace a folder by one archive, cut into the files NAME.tar.gz.1-of-3, NAME.tar.gz.2-of-3 and so on.

    Args:
        folder: replaced in one step, so that it is always whole.
        name: of the archive.
        members: path in the archive and content of each file.
        most: bytes of a piece.
    """
    with tarfile.open(fileobj=(buffer := BytesIO()), mode="w:gz", compresslevel=6) as archive:
        for member, content in members:
            info = tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, BytesIO(content))
    whole = buffer.getbuffer()
    count = -(-len(whole) // most)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder) as new:
        for number in range(count):
            piece = new / f"{name}.tar.gz.{number + 1:0{len(str(count))}}-of-{count}"
            piece.write_bytes(whole[number * most : (number + 1) * most])


def read_pieces(folder: Path, name: str, out: Path) -> None:
    """Unpack what `write_pieces` wrote.

    Raises:
        RequestError: a piece is missing.
        DataError: the pieces are damaged.
    """
    pieces = sorted(folder.glob(f"{name}.tar.gz.*-of-*"))
    count = int(pieces[0].name.rpartition("-")[2]) if pieces else None
    if count != len(pieces):
        raise RequestError(
            f"pieces of {name}.tar.gz are missing (found {len(pieces)}, expected {count or 'one or more'})",
            where=folder,
            hint="copy all files into one folder",
        )
    try:
        with tarfile.open(fileobj=BytesIO(b"".join(piece.read_bytes() for piece in pieces))) as archive:
            archive.extractall(out, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"cannot unpack {name}.tar.gz ({error})", where=folder, hint="copy all files again") from error


def camvid_members(camvid: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of the training and the validation split: images as lossless WebP, masks unchanged.

    Raises:
        RequestError: a folder is missing.
        DataError: an image would not come back pixel by pixel.
    """
    for folder in chain.from_iterable((split, f"{split}annot") for split in ("train", "val")):
        if not (camvid / folder).is_dir():
            raise RequestError(
                "no such folder", where=camvid / folder, hint="CAMVID has train, trainannot, val and valannot"
            )
    for split in ("train", "val"):
        for path in sorted((camvid / f"{split}annot").iterdir()):
            yield f"camvid/{split}annot/{path.name}", path.read_bytes()
        for path in sorted((camvid / split).iterdir()):
            yield f"camvid/{split}/{path.stem}.webp", as_webp(path)


def as_webp(path: Path) -> bytes:
    """Return an image as lossless WebP, which is smaller than PNG. Raise DataError if a pixel would change."""
    with Image.open(path) as image:
        image.save(buffer := BytesIO(), "webp", lossless=True, exact=True, method=4, quality=80)
        with Image.open(buffer) as packed:
            if packed.mode != image.mode or ImageChops.difference(packed, image).getbbox():
                raise DataError("the image does not survive packing: only 8-bit RGB does", where=path)
    return buffer.getvalue()


def weight_members(files: Iterable[Path], folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield weight files, compressed, as members below `weights/`."""
    for path in files:
        yield f"weights/{path.relative_to(folder)}.xz", lzma.compress(path.read_bytes(), preset=6)


def unpack(pieces: Path, folder: Path) -> None:
    """Unpack the pieces into a new folder with the folders camvid and weights; images become PNG.

    The folder appears in one step, whole.

    Raises:
        RequestError, DataError: pieces are missing or damaged.
    """
    with atomic_folder(folder) as new:
        (new / "weights").mkdir()
        read_pieces(pieces, "data", new)
        for path in (new / "weights").rglob("*.xz"):
            path.with_suffix("").write_bytes(lzma.decompress(path.read_bytes()))
            path.unlink()
        images = sorted((new / "camvid").rglob("*.webp"))
        with ThreadPoolExecutor() as pool:  # Pillow works without Python's lock
            list(pool.map(_as_png, images))


def _as_png(path: Path) -> None:
    with Image.open(path) as image:
        image.save(path.with_suffix(".png"), compress_level=1)
    path.unlink()
