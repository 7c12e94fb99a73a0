"""Write the pages man/*.1 from the help of the program. A test fails if a page is outdated.

Run it after changing a command or its help:  make reference
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from itertools import groupby
from pathlib import Path
from typing import Any

import typer

from streetseg.cli.commands import COMMANDS, load_command
from streetseg.cli.main import app

MAN = Path(__file__).parents[1] / "man"
ESCAPES = str.maketrans({"\\": "\\e", "-": "\\-", "'": "\\(aq", '"': "\\(dq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"})


class ManPage:
    """A page as roff, with the methods of the formatter that a command writes its help to.

    Args:
        path: the words of the command, such as `streetseg recipe show`.
        about: the command in one line.
    """

    width = 10_000  # no line of help is cut

    def __init__(self, path: str, about: str) -> None:
        name = _page(path)
        self._lines = [f'.TH "{_plain(name.upper())}" 1 "" streetseg "User Commands"']
        with self.section("Name"):
            self._lines.append(f"{_plain(name)} \\- {_plain(about.rstrip('.'))}")

    def write_usage(self, program: str, args: str = "") -> None:
        with self.section("Synopsis"):
            self._lines.append(f"\\fB{_plain(program)}\\fR {_plain(args)}")

    def write_text(self, text: str) -> None:
        with self.section("Description"):
            self._lines += [_plain(line) if line else ".PP" for line in text.strip().splitlines()]

    @contextmanager
    def section(self, title: str) -> Iterator[None]:
        self._lines.append(f'.SH "{_plain(title.upper())}"')
        yield

    def write_dl(self, rows: Sequence[tuple[str, str]]) -> None:
        for term, meaning in rows:
            self._lines += [".TP", f"\\fB{_plain(term)}\\fR", _plain(meaning)]

    def write(self, text: str) -> None:
        """Add lines that stay as they are, or the title above them."""
        title = text.strip().rstrip(":")
        if text.startswith("  "):
            self._lines.append(f"\n{_plain(text[2:].rstrip())}")
        else:
            with self.section(title or "Notes"):
                pass

    def write_paragraph(self) -> None:
        """Add nothing: each section begins a paragraph."""

    def indentation(self) -> nullcontext[None]:
        """Add nothing: each section is indented."""
        return nullcontext()

    def see_also(self, names: Sequence[str]) -> None:
        """Name other pages."""
        with self.section("See also"):
            self._lines += [f".BR {_plain(name)} (1){'' if name == names[-1] else ','}" for name in names]

    def roff(self) -> str:
        """Return the text of the file."""
        parts = []
        for kept, lines in groupby(self._lines, key=lambda line: line.startswith("\n")):
            text = [line.strip("\n") for line in lines]
            parts += [".nf", *text, ".fi"] if kept else text
        return "\n".join(parts) + "\n"


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name of each file and its text: of the program, of each command, of each command in a command."""
    program = typer.main.get_command(app)
    yield from _pages("streetseg", program, {name: load_command(name) for name in COMMANDS})


def _pages(name: str, command: Any, inside: Mapping[str, Any], parent: Any = None) -> Iterator[tuple[str, str]]:
    ctx = command.make_context(name, [], parent, resilient_parsing=True)
    page = ManPage(ctx.command_path, command.help.splitlines()[0])
    command.format_help(ctx, page)
    above = [] if parent is None else [parent]
    page.see_also([_page(one.command_path) for one in above] + [_page(f"{ctx.command_path} {part}") for part in inside])
    yield f"{_page(ctx.command_path)}.1", page.roff()
    for part, its_command in inside.items():
        yield from _pages(part, its_command, getattr(its_command, "commands", {}), ctx)


def _page(path: str) -> str:
    """Return the name of the page of a command, as man takes it."""
    return path.replace(" ", "-")


def _plain(text: str) -> str:
    """Return text that roff shows as it is."""
    escaped = text.translate(ESCAPES)
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


if __name__ == "__main__":
    for old in MAN.glob("*.1"):
        old.unlink()
    for file, text in pages():
        (MAN / file).write_text(text, encoding="utf-8")
