"""Time and place from EXIF; what is damaged or impossible is left out without an error."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from streetseg.data.exif import Taken, read_taken, taken_of
from streetseg.data.files import FileError

GPS = ExifTags.GPS
PLACE: dict[int, Any] = {
    GPS.GPSLatitudeRef: "S",
    GPS.GPSLatitude: (33, 51, 24.84),
    GPS.GPSLongitudeRef: "E",
    GPS.GPSLongitude: (151, 12, 36),
}


def photo(path: Path, times: dict[int, Any], place: dict[int, Any]) -> Path:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "a camera"  # Pillow writes no EXIF into a PNG that has nothing beside time and place
    exif.get_ifd(ExifTags.IFD.Exif).update(times)
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(place)
    Image.fromarray(np.zeros((8, 12, 3), np.uint8)).save(path, exif=exif.tobytes())
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_time_and_place_of_a_file(tmp_path: Path, suffix: str) -> None:
    times = {ExifTags.Base.DateTimeOriginal: "2026:06:01 12:30:00", ExifTags.Base.OffsetTimeOriginal: "+10:00"}
    taken = read_taken(str(photo(tmp_path / f"a.{suffix}", times, PLACE)), 10**6)
    assert taken == Taken("2026-06-01T12:30:00+10:00", -33.8569, 151.21)


def test_a_file_without_exif(tmp_path: Path) -> None:
    assert read_taken(str(photo(tmp_path / "a.png", {}, {})), 10**6) == Taken()


def test_damaged_exif_is_no_error(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", {ExifTags.Base.DateTimeOriginal: "2026:06:01 12:30:00"}, PLACE)
    data = path.read_bytes()
    start = data.index(b"Exif\0\0") + 6
    for offset in range(0, 200, 7):
        path.write_bytes(data[: start + offset] + b"\xff\xfe\xfd" + data[start + offset + 3 :])
        with suppress(FileError):  # where it is no image anymore, which is said before
            read_taken(str(path), 10**6)


@pytest.mark.parametrize(
    "text",
    ["2026:13:01 12:30:00", "yesterday", "2026-06-01", 17, b"\xff\xff"],
    ids=["month", "word", "form", "number", "bytes"],
)
def test_a_time_that_is_none_is_left_out(text: object) -> None:
    assert taken_of({ExifTags.Base.DateTimeOriginal: text}, PLACE) == Taken(None, -33.8569, 151.21, damaged=True)


@pytest.mark.parametrize("text", ["0000:00:00 00:00:00", "", "   ", "\0"])
def test_a_clock_that_was_never_set_says_no_time(text: str) -> None:
    assert taken_of({ExifTags.Base.DateTimeOriginal: text}, {}) == Taken()


def test_a_damaged_offset_leaves_the_time() -> None:
    times = {ExifTags.Base.DateTimeOriginal: "2026:06:01 12:30:00", ExifTags.Base.OffsetTimeOriginal: "noon"}
    assert taken_of(times, {}).time == "2026-06-01T12:30:00"


@pytest.mark.parametrize(
    "change",
    [
        {GPS.GPSLatitude: (133, 0, 0)},
        {GPS.GPSLatitude: (float("nan"), 0, 0)},
        {GPS.GPSLatitude: (33, 61, 0)},
        {GPS.GPSLatitude: (33, 0)},
        {GPS.GPSLatitude: "33"},
        {GPS.GPSLatitudeRef: "X"},
        {GPS.GPSLongitude: (181, 0, 0)},
        {GPS.GPSLongitude: (-10, 0, 0)},
    ],
)
def test_a_place_that_is_none_is_left_out(change: dict[int, Any]) -> None:
    assert taken_of({}, PLACE | change) == Taken(damaged=True)


@pytest.mark.parametrize("missing", [GPS.GPSLatitude, GPS.GPSLatitudeRef, GPS.GPSLongitude, GPS.GPSLongitudeRef])
def test_half_a_place_is_damaged(missing: int) -> None:
    place = {tag: value for tag, value in PLACE.items() if tag != missing}
    assert taken_of({}, place) == Taken(damaged=True)


def test_zero_and_zero_is_a_camera_that_has_not_found_its_place() -> None:
    nowhere = PLACE | {GPS.GPSLatitude: (0, 0, 0), GPS.GPSLongitude: (0, 0, 0)}
    assert taken_of({}, nowhere) == Taken()
