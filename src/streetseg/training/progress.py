"""Progress of a run: one bar in a terminal, plain lines elsewhere, nothing when quiet."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Column

from streetseg.text import one_line

PLAIN_EVERY = 30.0  # seconds between lines when there is no terminal
# Characters that count, figures, time left and the shortest bar take: "12000/12000 epoch 12/20 loss 2.872 1:00:12".
NEEDED = 54


class _Console(Console):
    """A console that goes silent when its pipe is closed, as by `2>&1 | head`: the run goes on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Progress:
    """Shows the steps of a run on standard error.

    In a narrow terminal the title is cut and the bar is short, so that count, figures and time left stay whole.

    Args:
        title: what is being done, e.g. "mobilenetv2_100 seed 0".
        total: steps in all.
        done: steps that were done before the run was resumed.
        quiet: print nothing.
    """

    def __init__(self, title: str, total: int, *, done: int = 0, quiet: bool = False) -> None:
        # Lines of text in a notebook, too: a live display there would fill the cell.
        self.console = _Console(stderr=True, quiet=quiet, force_jupyter=False)
        self.title, self.total, self.done = title, total, done
        self.live = self.console.is_terminal and not quiet
        self.last_line = time.monotonic()
        self.bar = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),  # the only column that shrinks
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            console=self.console,
            transient=True,
            disable=not self.live,
        )
        self.task = self.bar.add_task(self._short(title), total=total, completed=done, figures="")

    def __enter__(self) -> "Progress":
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def step(self, figures: str, more: str = "") -> None:
        """Count one more step; `figures` are shown beside the bar, and `more` where there is room for them."""
        self.done += 1
        if self.live:
            roomy = len(self.title) + NEEDED + len(more) < self.console.width
            self.bar.update(self.task, completed=self.done, figures=f"{figures} {more}" if roomy else figures)
        elif time.monotonic() - self.last_line > PLAIN_EVERY:
            self.last_line = time.monotonic()
            self.say(f"{self.title}: step {self.done} of {self.total}, {figures} {more}".rstrip())

    def show(self, figures: str, done: int | None = None) -> None:
        """Show other figures beside the bar, and how much is done where that is no count of steps."""
        self.bar.update(self.task, figures=figures, completed=done)

    def begin(self, title: str, total: int) -> None:
        """Count something else from 0 on."""
        self.title, self.total, self.done = title, total, 0
        self.bar.reset(self.task, total=total, description=self._short(title), figures="")

    def say(self, *lines: str) -> None:
        """Print lines that stay. A terminal gets them broken between words; a path is never cut."""
        for line in lines:
            self.console.print(
                one_line(line), highlight=False, markup=False, soft_wrap=not self.live, overflow="ignore", crop=False
            )

    def _short(self, title: str) -> str:
        """Return the title as it fits beside the rest."""
        room = max(8, self.console.width - NEEDED)
        return title if len(title) <= room else f"{title[: room - 1]}…"
