"""The command `streetseg completion`."""

from importlib.resources import files
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.options import JsonFlag
from streetseg.cli.output import print_json
from streetseg.errors import RequestError, did_you_mean

if TYPE_CHECKING:
    from streetseg.cli import outputs

SHELLS = {  # shell -> its script in cli/shells
    "bash": "streetseg.bash",
    "zsh": "_streetseg",
    "fish": "streetseg.fish",
    "powershell": "streetseg.ps1",
}


def completion(
    shell: Annotated[str, typer.Argument(metavar="|".join(SHELLS), help="its script says at the top how to load it")],
    json: JsonFlag = False,
) -> None:
    """Print the script with which a shell completes commands, flags and values."""
    if shell not in SHELLS:
        raise RequestError(
            f"there is no script for {shell}",
            where=f"streetseg completion {shell}",
            hint=did_you_mean(shell, SHELLS) or f"known: {', '.join(SHELLS)}",
        )
    script = files(__package__).joinpath("shells", SHELLS[shell]).read_text(encoding="utf-8")
    if json:
        output: outputs.Completion = {"shell": shell, "script": script}
        print_json(output)
    else:
        typer.echo(script, nl=False)
