"""The files of `streetseg measure`: tables, places for a map, and a summary."""

import io
import json
import struct
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from streetseg.atomic import atomic_write_files, without_nan
from streetseg.errors import EXTRAS, RequestError
from streetseg.evaluation.files import table
from streetseg.measurement.measure import MeasuredImage, Measures
from streetseg.measurement.roles import missing_roles
from streetseg.measurement.validation import UNITS
from streetseg.metrics.adjusted import RESAMPLES, Estimate
from streetseg.text import counted, json_text, one_line

if TYPE_CHECKING:
    from streetseg.json_files.measures import MeasuredBy, MeasuredShare
    from streetseg.json_files.measures import Measures as MeasuresJson

FORMAT: Final = "streetseg-measures"
SUMMARY, PAGE, CSV = "summary.json", "measures.html", "measures.csv"
PARQUET, GEOJSON, GEOPACKAGE = "measures.parquet", "measures.geojson", "measures.gpkg"
NAMES = (CSV, PARQUET, GEOJSON, GEOPACKAGE, PAGE, SUMMARY)
PACKAGES = {PARQUET: "pyarrow", GEOPACKAGE: "pyogrio"}  # file -> the package that writes it

Row = dict[str, str | int | float]


def require_own_folder(out: Path) -> None:
    """Raise RequestError if a file of this command would replace one that it did not write."""
    there = [out / name for name in NAMES if (out / name).exists()]
    if there and not _is_ours(out / SUMMARY):
        problem = "files would be replaced that no earlier measurement wrote"
        raise RequestError(problem, where=there, hint="--out DIR writes elsewhere")


def rows_of(measures: Measures) -> list[Row]:
    """Return one row per image: what it is, the roles, and the share of each class; NaN and "" where unknown."""
    return [_row(image, measures) for image in measures.images]


def write_measures(out: Path, measures: Measures, summary: "MeasuresJson", page: str) -> dict[str, str]:
    """Write all files into a folder, which is made if missing.

    Args:
        summary: what `summary_of` returns.
        page: the HTML page.

    Returns:
        File that was not written -> the reason.

    Raises:
        RequestError: they cannot be written, or would replace files that no measurement wrote.
    """
    require_own_folder(out)
    rows = rows_of(measures)
    placed = [row for row, image in zip(rows, measures.images, strict=True) if image.taken.latitude is not None]
    contents = {CSV: table(rows).encode()}
    left_out: dict[str, str] = {}
    writers: dict[str, Callable[[], bytes]] = {
        PARQUET: lambda: _parquet(rows),
        GEOJSON: lambda: _geojson(placed),
        GEOPACKAGE: lambda: _geopackage(placed),
    }
    for name, write in writers.items():
        package = PACKAGES.get(name)
        if name != PARQUET and not placed:
            left_out[name] = "no image has a place in its EXIF"
        elif package and find_spec(package) is None:
            left_out[name] = f"{package} is not installed: pip install 'streetseg[{EXTRAS[package]}]'"
        else:
            contents[name] = write()
    contents[PAGE] = page.encode("utf-8", "backslashreplace")
    contents[SUMMARY] = (json_text(without_nan({**summary, "left_out": left_out})) + "\n").encode()
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in left_out:  # of an earlier measurement of other images
            (out / name).unlink(missing_ok=True)
        atomic_write_files({out / name: data for name, data in contents.items()})
    except OSError as error:
        raise RequestError(f"measures cannot be written ({error.strerror or error})", where=out) from error
    return left_out


def summary_of(measures: Measures, about: "MeasuredBy") -> "MeasuresJson":
    """Return the content of summary.json but for `left_out`; shares are 0..1, not rounded, NaN where unknown.

    Args:
        about: facts of the model.
    """
    names = [*measures.space.names, *(role.key for role in measures.roles)]
    adjusted, unread = measures.adjusted, measures.unread
    shares: dict[str, MeasuredShare]
    shares = {name: {"raw": float(value)} for name, value in zip(names, measures.raw, strict=True)}
    if adjusted is not None:
        for k, entry in enumerate(shares.values()):
            if measures.sample:
                entry["raw_interval"] = _bounds(adjusted.raw, k)
            entry["olofsson"] = float(adjusted.olofsson.value[k])
            entry["olofsson_interval"] = _bounds(adjusted.olofsson, k)
            entry["inverse"] = float(adjusted.inverse.value[k])
            entry["inverse_interval"] = _bounds(adjusted.inverse, k)
            entry["standard_error"] = float(adjusted.standard_error[k])
    count = measures.space.num_classes
    return {
        "format": FORMAT,
        **about,
        "images": len(measures.images),
        "unread": [] if unread is None else list(unread.where),
        "validation": None if measures.validation is None else measures.validation.words,
        "with_place": sum(image.taken.latitude is not None for image in measures.images),
        "sample": measures.sample,
        "classes": dict(list(shares.items())[:count]),
        "roles": dict(list(shares.items())[count:]),
        "confidence": float(np.mean([image.confidence for image in measures.images])),
        "condition_number": None if adjusted is None else adjusted.condition,
        "trusted": None if adjusted is None else not measures.doubts,
        "doubts": list(measures.doubts),
        "notes": notes_of(measures),
    }


