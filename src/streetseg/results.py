"""Results of the functions of `streetseg.api`: objects that show themselves in a notebook and hand over tables.

pandas is imported when a table is requested, so that no command waits for it.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from streetseg.auditing.audit import Audited, summary
from streetseg.auditing.files import classes_csv, images_csv, next_csv, regions_csv
from streetseg.auditing.page import PAGE as AUDIT_PAGE
from streetseg.comparison.compare import Comparison
from streetseg.comparison.verdict import bracket
from streetseg.data.check.check import all_problems
from streetseg.data.check.findings import Findings
from streetseg.data.files import FileError
from streetseg.evaluation.files import per_class_csv, per_image_csv
from streetseg.evaluation.protocol import protocol_line
from streetseg.evaluation.score import Scored
from streetseg.evaluation.several import rows_of as rows_of_data
from streetseg.inference.predict_files import UnreadError
from streetseg.inference.prediction import Model, open_predictor
from streetseg.measurement.files import PAGE as MEASURE_PAGE
from streetseg.measurement.files import rows_of
from streetseg.measurement.measure import Measures
from streetseg.metrics.counts import Counts
from streetseg.report.charts.comparison import run_curves
from streetseg.report.charts.svg import side_by_side
from streetseg.report.measures import headline
from streetseg.runs.finished import FinishedRun, read_run
from streetseg.runs.folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

    from streetseg.json_files.measures import Measures as MeasuresFile
    from streetseg.json_files.scores import DatasetRow, ScoresFile
    from streetseg.models.own import OwnModules


class Scores:
    """All scores of a model on a split; values 0..1, NaN where undefined.

    Args:
        as_dict: the content of scores.json.
        class_table, image_table: per_class.csv and per_image.csv.
        counts: int64 (C, C), pixels by true class (rows) and predicted class (columns), over all images.
    """

    def __init__(self, as_dict: "ScoresFile", class_table: str, image_table: str, counts: NDArray[np.int64]) -> None:
        self.as_dict = as_dict
        self._class_table = class_table
        self._image_table = image_table
        self._counts = counts

    @classmethod
    def of(cls, scored: Scored) -> "Scores":
        """Wrap what `evaluation.score` returns."""
        evaluation = scored.evaluation
        tables = per_class_csv(evaluation, scored.intervals), per_image_csv(evaluation)
        return cls(scored.scores, *tables, evaluation.counts.total)

    @classmethod
    def read(cls, folder: Path) -> "Scores":
        """Read an evaluation folder."""
        texts = [(folder / name).read_text("utf-8") for name in ("scores.json", "per_class.csv", "per_image.csv")]
        return cls(json.loads(texts[0]), texts[1], texts[2], Counts.load(folder / "counts.npz").total)

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the classes."""
        return _number(self.as_dict["mean"]["iou"])

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean IoU."""
        low, high = self.as_dict["interval"]["mean_iou"]
        return _number(low), _number(high)

    @property
    def protocol(self) -> dict[str, Any]:
        """What was scored, and by which rules."""
        return dict(self.as_dict["protocol"])

    @property
    def per_class(self) -> "pd.DataFrame":
        """One row a class: pixels, each metric, and its 95 % interval."""
        return _table(self._class_table, "class")

    @property
    def per_image(self) -> "pd.DataFrame":
        """One row an image: its scores, and the IoU of each class."""
        return _table(self._image_table, "image")

    @property
    def confusion(self) -> "pd.DataFrame":
        """Pixels by true class (rows) and predicted class (columns)."""
        import pandas as pd

        names = list(self.as_dict["per_class"])
        return pd.DataFrame(
            self._counts, index=pd.Index(names, name="ground truth"), columns=pd.Index(names, name="predicted")
        )

    def __repr__(self) -> str:
        return f"<Scores: {_mean_iou(self)}, {protocol_line(self.protocol)}>"

    def _repr_html_(self) -> str:
        metrics = list(self.as_dict["mean"])
        return f"<p>{escape(repr(self)[1:-1])}</p>{self.per_class[metrics].to_html(float_format='{:.4f}'.format)}"


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """The scores of one model on several data sets.

    Args:
        scores: name of a data set -> its scores.
    """

    scores: Mapping[str, Scores]

    @property
    def rows(self) -> "list[DatasetRow]":
        """The rows of `table` as dicts."""
        return rows_of_data({name: one.as_dict for name, one in self.scores.items()})

    @property
    def table(self) -> "pd.DataFrame":
        """One row a data set: its images, the mean IoU with its 95 % interval, and the classes that it counts."""
        import pandas as pd

        return pd.DataFrame(self.rows).set_index("name")

    def __getitem__(self, name: str) -> Scores:
        """Return the scores on one data set."""
        return self.scores[name]

    def __repr__(self) -> str:
        return f"<ScoreTable: {', '.join(f'{name}: {_mean_iou(one)}' for name, one in self.scores.items())}>"

    def _repr_html_(self) -> str:
        table: str = self.table.to_html(float_format="{:.4f}".format)
        return table


class Run:
    """A finished run; shown in a notebook as its learning curves.

    Args:
        folder: the run folder.
        modules: of the caller's own, which the network was made with.
    """

    def __init__(self, folder: str | Path, modules: "OwnModules | None" = None) -> None:
        self.folder = Path(folder)
        self.modules = modules

    @cached_property
    def finished(self) -> FinishedRun:
        """What the files of the run folder say. Raises RequestError if the run is not finished."""
        return read_run(self.folder)

    @cached_property
    def model(self) -> Model:
        """The best network of the run."""
        return Model(open_predictor(self.folder, self.modules), self.folder, modules=self.modules)

    @cached_property
    def scores(self) -> Scores:
        """The scores of the best network on the validation split."""
        return Scores.read(self.folder / "evaluation")

    @cached_property
    def test(self) -> Scores | None:
        """The scores of the best network on the test split, where it was scored once at the end of the run."""
        place = RunFolder(self.folder).test
        return Scores.read(place) if place.is_dir() else None

    @property
    def mean_iou(self) -> float:
        """Mean IoU of the best network on the validation split, 0..1."""
        return self.scores.mean_iou

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean IoU."""
        return self.scores.interval

    @property
    def best_epoch(self) -> int | None:
        """The epoch the best network is from, counted from 1."""
        return self.finished.best_epoch

    @property
    def history(self) -> "pd.DataFrame":
        """One row an epoch: learning rate, loss, accuracy and IoU in training and validation."""
        return _table((self.folder / "results.csv").read_text("utf-8"), "epoch")

    @property
    def report(self) -> Path:
        """The report of the run, one HTML file."""
        return self.folder / "report.html"

    def __repr__(self) -> str:
        return f"<Run {self.folder}: {_mean_iou(self.scores)}, epoch {self.best_epoch}>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self)[1:-1])}</p>{side_by_side(run_curves(self.folder))}"


