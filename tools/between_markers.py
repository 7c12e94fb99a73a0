"""The part of a Markdown page that a tool writes: between `<!-- NAME: begin -->` and `<!-- NAME: end -->`."""

from collections.abc import Sequence
from pathlib import Path

from streetseg.atomic import atomic_write_text
from streetseg.errors import RequestError


def with_lines(text: str, name: str, lines: Sequence[str], where: Path) -> str:
    """Return the text of the page `where` with these lines between the two markers.

    Raises:
        RequestError: the page has not one of each.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise RequestError(f"the page needs one {begin} and one {end}", where=where)
    before, _, rest = text.partition(begin)
    return "\n".join([before + begin, "", *lines, "", end + rest.partition(end)[2]])


def write_lines(page: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what stands between the two markers of a page. Raise RequestError if it has not one of each."""
    atomic_write_text(page, with_lines(page.read_text(encoding="utf-8"), name, lines, page))