def notes_of(measures: Measures) -> list[str]:
    """Return what a reader must know about the shares, one sentence each."""
    missing = missing_roles(measures.space)
    notes = [f"the model has no class for {title}" for title in missing]
    damaged = sum(image.taken.damaged for image in measures.images)
    if damaged:
        notes.append(f"time or place of {counted(damaged, 'image')} cannot be read from EXIF")
    known = measures.validation
    if known is None:
        return [*notes, "the model holds no counts of a validation, so the shares are as predicted"]
    about = "all images that these are a sample of" if measures.sample else "these images"
    drawn = " and of the measured images" if measures.sample else ""
    notes.append(f"intervals are about {about}: {RESAMPLES} resamples of {UNITS[known.counts.unit]}{drawn}")
    if known.counts.note:
        notes.append(known.counts.note)
    return [*notes, *known.notes]


def _row(image: MeasuredImage, measures: Measures) -> Row:
    taken, nan = image.taken, float("nan")
    return {
        "image": one_line(image.image),
        "height": image.size[0],
        "width": image.size[1],
        "time": taken.time or "",
        "latitude": nan if taken.latitude is None else taken.latitude,
        "longitude": nan if taken.longitude is None else taken.longitude,
        "confidence": image.confidence,
        **{role.key: float(image.shares[list(role.classes)].sum()) for role in measures.roles},
        **{f"share {name}": float(share) for name, share in zip(measures.space.names, image.shares, strict=True)},
    }


def _bounds(estimate: Estimate, k: int) -> list[float]:
    return [float(estimate.low[k]), float(estimate.high[k])]


def _columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Return rows as columns, with None where a value is unknown."""
    return {key: [None if row[key] == "" or row[key] != row[key] else row[key] for row in rows] for key in rows[0]}


def _parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    kinds = {"image": pyarrow.string(), "time": pyarrow.string(), "height": pyarrow.int64(), "width": pyarrow.int64()}
    columns = _columns(rows)
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.float64())) for name in columns])
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns, schema=schema), file)
    return file.getvalue()


def _geojson(rows: Sequence[Row]) -> bytes:
    """Return the images that have a place as RFC 7946 asks: points of longitude and latitude."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [row["longitude"], row["latitude"]]},
            "properties": {key: values[0] for key, values in _columns([row]).items()},
        }
        for row in rows
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def _geopackage(rows: Sequence[Row]) -> bytes:
    """Return the images that have a place as a GeoPackage with one layer of points, as GDAL writes it."""
    from pyogrio.raw import write

    columns = _columns(rows)
    points = np.array([struct.pack("<BIdd", 1, 1, row["longitude"], row["latitude"]) for row in rows], object)
    texts = ("image", "time")
    fields = [np.array(values, object if name in texts else np.float64) for name, values in columns.items()]
    with TemporaryDirectory(prefix="streetseg-") as folder:
        path = Path(folder) / GEOPACKAGE
        write(
            path,
            geometry=points,
            field_data=fields,
            fields=np.array(_without_case(columns), object),
            geometry_type="Point",
            crs="EPSG:4326",
            layer="measures",
            driver="GPKG",
        )
        return path.read_bytes()


def _without_case(names: Iterable[str]) -> list[str]:
    """Return names that differ by more than their case, as the columns of SQLite must: "tree", "Tree_"."""
    found: dict[str, str] = {}
    for name in names:
        while name.casefold() in found:
            name += "_"
        found[name.casefold()] = name
    return list(found.values())


def _is_ours(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_bytes()).get("format") == FORMAT)
    except (OSError, ValueError, AttributeError):
        return False
