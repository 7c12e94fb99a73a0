"""When and where a photo was taken, from its EXIF. Damaged or impossible values are no error: they are left out."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL import ExifTags

from streetseg.data.images import opened

_TIMES = (ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized)
_OFFSETS = (ExifTags.Base.OffsetTimeOriginal, ExifTags.Base.OffsetTimeDigitized)
_NO_TIME = "0000:00:00 00:00:00"  # what a camera writes whose clock was never set


@dataclass(frozen=True)
class Taken:
    """When and where a photo was taken.

    Args:
        time: as in ISO 8601, "2026-06-01T12:30:00+02:00", without an offset where the file has none; None if unknown.
        latitude, longitude: degrees on WGS 84, north and east are positive; None if unknown.
        damaged: the file holds a time or place that cannot be read.
    """

    time: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    damaged: bool = False


def read_taken(place: str, max_pixels: int) -> Taken:
    """Return time and place of an image file; unknown where its EXIF does not say them.

    Raises:
        FileError: the file is no image that can be read.
    """
    with opened(place, max_pixels) as image:
        # Pillow raises exceptions of many types for damaged EXIF.
        try:
            exif = image.getexif()
            return taken_of(exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo))
        except Exception:
            return Taken(damaged=True)


def taken_of(photo: Mapping[int, Any], gps: Mapping[int, Any]) -> Taken:
    """Return time and place of the two parts of EXIF that hold them."""
    time = position = None
    damaged = False
    try:
        time = _time(photo)
    except Exception:  # values of any type may stand there
        damaged = True
    try:
        position = _position(gps)
    except Exception:
        damaged = True
    latitude, longitude = position or (None, None)
    return Taken(time, latitude, longitude, damaged)


def _time(photo: Mapping[int, Any]) -> str | None:
    """Return the time in ISO 8601. Raise an exception of any kind for one that is no time."""
    for tag, offset_tag in zip(_TIMES, _OFFSETS, strict=True):
        text = str(photo.get(tag, "")).strip(" \0")
        if text and text != _NO_TIME:
            time = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
            with suppress(ValueError):  # a time without an offset is still a time
                offset = str(photo.get(offset_tag, "")).strip(" \0")
                return datetime.fromisoformat(f"{time.isoformat()}{offset}").isoformat()
            return time.isoformat()
    return None


def _position(gps: Mapping[int, Any]) -> tuple[float, float] | None:
    """Return latitude and longitude. Raise an exception of any kind for values that are no place on Earth."""
    if ExifTags.GPS.GPSLatitude not in gps and ExifTags.GPS.GPSLongitude not in gps:
        return None
    latitude = _degrees(gps[ExifTags.GPS.GPSLatitude]) * _sign(gps[ExifTags.GPS.GPSLatitudeRef], "N", "S")
    longitude = _degrees(gps[ExifTags.GPS.GPSLongitude]) * _sign(gps[ExifTags.GPS.GPSLongitudeRef], "E", "W")
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise ValueError("no place on Earth")
    if latitude == longitude == 0:  # what a camera writes that has not found its place
        return None
    return latitude, longitude


def _degrees(parts: Any) -> float:
    """Return degrees, minutes and seconds as degrees. Raise ValueError if one is no number of its range."""
    degrees, minutes, seconds = (float(part) for part in parts)
    if not (math.isfinite(degrees) and 0 <= minutes < 60 and 0 <= seconds <= 60 and degrees >= 0):
        raise ValueError("no angle")
    return round(degrees + minutes / 60 + seconds / 3600, 7)


def _sign(letter: Any, positive: str, negative: str) -> int:
    return {positive: 1, negative: -1}[str(letter).strip(" \0").upper()]
