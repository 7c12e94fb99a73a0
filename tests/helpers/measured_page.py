"""A page of `measure`, of images and counts from a seed; the names of the images are HTML."""

from pathlib import Path

import numpy as np

from streetseg.data.exif import Taken
from streetseg.inference.output import color_map
from streetseg.inference.predict_files import LabeledFile
from streetseg.labels.tables import STREET_11
from streetseg.measurement.files import summary_of
from streetseg.measurement.measure import Extremes, MeasuredImage, Measures
from streetseg.measurement.roles import roles_of, sums_of
from streetseg.measurement.validation import Validation
from streetseg.metrics.adjusted import adjusted_shares
from streetseg.metrics.validation_counts import ValidationCounts
from streetseg.report.measures import render_measures
from tiny import street

EVIL = '"><img src=x onerror=alert(1)>.jpg'
ABOUT = {"model": EVIL, "encoder": "colors", "engine": "onnxruntime", "precision": "fp32"}


def measures() -> Measures:
    """Return the measures of nine images, of which the first has no place."""
    roles, rng = roles_of(STREET_11), np.random.default_rng(0)
    extremes, images = Extremes(roles, STREET_11), []
    for k in range(9):
        labels = street(k)[1]
        labels[labels == 255] = 3
        shares = np.bincount(labels.ravel(), minlength=11) / labels.size
        taken = Taken("2026-06-01T12:30:00", 48.1 + 0.01 * rng.normal(), 11.5 + 0.01 * rng.normal()) if k else Taken()
        images.append(MeasuredImage(f"{k}{EVIL}", (48, 64), shares, 0.5 + k / 20, taken))
        extremes.add(k, images[-1], LabeledFile(Path(f"{k}.jpg"), color_map(labels, STREET_11), labels, {}))
    counts = np.zeros((20, 11, 11), np.int64)
    for matrix in counts:
        matrix[range(11), range(11)] = rng.integers(100, 2000, 11)
        matrix[range(11), np.roll(range(11), 1)] = rng.integers(1, 300, 11)
    known = ValidationCounts(counts, np.arange(20), "image", None, 20)
    adjusted = adjusted_shares(known, np.array([image.shares for image in images]), sums_of(STREET_11), resamples=300)
    return Measures(STREET_11, images, roles, Validation(known, {}), adjusted, False, ["a doubt"], extremes, None)


def measured_page(folder: Path) -> Path:
    """Write the page. Return its path."""
    found = measures()
    path = folder / "measures.html"
    path.write_text(render_measures(found, summary_of(found, ABOUT)), encoding="utf-8")
    return path
