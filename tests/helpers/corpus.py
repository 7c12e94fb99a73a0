"""Makers of data sets with one fault each, in the true layouts on disk, for rows 1 to 20 of bad inputs.

Each maker fills a folder and returns a `Case`: DATA of the command line, the files at fault and the texts that the
message must contain. `python tests/helpers/corpus.py OUT` writes all of them, to try by hand.
"""

import os
import shutil
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import tiny

ORIENTATION = 0x0112  # EXIF tag; 6: to be turned a quarter clockwise


@dataclass(frozen=True)
class Case:
    """A data set with a fault.

    Args:
        data: DATA of the command line.
        folder: folder of the data set, which no command may change.
        culprits: files at fault.
        said: texts that the message must contain.
        structural: True if the layout itself is wrong, so that no single file can be checked.
    """

    data: str
    folder: Path
    culprits: tuple[Path, ...] = ()
    said: tuple[str, ...] = ()
    structural: bool = False


Maker = Callable[[Path], Case]


def camvid(folder: Path, culprits: tuple[Path, ...] = (), *said: str, structural: bool = False) -> Case:
    """Return a case in CamVid's layout."""
    return Case(f"camvid:{folder}", folder, culprits, said, structural)


def nth(folder: Path, name: str, k: int) -> Path:
    """Return the k-th file, by name, of a folder of the data set."""
    return sorted((folder / name).iterdir())[k]


def rewrite_mask(path: Path, change: Callable[[Any], Any]) -> Path:
    """Replace a mask by the array that `change` makes of its ids. Return its path."""
    Image.fromarray(change(np.array(Image.open(path)))).save(path)
    return path


# Masks


def jpeg_masks(folder: Path) -> Case:
    """Row 4: masks stored as JPEG, one of them named .png."""
    tiny.camvid_segnet(folder)
    first, second = nth(folder, "trainannot", 0), nth(folder, "trainannot", 1)
    Image.open(first).save(first, format="JPEG")
    Image.open(second).save(second.with_suffix(".jpg"), quality=95)
    second.unlink()
    return camvid(folder, (first, second.with_suffix(".jpg")), "stored with loss", "JPEG, expected PNG")


def unknown_ids(folder: Path) -> Case:
    """Row 5: ids outside the label space, in two files."""
    tiny.camvid_segnet(folder)

    def spoil(ids: Any) -> Any:
        ids[:2, :3] = 12
        ids[5, :7] = 77
        return ids

    first = rewrite_mask(nth(folder, "trainannot", 2), spoil)
    second = rewrite_mask(nth(folder, "valannot", 0), lambda ids: np.where(ids == 5, 99, ids))
    return camvid(folder, (first, second), "outside the label space street-11", "ids 12, 77; 13 pixels", "id 99; ")


def unknown_colors(folder: Path) -> Case:
    """Row 2: a color outside the label space."""
    tiny.camvid_original(folder)

    def spoil(rgb: Any) -> Any:
        rgb[0, :9] = (1, 130, 190)
        return rgb

    path = rewrite_mask(nth(folder, "LabeledApproved_full", 1), spoil)
    return camvid(folder, (path,), "colors outside the label space", "(1, 130, 190) 9 pixels, nearest Bicyclist")


def black_and_white(folder: Path) -> Case:
    """Row 6: masks of nothing but 0 and 255."""
    for i in range(4):
        image, label = tiny.street(i)
        tiny.save(folder / "images" / f"{i}.png", image)
        tiny.save(folder / "masks" / f"{i}.png", np.where(label == 3, 255, 0).astype(np.uint8))
    path = folder / "data.yaml"
    path.write_text("images: images\nmasks: masks\nclasses: [rest, road]\nsplits: {train: 0.5, val: 0.5}\n")
    return Case(f"folder:{path}", folder, (), ("does 255 mean class 1?", "`id: 255`"))


def mixed_kinds(folder: Path) -> Case:
    """Row 7: masks of label ids and of train ids in one data set."""
    tiny.cityscapes_folder(folder, n_train=3)
    for path in (folder / "gtFine" / "val").rglob("*.png"):
        path.rename(path.with_name(path.name.replace("labelIds", "labelTrainIds")))
    said = ("the masks are of different kinds", "3 labelIds, 3 labelTrainIds for 6 images")
    return Case(f"cityscapes:{folder}", folder, (), said, structural=True)


