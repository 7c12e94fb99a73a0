"""The pages of the documentation and their code blocks, as a Markdown parser sees them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / ".github").rglob("*.md"), *(ROOT / "docs").rglob("*.md")])
MARK = re.compile(r"<!-- not (?:run|output): ((?:(?!-->).)+?) -->\s*$", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A code block.

    Args:
        page: its page.
        line: the line on which its code begins, from 1.
        language: as the fence names it, "" where it names none.
        code: its lines.
        not_run: the reason of the mark `<!-- not run: REASON -->` before it (for text that no program prints:
            `<!-- not output: REASON -->`), None without one.
    """

    page: Path
    line: int
    language: str
    code: str
    not_run: str | None

    @property
    def where(self) -> str:
        """PAGE:LINE, as editors open it."""
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """Return the path of a page within the project."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page, from its top to its bottom; indented ones, too."""
    return list(_blocks(page, page.read_text(encoding="utf-8"), 0))


def _blocks(page: Path, text: str, above: int) -> Iterator[Block]:
    """Yield the blocks of a part of the page that has `above` lines before it."""
    lines = text.splitlines(keepends=True)
    for token in MarkdownIt().parse(text):
        if token.type not in ("fence", "code_block"):
            continue
        assert token.map is not None
        begin = token.map[0]
        if token.info.startswith("{"):  # a directive of the site, which may hold blocks
            yield from _blocks(page, token.content, above + begin + 1)
            continue
        mark = MARK.search("".join(lines[:begin]))
        first = above + begin + 1 + (token.type == "fence")
        yield Block(page, first, token.info.strip(), token.content, " ".join(mark[1].split()) if mark else None)


def make_targets() -> set[str]:
    """Return the targets of the Makefile."""
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
