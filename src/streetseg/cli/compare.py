"""The command `streetseg compare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.common import ranking
from streetseg.cli.options import JsonFlag
from streetseg.cli.output import print_json, say
from streetseg.errors import RequestError

if TYPE_CHECKING:
    from streetseg.cli import outputs


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

    from streetseg import api

    study = api.compare(runs, out)
    if json:
        output: outputs.Compare = {**study.comparison.as_json(out), "report": study.report}
        print_json(output)
    else:
        say(*ranking(study.comparison), "")
        say(study.verdict, bold=True)
        say(f"report: {study.report}")