def polygons_only(folder: Path) -> Case:
    """Row 7: polygons only, no masks."""
    tiny.cityscapes_folder(folder)
    for path in (folder / "gtFine").rglob("*.png"):
        path.with_name(path.name.replace("labelIds.png", "polygons.json")).write_text("{}")
        path.unlink()
    said = ("9 images have no masks, only 9 files of polygons", "csCreateTrainIdLabelImgs")
    return Case(f"cityscapes:{folder}", folder, (), said, structural=True)


def wrapping_ids(folder: Path) -> Case:
    """Row 8: a 16-bit mask with an id that would become a valid one if its high byte were lost or it were clipped."""
    tiny.camvid_segnet(folder)

    def spoil(ids: Any) -> Any:
        deep = ids.astype(np.uint16)
        deep[0, :4] = 256 + 3
        return deep

    path = rewrite_mask(nth(folder, "valannot", 1), spoil)
    return camvid(folder, (path,), "outside the label space", "id 259; 4 pixels")


def deep_channels(folder: Path) -> Case:
    """Row 8: a mask of several 16-bit channels, which decoders cut to 8 bits."""
    tiny.camvid_segnet(folder)
    path = nth(folder, "trainannot", 0)
    path.write_bytes(tiny.png(np.full((48, 64, 3), 259), bits=16))
    return camvid(folder, (path,), "several channels of 16 bits", "16-bit RGB PNG")


# Images


def turned_against_its_mask(folder: Path) -> Case:
    """Row 10: an EXIF rotation, and a mask drawn on the image as it is stored."""
    tiny.camvid_segnet(folder)
    path = turn(nth(folder, "train", 0))
    mask = folder / "trainannot" / f"{path.stem}.png"
    return camvid(
        folder, (mask,), "image 64x48, mask 48x64", "fits the image as it is stored, before its EXIF rotation"
    )


def turn(path: Path) -> Path:
    """Store an image as JPEG with an EXIF orientation. Return its new path."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.open(path).save(path.with_suffix(".jpg"), exif=exif)
    path.unlink()
    return path.with_suffix(".jpg")


def other_size(folder: Path) -> Case:
    """Row 11: a mask of another size than its image."""
    tiny.camvid_segnet(folder)
    path = nth(folder, "trainannot", 0)
    Image.open(path).resize((32, 48), Image.Resampling.NEAREST).save(path)
    return camvid(folder, (path,), "image and mask differ in size", "image 48x64, mask 48x32")


def damaged_files(folder: Path) -> Case:
    """Row 12: six damaged files: truncated, empty, a web page, text, a Git LFS pointer, a flipped byte."""
    tiny.camvid_segnet(folder, n_train=8)
    paths = [nth(folder, "train", k) for k in range(6)]
    whole = [path.read_bytes() for path in paths]
    flipped = bytearray(whole[5])
    flipped[len(flipped) // 2] ^= 0xFF
    contents = [
        whole[0][:-2000],
        b"",
        b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        b"this is no image\n",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        bytes(flipped),
    ]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    page = paths[2].rename(paths[2].with_suffix(".jpg"))
    half = nth(folder, "valannot", 0)
    half.write_bytes(half.read_bytes()[:60])
    culprits = (*paths[:2], page, *paths[3:], half)
    return camvid(
        folder,
        culprits,
        "truncated",
        "0 bytes",
        "an HTML page",
        "of another kind",
        "a Git LFS pointer",
        "file is damaged",
    )


def bomb(folder: Path) -> Case:
    """Row 18: a file of a few hundred bytes whose header promises 400 megapixels."""
    tiny.camvid_segnet(folder)
    path = nth(folder, "train", 1)
    path.write_bytes(huge_png(20_000))
    return camvid(
        folder, (path,), "larger than 100 megapixels", "400 by its header", "data.max_megapixels=N raises the limit"
    )


def huge_png(side: int) -> bytes:
    """Return a PNG with the header of a huge image and the data of one pixel."""
    small = tiny.png(np.zeros((1, 1, 3), np.int64), bits=16)
    header = b"IHDR" + side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return small[:12] + header + zlib.crc32(header).to_bytes(4, "big") + small[33:]


# Folders


def unpaired(folder: Path) -> Case:
    """Row 15: an image without mask, a mask without image, two files of one name, names in capital letters."""
    tiny.camvid_segnet(folder, n_train=8)
    masks = [nth(folder, "trainannot", k) for k in range(3)]
    images = [folder / "train" / mask.name for mask in masks]
    masks[0].unlink()
    images[1].unlink()
    Image.open(images[2]).save(images[2].with_suffix(".jpg"))
    last = nth(folder, "val", 0)
    capital = last.rename(last.with_name("0016e5" + last.name[6:]))
    culprits = (images[0], masks[1], images[2].with_suffix(".jpg"), capital, folder / "valannot" / last.name)
    return camvid(
        folder,
        culprits,
        "image without mask",
        "mask without image",
        "several images share one name",
        "only capital letters differ",
    )


def unpaired_and_damaged(folder: Path) -> Case:
    """Rows 5, 12 and 15 at once: one pass must report all of them."""
    tiny.camvid_segnet(folder)
    lonely = nth(folder, "trainannot", 0)
    lonely.unlink()
    empty = nth(folder, "train", 3)
    empty.write_bytes(b"")
    strange = rewrite_mask(nth(folder, "valannot", 2), lambda ids: ids + 40)
    culprits = (folder / "train" / lonely.name, empty, strange)
    return camvid(folder, culprits, "image without mask", "0 bytes", "outside the label space")


def unpaired_cityscapes(folder: Path) -> Case:
    """Row 15 in Cityscapes' layout."""
    tiny.cityscapes_folder(folder)
    path = next((folder / "gtFine" / "train").rglob("*.png"))
    path.unlink()
    return Case(f"cityscapes:{folder}", folder, (Path(path.name.split("_gtFine")[0]),), ("image without mask",))


