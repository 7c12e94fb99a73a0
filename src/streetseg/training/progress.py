"""Progress of a run: one bar in a terminal, plain lines elsewhere, nothing when quiet."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from streetseg.text import one_line

PLAIN_EVERY = 30.0  # seconds between lines when there is no terminal


class _Console(Console):
    """A console that goes silent when its pipe is closed, as by `2>&1 | head`: the run goes on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Progress:
    """Shows the steps of a run on standard error.

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
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.live,
        )
        self.task = self.bar.add_task(title, total=total, completed=done, figures="")

    def __enter__(self) -> "Progress":
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def step(self, figures: str) -> None:
        """Count one more step; `figures` are shown beside the bar."""
        self.done += 1
        if self.live:
            self.bar.update(self.task, completed=self.done, figures=figures)
        elif time.monotonic() - self.last_line > PLAIN_EVERY:
            self.last_line = time.monotonic()
            self.say(f"{self.title}: step {self.done} of {self.total}, {figures}")

    def say(self, *lines: str) -> None:
        """Print lines that stay."""
        for line in lines:
            self.console.print(one_line(line), highlight=False, markup=False, soft_wrap=True)
