"""Renew docs/gallery: run the commands of docs/gallery.md in a new folder, take the pages, and draw their thumbnails.

Needs a Chromium, the system's or playwright's. Takes some minutes, most of them for the study:

    python tools/make_gallery.py [FOLDER]

FOLDER is kept, and a command whose result lies in it already is not run again.
"""

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

DOCS = Path(__file__).parents[1] / "docs"
GALLERY = DOCS / "gallery"
PAGES = {
    "study": "study/report.html",
    "measure": "measured/measures.html",
    "audit": "audit/audit.html",
    "check": "check.html",
}
WINDOW, THUMBNAIL = {"width": 1280, "height": 800}, (640, 400)
CAR, ROAD, TREE, BUILDING, UNKNOWN = 26, 7, 21, 11, 77  # ids of Cityscapes, and one that it does not have


def give_places(photos: Path) -> None:
    """Keep sixteen images, and give each a time and a place along a road."""
    first, others = np.split(np.array(sorted(photos.rglob("*.png"))), [16])
    for path in others:
        path.unlink()
    for k, path in enumerate(first):
        exif = Image.Exif()
        exif[ExifTags.IFD.Exif] = {ExifTags.Base.DateTimeOriginal: f"2026:06:01 12:{k:02}:00"}
        position = (48.0, 6.0, 0.4 * k), (11.0, 30.0, 0.9 * k + 3 * np.sin(k / 3))
        exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: position[0], 3: "E", 4: position[1]}
        with Image.open(path) as image:
            image.save(path, exif=exif)


def masks(data: Path) -> list[Path]:
    return sorted(data.glob("gtFine/val/*/*_labelIds.png"))


def rewrite(mask: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    with Image.open(mask) as image:
        ids = np.array(image)
    Image.fromarray(change(ids)).save(mask)


def make_mistakes(data: Path) -> None:
    """Give the cars of one mask and the trees of another a wrong class."""
    first, second, *_ = masks(data)
    rewrite(first, lambda ids: np.where(ids == CAR, ROAD, ids).astype(np.uint8))
    rewrite(second, lambda ids: np.where(ids == TREE, BUILDING, ids).astype(np.uint8))


def damage(data: Path) -> None:
    """Damage four files."""
    first, second, *_ = masks(data)
    rewrite(first, lambda ids: ids[:-8])
    rewrite(second, lambda ids: np.where(ids == CAR, UNKNOWN, ids).astype(np.uint8))
    truncated, known = sorted(data.glob("leftImg8bit/train/*/*.png"))[:2]
    truncated.write_bytes(truncated.read_bytes()[:9000])
    shutil.copyfile(known, sorted(data.glob("leftImg8bit/val/*/*.png"))[-1])


CHANGES = {"photos": give_places, "mistaken": make_mistakes, "damaged": damage}  # of a copy, by its name


def run(line: str, folder: Path) -> None:
    """Run a command of the page, unless the file or folder that it makes is there."""
    program, *words = shlex.split(line)
    flags = [flag for flag in ("--out", "--report") if flag in words]
    result = words[words.index(flags[0]) + 1] if flags else words[-1] if program == "cp" else words[1]
    if (folder / result).exists():
        return
    print(f"$ {line}", flush=True)
    if program == "cp":
        shutil.copytree(folder / words[1], folder / words[2])
        CHANGES[words[2]](folder / words[2])
        return
    done = subprocess.run([sys.executable, "-m", "streetseg", *words], cwd=folder)
    if done.returncode != (2 if words[0] == "check" else 0):
        raise SystemExit(f"ended with exit code {done.returncode}")


def thumbnails() -> None:
    """Take an image of the top of each page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=shutil.which("chromium")).new_page(viewport=WINDOW)
        for name in PAGES:
            page.goto((GALLERY / f"{name}.html").as_uri())
            file = GALLERY / f"{name}.jpg"
            page.screenshot(path=file, type="jpeg", quality=95)
            with Image.open(file) as image:
                image.resize(THUMBNAIL, Image.Resampling.LANCZOS).save(file, quality=80, optimize=True)


def sheet(overlays: list[Path]) -> Image.Image:
    """Return six images in three columns."""
    images = [np.asarray(Image.open(path)) for path in overlays]
    return Image.fromarray(np.vstack([np.hstack(images[:3]), np.hstack(images[3:6])]))


def main(folder: Path) -> None:
    GALLERY.mkdir(exist_ok=True)
    blocks = re.findall(r"^```sh\n(.*?)^```", (DOCS / "gallery.md").read_text(encoding="utf-8"), re.M | re.S)
    for line in "".join(blocks).splitlines():
        run(line, folder)
    for name, page in PAGES.items():
        text = (folder / page).read_text(encoding="utf-8")
        (GALLERY / f"{name}.html").write_text(text.replace(f"{folder}/", ""), encoding="utf-8")
    thumbnails()
    sheet(sorted((folder / "masks").rglob("*overlay*"))).save(GALLERY / "overlays.jpg", quality=85, optimize=True)
    print(f"{sum(path.stat().st_size for path in GALLERY.iterdir()) / 1e6:.1f} MB in {GALLERY}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]).resolve())
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made).resolve())