def empty_folder(folder: Path) -> Case:
    """Row 16: an empty folder."""
    folder.mkdir()
    return camvid(folder, (folder,), "no CamVid in this folder", structural=True)


def empty_split(folder: Path) -> Case:
    """Row 16: the folders of a split are there, its images are not."""
    tiny.camvid_segnet(folder)
    for name in ("val", "valannot"):
        for path in (folder / name).iterdir():
            path.unlink()
    return camvid(folder, (), "split 'val' is empty (found train (6), val (0))")


def dangling_link(folder: Path) -> Case:
    """Row 20: a link to a file that is gone."""
    tiny.camvid_segnet(folder)
    path = nth(folder, "train", 0)
    path.unlink()
    path.symlink_to(folder / "gone.png")
    return camvid(folder, (path,), "file not found")


REFUSED: tuple[Maker, ...] = (
    jpeg_masks,
    unknown_ids,
    unknown_colors,
    black_and_white,
    mixed_kinds,
    polygons_only,
    wrapping_ids,
    deep_channels,
    turned_against_its_mask,
    other_size,
    damaged_files,
    bomb,
    unpaired,
    unpaired_and_damaged,
    unpaired_cityscapes,
    empty_folder,
    empty_split,
    dangling_link,
)


# Data sets that can be used and get a warning or note


def palette_masks(folder: Path) -> Case:
    """Row 1: palette masks in which all indices have one color; converting them to RGB would lose every id."""
    tiny.camvid_segnet(folder)
    for name in ("trainannot", "valannot"):
        for path in (folder / name).iterdir():
            image = Image.fromarray(np.array(Image.open(path)))
            image.putpalette([200, 10, 10] * 256)
            image.save(path)
    return camvid(folder, (), "P PNG")


def images_of_all_modes(folder: Path) -> Case:
    """Row 9: gray, 16-bit gray, 16-bit RGB, RGBA, LA, palette, CMYK and RGB images side by side."""
    tiny.camvid_segnet(folder, n_train=8)
    paths = [nth(folder, "train", k) for k in range(8)]
    for path, mode in zip(paths[:4], ("L", "RGBA", "LA", "P"), strict=True):
        Image.open(path).convert(mode).save(path)
    gray = np.array(Image.open(paths[4]).convert("L")).astype(np.uint16) * 257
    Image.fromarray(gray).save(paths[4])
    paths[5].write_bytes(tiny.png(np.array(Image.open(paths[5])).astype(np.int64) * 257, bits=16))
    Image.open(paths[6]).convert("CMYK").save(paths[6].with_suffix(".tif"))
    paths[6].unlink()
    said = ("L PNG", "RGBA PNG", "LA PNG", "P PNG", "16-bit gray PNG", "16-bit RGB PNG", "CMYK TIFF")
    return camvid(folder, (*paths[:6], paths[6].with_suffix(".tif")), *said)