@dataclass(frozen=True, eq=False)
class Study:
    """Compared runs.

    Args:
        comparison: the statistics behind the report.
        report: the report, one HTML file; None where none was written.
        modules: of the caller's own, which the networks were made with.
    """

    comparison: Comparison
    report: Path | None
    modules: "OwnModules | None" = None

    @property
    def verdict(self) -> str:
        """Which encoder is better, and by how much, in one sentence."""
        return self.comparison.verdict

    @property
    def notes(self) -> tuple[str, ...]:
        """Limits of the verdict, one sentence each."""
        return self.comparison.notes

    @property
    def runs(self) -> list[Run]:
        """The runs, those of the best encoder first."""
        return [Run(run.folder, self.modules) for group in self.comparison.groups for run in group.runs]

    @property
    def table(self) -> "pd.DataFrame":
        """One row an encoder, the best first: mean IoU with its 95 % interval, the other means, seeds; the mean IoU on
        a test split that was scored at the end; with folds their number, and mean and standard deviation of the mean
        IoU over them."""
        import pandas as pd

        rows = []
        for group in self.comparison.groups:
            low, high = group.intervals.overall["mean_iou"]
            means = {f"mean_{name}": value for name, value in group.scores.mean.items()}
            row = {"encoder": group.label, **means, "low": low, "high": high, "seeds": len(group.seeds)}
            if group.test is not None:
                row |= {"test_mean_iou": group.test.scores.mean["iou"]}
            if group.folds is not None:
                row |= {"folds": group.folds, "fold_mean": group.fold_mean, "fold_deviation": group.fold_deviation}
            rows.append(row)
        return pd.DataFrame(rows).set_index("encoder")

    @property
    def differences(self) -> "pd.DataFrame":
        """One row a pair: the difference of the mean IoU with its 95 % interval and adjusted p-value."""
        import pandas as pd

        rows = [
            {
                "a": pair.a.label,
                "b": pair.b.label,
                "difference": pair.difference.value,
                "low": pair.difference.low,
                "high": pair.difference.high,
                "p_value": pair.difference.adjusted,
                "verdict": pair.difference.verdict,
            }
            for pair in self.comparison.pairs
        ]
        return pd.DataFrame(rows, columns=["a", "b", "difference", "low", "high", "p_value", "verdict"])

    def __repr__(self) -> str:
        return f"<Study: {self.verdict}>"

    def _repr_html_(self) -> str:
        return f"<p><strong>{escape(self.verdict)}</strong></p>{self.table.to_html(float_format='{:.4f}'.format)}"


