"""The page of `streetseg measure`: shares, a map, histograms, the lowest and highest images, and a table of all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from streetseg.machine import program_version
from streetseg.measurement.measure import Exemplar, MeasuredImage, Measures
from streetseg.measurement.roles import Role, missing_roles
from streetseg.report.charts.histogram import histogram_chart
from streetseg.report.charts.intervals import Point, Row, intervals_chart
from streetseg.report.charts.places import Place, places_chart
from streetseg.report.charts.svg import chart_css, element, marker
from streetseg.report.page import generator_mark, jpeg_uri, page_asset, page_environment, source_hash
from streetseg.report.words import full, points, span
from streetseg.text import counted

SCRIPTS = ("values.js", "save.js", "tables.js", "sort.js", "charts.js")
MOST_ROWS = 1000  # images in the table; all are in measures.csv
MOST_PLACES = 2000  # points of a map
ESTIMATES = ("predicted", "Olofsson", "inverse confusion")  # names of the series of the chart, in this order


@dataclass(frozen=True)
class ShareRow:
    """One row of the table of shares: a class or a role with its estimates (value, low, high), 0..1."""

    name: str
    color: str | None
    estimates: Sequence[tuple[float, float, float]]


@dataclass(frozen=True)
class RoleView:
    """What the page shows of one role."""

    key: str
    title: str
    histogram: Markup
    map: Markup | None
    lowest: Sequence[Mapping[str, Any]]
    highest: Sequence[Mapping[str, Any]]


def render_measures(measures: Measures, summary: Mapping[str, Any]) -> str:
    """Return the page as HTML; `summary` is the content of summary.json."""
    environment = page_environment(points=points, full=full, span=span)
    script = "\n".join(page_asset(name) for name in SCRIPTS)
    rows = share_rows(measures)
    classes, roles = rows[: measures.space.num_classes], rows[measures.space.num_classes :]
    placed = [image for image in measures.images if image.taken.latitude is not None]
    names = [ESTIMATES[k] for k in range(len(rows[0].estimates))]
    return environment.get_template("measures.html.j2").render(
        generator=generator_mark("measure"),
        version=program_version(),
        title=f"Measures of {counted(len(measures.images), 'image')}",
        headline=headline(measures),
        measures=measures,
        summary=summary,
        names=names,
        signs=[
            element("svg", marker(k, 7, 7), class_="chart", viewBox="0 0 14 14", aria_hidden="true") for k in (0, 1, 2)
        ],
        roles=roles,
        classes=classes,
        missing=missing_roles(measures.space),
        chart=_chart([*roles, *classes], names, 720),
        chart_narrow=_chart([*roles, *classes], names, 358),
        views=[_view(role, measures, placed) for role in measures.roles],
        placed=len(placed),
        places_shown=min(len(placed), MOST_PLACES),
        shown=[_image_row(image, measures.roles) for image in measures.images[:MOST_ROWS]],
        chart_css=Markup(chart_css()),
        page_css=Markup(page_asset("report.css")),
        script=Markup(script),
        script_hash=source_hash(script),
    )


def headline(measures: Measures) -> str:
    """Return the result in one sentence: the roles, or the largest classes where there are none."""
    rows = share_rows(measures)
    count = measures.space.num_classes
    shown = rows[count:] or sorted(rows[:count], key=lambda row: -row.estimates[0][0])[:3]
    words = ", ".join(f"{row.name} {points(row.estimates[0][0])} %" for row in shown)
    return f"{words[:1].upper()}{words[1:]} over {counted(len(measures.images), 'image')}, as predicted."


def share_rows(measures: Measures) -> list[ShareRow]:
    """Return one row for each class and then for each role; without a validation it has the predicted share only."""
    colors = [f"rgb({r} {g} {b})" for r, g, b in measures.space.colors]
    names = [*measures.space.names, *(role.title for role in measures.roles)]
    adjusted = measures.adjusted
    nan = float("nan")
    rows = []
    for k, name in enumerate(names):
        if adjusted is None:
            estimates = [(float(measures.raw[k]), nan, nan)]
        else:
            kinds = (adjusted.raw, adjusted.olofsson, adjusted.inverse)
            estimates = [(float(kind.value[k]), float(kind.low[k]), float(kind.high[k])) for kind in kinds]
        rows.append(ShareRow(name, colors[k] if k < len(colors) else None, estimates))
    return rows


def _chart(rows: Sequence[ShareRow], names: Sequence[str], width: float) -> Markup:
    chart_rows = [
        Row(
            row.name,
            tuple(
                Point(k, 100 * value, 100 * low, 100 * high, letter=names[k])
                for k, (value, low, high) in enumerate(row.estimates)
            ),
        )
        for row in rows
    ]
    largest = max(rows, key=lambda row: row.estimates[0][0])
    description = f"Share of each class: {', '.join(names)}; the largest is {largest.name}."
    return intervals_chart("share of the image, %", description, chart_rows, zero=True, width=width)


def _view(role: Role, measures: Measures, placed: Sequence[MeasuredImage]) -> RoleView:
    values = [100 * _share(image, role) for image in measures.images]
    words = f"{role.title}: from {min(values):.1f} to {max(values):.1f} %, mean {np.mean(values):.1f} %"
    lowest, highest = measures.extremes.of(role)
    return RoleView(
        role.key,
        role.title,
        histogram_chart(f"{role.title}, % (images)", f"Histogram of {words}", values),
        _map(role, placed) if placed else None,
        [_exemplar(exemplar) for exemplar in lowest],
        [_exemplar(exemplar) for exemplar in highest],
    )


def _map(role: Role, placed: Sequence[MeasuredImage]) -> Markup:
    """Return the map of a role; of many images those at equal steps are shown."""
    step = max(1.0, len(placed) / MOST_PLACES)
    shown = [placed[int(k * step)] for k in range(min(len(placed), MOST_PLACES))]
    places = [
        Place(image.taken.latitude, image.taken.longitude, 100 * _share(image, role), image.image)
        for image in shown
        if image.taken.latitude is not None and image.taken.longitude is not None
    ]
    return places_chart(f"{role.title}, %", f"Map of the {role.title} of {counted(len(places), 'image')}", places)


def _share(image: MeasuredImage, role: Role) -> float:
    return float(image.shares[list(role.classes)].sum())


def _exemplar(exemplar: Exemplar) -> dict[str, Any]:
    height, width = exemplar.photo.shape[:2]
    uris = {"photo": jpeg_uri(exemplar.photo), "colored": jpeg_uri(exemplar.colored)}
    return {"image": exemplar.image, "share": exemplar.share, "width": width, "height": height, **uris}


def _image_row(image: MeasuredImage, roles: Sequence[Role]) -> dict[str, Any]:
    return {"image": image, "roles": [_share(image, role) for role in roles]}
