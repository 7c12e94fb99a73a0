"""The page about a data set: its splits, its classes with examples, and all findings with their images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from streetseg.atomic import atomic_write_bytes
from streetseg.data.check.check import doctor_command
from streetseg.data.check.findings import Findings, SplitFindings
from streetseg.data.check.remarks import Remark
from streetseg.data.files import FileError
from streetseg.data.source import Source, short_name, short_text
from streetseg.errors import DataError, RequestError
from streetseg.machine import program_version
from streetseg.report.charts.bars import Bars, bar_sign, bars_chart
from streetseg.report.charts.svg import chart_css
from streetseg.report.dataset_images import Shown, class_examples, files_of, image_of, sample_at
from streetseg.report.page import generator_mark, page_asset, page_environment, require_own_page
from streetseg.text import counted

SHOWN = 12  # number of findings of one kind that are shown with images; the others are only listed
_WIDE, _NARROW = 720, 358  # width of the chart in pixels, on a screen and on a phone


@dataclass(frozen=True)
class SplitRow:
    """One row of the table of splits.

    Args:
        turned: number of images that EXIF turns.
        ignored: share of the pixels that are ignored, 0..1.
    """

    name: str
    images: int
    sizes: str
    images_stored: str
    masks_stored: str
    turned: int
    ignored: float


@dataclass(frozen=True)
class ClassRow:
    """One class in the table of classes.

    Args:
        name: class name.
        color: class color as CSS.
        shares: for each split, the share of its pixels, 0..1.
        images: for each split, the number of images with the class.
        weights: one per kind of class weights.
        examples: images with the class.
    """

    name: str
    color: str
    shares: tuple[float, ...]
    images: tuple[int, ...]
    weights: tuple[float, ...]
    examples: Sequence[Shown]


@dataclass(frozen=True)
class Exhibit:
    """One finding with its images."""

    reason: str
    images: Sequence[Shown]


@dataclass(frozen=True)
class Group:
    """All findings of one kind.

    Args:
        heading: the kind.
        exhibits: the findings that are shown with images, the first ones.
        lines: the other findings, one per line.
    """

    heading: str
    exhibits: Sequence[Exhibit]
    lines: Sequence[str]

    @property
    def size(self) -> int:
        """The number of findings."""
        return len(self.exhibits) + len(self.lines)


def check_page(path: Path) -> None:
    """Raise RequestError if the path is not an HTML file, or an existing file is not a page of this command."""
    hint = "--report FILE.html names a new file, or a page that this command wrote"
    if path.suffix.lower() not in (".html", ".htm"):
        raise RequestError("the page is an HTML file", where=path, hint=hint)
    if path.is_dir():
        raise RequestError("this is a folder", where=path, hint=hint)
    require_own_page(path, "check", hint=hint)


def write_data_report(findings: Findings, source: Source, path: Path, *, trained_on: str) -> None:
    """Write the page atomically.

    Args:
        findings: the findings of `source`.
        source: the data source; the images of the page are read from it.
        path: the page; missing folders are created.
        trained_on: the split that class weights are computed from.

    Raises:
        RequestError: the page cannot be written, or would replace another file.
    """
    check_page(path)
    page = render_data_report(findings, source, trained_on=trained_on)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_bytes(path, page.encode("utf-8", "backslashreplace"))  # a file name may not be Unicode
    except OSError as error:
        raise RequestError(f"the page cannot be written ({error.strerror or error})", where=path) from error


def render_data_report(findings: Findings, source: Source, *, trained_on: str) -> str:
    """Return the page as HTML."""
    weights = findings.class_weights(trained_on) or {}
    classes = list(_class_rows(findings, source, weights))
    splits = list(findings.splits)
    return (
        page_environment()
        .get_template("dataset.html.j2")
        .render(
            generator=generator_mark("check"),
            version=program_version(),
            title=f"{short_name(findings.spec)}, checked",
            spec=short_name(findings.spec),
            command=doctor_command(short_name(findings.spec)),
            headline=headline(findings),
            notes=[short_text(note, findings.spec) for note in findings.notes],
            space=findings.space.name,
            trained_on=trained_on,
            splits=[_split_row(name, split) for name, split in findings.splits.items()],
            split_names=splits,
            markers=[bar_sign(k) for k in range(len(splits))],
            weight_names=list(weights),
            classes=classes,
            chart=_chart(classes, splits, _WIDE),
            chart_narrow=_chart(classes, splits, _NARROW),
            groups=[*_error_groups(findings, source), *(_remark_group(remark, source) for remark in findings.remarks)],
            chart_css=Markup(chart_css()),
            page_css=Markup(page_asset("report.css")),
        )
    )


def headline(findings: Findings) -> str:
    """Return the verdict in one sentence."""
    images = sum(split.images for split in findings.splits.values())
    if findings.errors:
        noun = "file" if all(isinstance(error, FileError) for error in findings.errors) else "thing"
        return f"{counted(len(findings.errors), noun)} must be mended before this data set can be used."
    warnings = sum(remark.care for remark in findings.remarks)
    if warnings:
        return f"All {images} images can be used; {counted(warnings, 'warning')} to read first."
    return f"Nothing is wrong with {images} images."


def _split_row(name: str, split: SplitFindings) -> SplitRow:
    total = split.counts.sum() + split.ignored
    return SplitRow(
        name,
        split.images,
        _counted({f"{height}x{width}": count for (height, width), count in split.sizes.items()}),
        _counted(split.images_stored),
        _counted(split.masks_stored),
        split.turned,
        split.ignored / total if total else 0.0,
    )


def _class_rows(findings: Findings, source: Source, weights: dict[str, dict[str, float]]) -> Iterator[ClassRow]:
    splits = list(findings.splits.values())
    for i, (name, color) in enumerate(zip(findings.space.names, findings.space.colors, strict=True)):
        yield ClassRow(
            name,
            f"rgb({color[0]} {color[1]} {color[2]})",
            tuple(float(split.counts[i] / max(1, split.counts.sum() + split.ignored)) for split in splits),
            tuple(sum(bool(stats.counts[i]) for _, stats in split.samples) for split in splits),
            tuple(class_weights[name] for class_weights in weights.values()),
            class_examples(findings, source, i),
        )


def _chart(classes: Sequence[ClassRow], splits: Sequence[str], width: float) -> Markup:
    largest = max(classes, key=lambda row: sum(row.shares))
    description = f"Share of pixels of each class in {', '.join(splits)}; the largest is {largest.name}."
    rows = [Bars(row.name, tuple(100 * share for share in row.shares)) for row in classes]
    return bars_chart("share of pixels, %", description, rows, width=width)


def _error_groups(findings: Findings, source: Source) -> Iterator[Group]:
    """Yield one group per problem, in the order of their first files."""
    problems: dict[str, list[DataError]] = {}
    for error in findings.errors:
        problems.setdefault(error.problem, []).append(error)
    for problem, errors in problems.items():
        lines = [" and ".join(error.where) for error in errors]
        images = [files_of(error, source) for error in errors[:SHOWN]]
        yield _group(f"Cannot be used: {problem}", lines, images, source)


def _remark_group(remark: Remark, source: Source) -> Group:
    """Return the group of a remark. Its images are shown, one or a pair; files that are not images are only listed."""
    lines = [f"{' and '.join(entry.places)} ({entry.reason})" for entry in remark.entries]
    samples = [[sample_at(source, place) for place in entry.places] for entry in remark.entries[:SHOWN]]
    images = [[image_of(sample, source) for sample in pair if sample is not None] for pair in samples]
    return _group(remark.text, lines, images, source)


def _group(heading: str, lines: Sequence[str], images: Sequence[Sequence[Shown]], source: Source) -> Group:
    """Return a group of findings, without the folders of this machine.

    Args:
        heading: the kind of the findings.
        lines: one line per finding.
        images: the images of the first findings; a finding without images is only listed.
        source: the data set.
    """
    heading, *lines = (short_text(text, source.spec) for text in (heading, *lines))
    shown = {k: own_images for k, own_images in enumerate(images) if own_images}
    exhibits = [Exhibit(lines[k], own_images) for k, own_images in shown.items()]
    return Group(heading, exhibits, [line for k, line in enumerate(lines) if k not in shown])


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count})" if len(counts) > 1 else name for name, count in counts.items())
