"""Many files that cannot be used, in one error."""

from collections.abc import Sequence

from streetseg.data.files import FileError
from streetseg.errors import DataError, first


def together(errors: Sequence[DataError], *, limit: int | None = None, hint: str | None = None) -> DataError:
    """All errors in one: the common problem above and the files below, or each with its problem on a line.

    Args:
        errors: one or more.
        limit: at most this many lines; none names all.
        hint: what to do about them; what the errors advise themselves is added.
    """
    if len(errors) == 1 and not isinstance(errors[0], FileError):
        return errors[0]
    problems = {error.problem for error in errors}
    lines = [" and ".join(error.where) if len(problems) == 1 else one_line(error) for error in errors]
    hints = dict.fromkeys([hint, *(error.hint for error in errors)])
    return DataError(
        problems.pop() if len(problems) == 1 else f"{len(errors)} files cannot be used",
        where=first(lines, limit, "files"),
        hint="; ".join(filter(None, hints)) or None,
    )


def one_line(error: DataError) -> str:
    """The whole error in one line."""
    return error.line if isinstance(error, FileError) else f"{' and '.join(error.where)}: {error.problem}"
