"""streetseg compare"""

from pathlib import Path
from typing import Annotated

import typer

from streetseg.cli.options import JsonFlag
from streetseg.cli.output import print_json, say
from streetseg.errors import RequestError


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="finished run folders")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder the report is written to")],
    json: JsonFlag = False,
) -> None:
    """Report on finished runs, without training."""
    if len(runs) < 2:
        raise RequestError(
            "a comparison needs two runs or more", where=runs[0], hint="streetseg compare RUN RUN --out DIR"
        )

    from streetseg.study.compare import compare_runs
    from streetseg.study.report import write_report

    comparison = compare_runs(runs)
    report = write_report(comparison, out)
    if json:
        print_json(comparison.as_json(out) | {"report": report})
    else:
        say(comparison.verdict)
        say(f"report: {report}")
