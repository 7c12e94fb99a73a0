"""The page about a data set: what it holds, every class seen, and everything that was found, shown where it can be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from markupsafe import Markup

from streetseg.atomic import atomic_write_bytes
from streetseg.data.check.check import doctor_command
from streetseg.data.check.findings import Findings, SplitFindings
from streetseg.data.check.remarks import Remark
from streetseg.data.files import FileError
from streetseg.data.source import Source, short_name
from streetseg.errors import DataError, RequestError
from streetseg.report.charts.bars import Bars, bar_sign, bars_chart
from streetseg.report.charts.svg import chart_css
from streetseg.report.dataset_images import Shown, class_examples, files_of, image_of, sample_at
from streetseg.report.page import page_asset, page_environment

GENERATOR = "streetseg check"  # names the pages that may be written over
SHOWN = 12  # findings of one kind with images; the others are named
_WIDE, _NARROW = 720, 358  # pixels of the chart, on a screen and on a phone


@dataclass(frozen=True)
class SplitRow:
    """One split in the table of splits."""

    name: str
    images: int
    sizes: str
    images_stored: str
    masks_stored: str
    turned: int
    ignored: float


@dataclass(frozen=True)
class ClassRow:
    """One class: its share of each split's pixels, in how many images of each it is, its weights, and examples."""

    name: str
    color: str
    shares: tuple[float, ...]
    images: tuple[int, ...]
    weights: tuple[float, ...]
    examples: Sequence[Shown]


@dataclass(frozen=True)
class Exhibit:
    """One finding with the images it is about."""

    reason: str
    images: Sequence[Shown]


@dataclass(frozen=True)
class Group:
    """All findings of one kind.

    Args:
        heading: what they have in common.
        exhibits: those that are shown, the first ones.
        lines: the others, one in a line.
    """

    heading: str
    exhibits: Sequence[Exhibit]
    lines: Sequence[str]

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self.exhibits) + len(self.lines)


def check_page(path: Path) -> None:
    """Raises RequestError if no page can be written there, or it would take the place of a file that is none."""
    hint = "--report FILE.html names a new file, or a page that this command wrote"
    if path.suffix.lower() not in (".html", ".htm"):
        raise RequestError("the page is an HTML file", where=path, hint=hint)
    if path.is_dir():
        raise RequestError("this is a folder", where=path, hint=hint)
    if path.exists() and _generator_mark() not in path.read_bytes()[:2000].decode("utf-8", "replace"):
        raise RequestError("a file that is no page of this command is not written over", where=path, hint=hint)


def write_data_report(findings: Findings, source: Source, path: Path, *, trained_on: str) -> None:
    """Writes the page, whole or not at all.

    Args:
        findings: of `source`.
        source: images are read from once more.
        path: of the page; folders on the way are made.
        trained_on: the split that class weights are counted on.

    Raises:
        RequestError: it cannot be written, or would take the place of another file.
    """
    check_page(path)
    page = render_data_report(findings, source, trained_on=trained_on)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_bytes(path, page.encode("utf-8", "backslashreplace"))  # names of files may be no Unicode
    except OSError as error:
        raise RequestError(f"the page cannot be written ({error.strerror or error})", where=path) from error


def render_data_report(findings: Findings, source: Source, *, trained_on: str) -> str:
    """The page as HTML."""
    weights = findings.class_weights(trained_on) or {}
    classes = list(_class_rows(findings, source, weights))
    splits = list(findings.splits)
    return (
        page_environment()
        .get_template("dataset.html.j2")
        .render(
            generator=GENERATOR,
            version=version("streetseg"),
            title=f"{short_name(findings.spec)}, checked",
            spec=short_name(findings.spec),
            command=doctor_command(short_name(findings.spec)),
            headline=headline(findings),
            remarks=findings.remarks,
            notes=findings.notes,
            space=findings.space.name,
            trained_on=trained_on,
            splits=[_split_row(name, found) for name, found in findings.splits.items()],
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
    """The verdict in one sentence."""
    images = sum(found.images for found in findings.splits.values())
    if findings.errors:
        what = "file" if all(isinstance(error, FileError) for error in findings.errors) else "thing"
        return f"{_plural(len(findings.errors), what)} must be mended before this data set can be used."
    care = sum(remark.care for remark in findings.remarks)
    if care:
        return f"All {images} images can be used; {_plural(care, 'warning')} to read first."
    return f"Nothing is wrong with {images} images."


def _split_row(name: str, found: SplitFindings) -> SplitRow:
    total = found.counts.sum() + found.ignored
    return SplitRow(
        name,
        found.images,
        _counted({f"{height}x{width}": count for (height, width), count in found.sizes.items()}),
        _counted(found.images_stored),
        _counted(found.masks_stored),
        found.turned,
        found.ignored / total if total else 0.0,
    )


def _class_rows(findings: Findings, source: Source, weights: dict[str, dict[str, float]]) -> Iterator[ClassRow]:
    found = list(findings.splits.values())
    for i, (name, color) in enumerate(zip(findings.space.names, findings.space.colors, strict=True)):
        yield ClassRow(
            name,
            f"rgb({color[0]} {color[1]} {color[2]})",
            tuple(float(split.counts[i] / max(1, split.counts.sum() + split.ignored)) for split in found),
            tuple(sum(bool(stats.counts[i]) for _, stats in split.samples) for split in found),
            tuple(of_class[name] for of_class in weights.values()),
            class_examples(findings, source, i),
        )


def _chart(classes: Sequence[ClassRow], splits: Sequence[str], width: float) -> Markup:
    largest = max(classes, key=lambda row: sum(row.shares))
    spoken = f"Share of pixels of each class in {', '.join(splits)}; the largest is {largest.name}."
    rows = [Bars(row.name, tuple(100 * share for share in row.shares)) for row in classes]
    return bars_chart("share of pixels, %", spoken, rows, width=width)


def _error_groups(findings: Findings, source: Source) -> Iterator[Group]:
    """One group a problem, in the order of their first files."""
    problems: dict[str, list[DataError]] = {}
    for error in findings.errors:
        problems.setdefault(error.problem, []).append(error)
    for problem, errors in problems.items():
        lines = [" and ".join(error.where) for error in errors]
        images = [files_of(error, source) for error in errors[:SHOWN]]
        yield _group(f"Cannot be used: {problem}", lines, images)


def _remark_group(remark: Remark, source: Source) -> Group:
    """Images are shown, one or a pair; other files are only named."""
    lines = [f"{' and '.join(entry.places)} ({entry.reason})" for entry in remark.entries]
    samples = [[sample_at(source, place) for place in entry.places] for entry in remark.entries[:SHOWN]]
    images = [[image_of(sample, source) for sample in pair if sample is not None] for pair in samples]
    return _group(remark.text, lines, images)


def _group(heading: str, lines: Sequence[str], images: Sequence[Sequence[Shown]]) -> Group:
    """Of every finding its line, of the first ones their images, which may be none."""
    shown = {k: those for k, those in enumerate(images) if those}
    exhibits = [Exhibit(lines[k], those) for k, those in shown.items()]
    return Group(heading, exhibits, [line for k, line in enumerate(lines) if k not in shown])


def _generator_mark() -> str:
    return f'<meta name="generator" content="{GENERATOR}">'


def _counted(found: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count})" if len(found) > 1 else name for name, count in found.items())


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