def turned_images(folder: Path) -> Case:
    """Row 10: an EXIF rotation on a JPEG and on a PNG, with masks drawn on the upright images."""
    tiny.camvid_segnet(folder)
    paths = [nth(folder, "train", 0), nth(folder, "train", 1)]
    for path in paths:
        Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.open(paths[1]).save(paths[1], exif=exif)
    return camvid(folder, (turn(paths[0]), paths[1]), "2 images turned upright by EXIF orientation")


def strays(folder: Path) -> Case:
    """Row 14: stray files between the images, left by operating systems and people."""
    tiny.camvid_segnet(folder)
    names = (".DS_Store", "._0001TP_006720.png", "Thumbs.db", "desktop.ini", "notes.txt")
    paths = tuple(folder / "train" / name for name in names)
    for path in paths:
        path.write_bytes(b"x")
    (folder / "trainannot" / "__MACOSX").mkdir()
    (folder / "trainannot" / "__MACOSX" / "._1.png").write_bytes(b"x")
    return camvid(folder, paths, "5 files passed over: ", ".DS_Store")


def copies_across_splits(folder: Path) -> Case:
    """Row 17: an image of val that is in train pixel for pixel (in another file), and one that was stored again."""
    tiny.camvid_segnet(folder, n_train=6, n_val=4, size=(96, 128))
    rng = np.random.default_rng(0)
    for name in ("train", "val"):  # images that do not look alike, as the streets of tiny do
        for path in (folder / name).iterdir():
            rough = Image.fromarray(rng.integers(0, 256, (7, 9, 3), np.uint8))
            rough.resize((128, 96), Image.Resampling.BICUBIC).save(path)
    known, other = nth(folder, "train", 1), nth(folder, "train", 4)
    identical, alike = nth(folder, "val", 0), nth(folder, "val", 3)
    Image.open(known).save(identical, compress_level=1)
    alike.unlink()
    Image.open(other).save(alike.with_suffix(".jpg"), quality=70)
    return camvid(
        folder,
        (identical, known, alike.with_suffix(".jpg"), other),
        "1 of 4 images of val are in train too, pixel for pixel",
        "1 of 4 images of val look nearly the same as one of train",
    )


def neighbors_in_a_video(folder: Path) -> Case:
    """Row 17: frames of one video in both splits, 0.2 s, 2 s and 2.5 s apart at CamVid's 30 frames a second."""
    tiny.camvid_segnet(folder, n_train=4, n_val=3)
    near = nth(folder, "train", 0)
    video = "0016E5"
    new = {near: f"{video}_07953", nth(folder, "val", 1): f"{video}_08013", nth(folder, "val", 2): f"{video}_08028"}
    for path, stem in new.items():
        mask = path.parent.with_name(f"{path.parent.name}annot") / path.name
        mask.rename(mask.with_name(f"{stem}.png"))
        path.rename(path.with_name(f"{stem}.png"))
    culprits = (folder / "val" / f"{video}_07959.png", folder / "val" / f"{video}_08013.png")
    return camvid(folder, culprits, "2 of 3 images of val are within 2 s of one of train in the same video")


def loops_of_links(folder: Path) -> Case:
    """Row 20: links that lead back up, a link that leads to itself, and images behind a link."""
    tiny.camvid_segnet(folder)
    elsewhere = folder.with_name(f"{folder.name} elsewhere")
    shutil.move(folder / "train", elsewhere)
    (folder / "train").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(folder)
    (folder / "trainannot" / "back").symlink_to(folder)
    (folder / "val" / "self").symlink_to(folder / "val" / "self")
    return camvid(folder)


USABLE: tuple[Maker, ...] = (
    palette_masks,
    images_of_all_modes,
    turned_images,
    strays,
    copies_across_splits,
    neighbors_in_a_video,
    loops_of_links,
)

ODD_NAMES = ("straße 1", "日本 [2]", 'it\'s "quoted"', "two\nlines", "a=b; $(c) & ~d", "%41 #5")


def state(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return name -> (size, modification time in ns, content) of everything below a folder. Links are not followed."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            status = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[os.path.relpath(path, folder)] = (status.st_size, status.st_mtime_ns, content)
    return found


if __name__ == "__main__":
    out = Path(sys.argv[1])
    for maker in (*REFUSED, *USABLE):
        case = maker(out / maker.__name__)
        print(f"streetseg check '{case.data}'")
