"""The `streetseg` program: run the command of `sys.argv`; print a failure in three lines and end with its exit code."""

import os
import signal
import sys
import traceback
from types import FrameType
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from streetseg.cli.candidates import SHELL, print_candidates
from streetseg.cli.commands import COMMANDS, Commands
from streetseg.cli.exit_codes import DONE, INTERRUPTED, TERMINATED
from streetseg.cli.mistakes import in_plain_words, recipe_field
from streetseg.cli.output import discard_output, prepare_console, print_error, say, show_log, tell
from streetseg.data.cache import serve_homeless
from streetseg.errors import RequestError, StreetsegError, did_you_mean, needed_package
from streetseg.runtime.worker import is_launched, is_main, write_error_report

app = typer.Typer(
    cls=Commands,
    no_args_is_help=False,
    invoke_without_command=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,  # `streetseg completion` prints scripts of our own
)


@app.callback()
def streetseg(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")] = False,
) -> None:
    """Street images in, compared and trusted segmentation networks out."""
    if version:
        import streetseg as package

        say(f"streetseg {package.__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        say(*ctx.get_help().split("\n"))


for _name, _help in COMMANDS.items():
    app.command(_name, help=_help)(lambda: None)


def main() -> NoReturn:
    """Run the command of `sys.argv` and exit with its exit code."""
    args = [arg for arg in sys.argv[1:] if arg != "--debug"]  # --debug works before and after the command
    signal.signal(signal.SIGTERM, _terminate)
    prepare_console()
    program = typer.main.get_command(app)
    if SHELL in os.environ:
        print_candidates(program, os.environ)
        sys.exit(DONE)
    serve_homeless()
    show_log(quiet="--quiet" in args, silent=not is_main())
    try:
        code = program.main(args=args, prog_name="streetseg", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else DONE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except SystemExit as end:
        if isinstance(
            end.__context__, BrokenPipeError
        ):  # typer printed --help, and the reader of the pipe had closed it
            discard_output(sys.stdout)
            sys.exit(DONE)
        raise
    except Exception as failure:
        if "--debug" in sys.argv:
            tell(
                *(f"    {line}" for line in traceback.format_exc().splitlines())
            )  # indented: no line looks like `error: …`
        error = explain(failure, args)
        write_error_report(error)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the report is written: a SIGTERM of the launcher may end us
        if not is_launched():
            print_error(error, as_json="--json" in args and is_main())
        sys.exit(error.exit_code)


def explain(failure: Exception, args: list[str]) -> StreetsegError:
    """Return any failure of a command as an error with problem, where and hint."""
    if isinstance(failure, StreetsegError):
        return failure
    if isinstance(failure, TyperException):
        return _usage_error(failure, args)
    if isinstance(failure, ModuleNotFoundError) and (missing := needed_package(failure)):
        return missing
    return StreetsegError(
        f"{type(failure).__name__}: {failure}",
        where=f"streetseg {' '.join(args)}",
        hint="the same command with --debug shows the traceback",
    )


def _usage_error(failure: TyperException, args: list[str]) -> RequestError:
    """Return a usage error of typer as a RequestError; for an unknown flag the hint names the most similar one."""
    ctx = getattr(failure, "ctx", None)
    command = ctx.command_path if ctx else " ".join(["streetseg", *(arg for arg in args[:1] if arg in COMMANDS)])
    unknown = getattr(failure, "option_name", None)
    if unknown and ctx and "No such option" in failure.message:
        flags = [flag for param in ctx.command.params for flag in param.opts if flag.startswith("--")]
        takes_fields = any(param.name == "overrides" for param in ctx.command.params)
        field = recipe_field(unknown) if takes_fields else None
        hint = f"{field}=VALUE" if field else did_you_mean(unknown, flags) or f"{command} --help"
        return RequestError(f"unknown flag {unknown}", where=command, hint=hint)
    problem = in_plain_words(_lower_first(failure.format_message().rstrip(".")))
    missing = getattr(failure, "param", None) if problem.startswith("missing option") else None
    hint = f"{command} … {missing.opts[0]} {missing.metavar}" if missing else f"{command} --help"
    return RequestError(problem, where=command, hint=hint)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)