@dataclass(frozen=True, eq=False)
class Checked:
    """The findings of the check of a data set.

    Args:
        findings: the content of every file, and every problem.
        report: the page with images, where one was requested.
        lists: split -> the text file with the names of its images, where they were requested.
    """

    findings: Findings
    report: Path | None = None
    lists: Mapping[str, Path] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the data can be used."""
        return not self.findings.errors

    @property
    def problems(self) -> "pd.DataFrame":
        """One row an error or warning: what it is, and the files it is about."""
        import pandas as pd

        found = self.findings.as_json()
        rows = [{"kind": "error", "problem": e["problem"], "files": e["files"]} for e in found["errors"]]
        rows += [
            {
                "kind": "warning" if remark.care else "note",
                "problem": remark.text,
                "files": [place for entry in remark.entries for place in entry.places],
            }
            for remark in self.findings.remarks
        ]
        return pd.DataFrame(rows, columns=["kind", "problem", "files"])

    @property
    def classes(self) -> "pd.DataFrame":
        """One row a class, one column a split: the share of the pixels, 0..1; the last row is what is ignored."""
        import pandas as pd

        index = pd.Index([*self.findings.space.names, "ignored"], name="class")
        pixels = {name: [*found.counts.tolist(), found.ignored] for name, found in self.findings.splits.items()}
        table = pd.DataFrame(pixels, index=index)
        return table / table.sum().clip(lower=1)

    @property
    def splits(self) -> "pd.Series[int]":
        """Split -> the number of its usable images."""
        import pandas as pd

        return pd.Series({name: found.images for name, found in self.findings.splits.items()}, name="images")

    def require_ok(self) -> None:
        """Raise DataError with everything that is wrong, if anything is."""
        if not self.ok:
            raise all_problems(self.findings)

    def __repr__(self) -> str:
        errors, remarks = len(self.findings.errors), len(self.findings.remarks)
        return f"<Checked {self.findings.spec}: {errors} errors, {remarks} remarks>"

    def _repr_html_(self) -> str:
        problems = self.problems.to_html() if len(self.problems) else ""
        classes = self.classes.to_html(float_format="{:.1%}".format)
        return f"<p>{escape(repr(self)[1:-1])}</p>{problems}{classes}"


@dataclass(frozen=True, eq=False)
class Measured:
    """The shares of classes in images.

    Args:
        measures: all that was measured.
        as_dict: the content of summary.json.
        out: the folder with the files; None where none were written.
        left_out: file that was not written -> the reason.
    """

    measures: Measures
    as_dict: "MeasuresFile"
    out: Path | None
    left_out: Mapping[str, str]

    @property
    def images(self) -> "pd.DataFrame":
        """One row an image, as in measures.csv; shares are 0..1."""
        import pandas as pd

        return pd.DataFrame(rows_of(self.measures)).replace({"time": {"": None}}).set_index("image")

    @property
    def shares(self) -> "pd.DataFrame":
        """One row a class or view: its share over all images, as predicted (raw), and adjusted with 95 % intervals."""
        import pandas as pd

        rows = {}
        entries: Mapping[str, Mapping[str, Any]] = {**self.as_dict["classes"], **self.as_dict["roles"]}
        for name, entry in entries.items():
            rows[name] = row = {"raw": entry["raw"]}
            for key in [key for key in ("raw", "olofsson", "inverse") if f"{key}_interval" in entry]:
                low, high = entry[f"{key}_interval"]
                row |= {key: entry[key], f"{key}_low": low, f"{key}_high": high}
        return pd.DataFrame.from_dict(rows, orient="index")

    @property
    def trusted(self) -> bool | None:
        """Whether nothing speaks against the adjusted shares; None where there are none."""
        trusted: bool | None = self.as_dict["trusted"]
        return trusted

    @property
    def doubts(self) -> list[str]:
        """Why the adjusted shares are not to be trusted, one sentence each."""
        return list(self.measures.doubts)

    @property
    def unread(self) -> UnreadError | None:
        """The error that names the images which cannot be read; None if all can."""
        return self.measures.unread

    @property
    def report(self) -> Path | None:
        """The page, one HTML file; None where none was written."""
        return None if self.out is None else self.out / MEASURE_PAGE

    def __repr__(self) -> str:
        return f"<Measured: {headline(self.measures)}>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(headline(self.measures))}</p>{self.shares.to_html(float_format='{:.1%}'.format)}"


@dataclass(frozen=True, eq=False)
class Audit:
    """The findings of an audit.

    Args:
        audited: what was found, and the folder of its files.
    """

    audited: Audited

    @property
    def page(self) -> Path:
        """The page, one HTML file."""
        return self.audited.out / AUDIT_PAGE

    @property
    def note(self) -> str:
        """Which network judged the images, and whether it was trained on them."""
        return self.audited.findings.judged

    @property
    def regions(self) -> "pd.DataFrame":
        """One row a region where labels and network disagree, the most suspicious first."""
        return _table(regions_csv(self.audited.findings), "rank")

    @property
    def images(self) -> "pd.DataFrame":
        """One row an image, the most suspicious first."""
        return _table(images_csv(self.audited.findings), "image")

    @property
    def classes(self) -> "pd.DataFrame":
        """One row a class: images, share of the pixels, IoU with its interval, and why it needs more images."""
        return _table(classes_csv(self.audited.findings), "class")

    @property
    def next(self) -> "pd.DataFrame | None":
        """One row an image without labels, the one most worth labeling first; None where no folder was named."""
        ranking = self.audited.ranking
        return None if ranking is None else _table(next_csv(ranking), "rank")

    @property
    def unread(self) -> tuple[FileError, ...]:
        """One error per image without labels that cannot be read."""
        return () if self.audited.ranking is None else self.audited.ranking.failed

    def __repr__(self) -> str:
        return f"<Audit of {self.audited.findings.spec}: {summary(self.audited)}>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self)[1:-1])} {escape(self.note)}</p>{self.regions.head(20).to_html()}"


def _mean_iou(scores: Scores) -> str:
    """Return the mean IoU with its interval, as a text."""
    low, high = scores.interval
    return f"mean IoU {100 * scores.mean_iou:.1f} % {bracket(low, high)}"


def _number(value: float | None) -> float:
    """Return a value of scores.json, where null is NaN."""
    return float("nan") if value is None else value


def _table(text: str, index: str) -> "pd.DataFrame":
    import pandas as pd

    texts = dict.fromkeys(("class", "image", "sequence"), str)  # a video called 0016E5 is no number
    return pd.read_csv(io.StringIO(text), dtype=texts, keep_default_na=False, na_values=[""]).set_index(index)
