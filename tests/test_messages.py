"""The messages that docs/reference/messages.md explains are those of the program."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "messages.md"
CODE = ROOT / "src" / "streetseg" / "data"


def explained() -> list[str]:
    """Return the messages in the first cells of the tables of the section "Messages about data"."""
    section = PAGE.read_text("utf-8").partition("## Messages about data")[2].split("\n## ")[0]
    return [message for row in re.findall(r"^\| (`.*?`) \|", section, re.M) for message in re.findall("`(.*?)`", row)]


def texts() -> Iterator[str]:
    """Yield the texts in the code that reads data, those of f-strings with "…" for each value."""
    for path in sorted(CODE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_message_is_one_of_the_program() -> None:
    said = "\n".join(texts())

    assert len(explained()) > 30
    assert [message for message in explained() if message.removesuffix("…").strip() not in said] == []
