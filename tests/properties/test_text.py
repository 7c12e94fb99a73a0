"""Text from outside, in tables and in Markdown: it is always shown as text."""

import csv
import io
import math
import re
from html import unescape

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from streetseg.evaluation.files import table
from streetseg.report.model_card import plain
from streetseg.report.model_card import table as markdown_table
from streetseg.text import one_line

ANY = st.text(st.characters(codec=None), max_size=20) | st.text(st.sampled_from("=+-@;,|\t\r\n\"' x1＝"), max_size=12)
MARKED = st.text(st.sampled_from("\\`*_{}[]()<>#+-.!|~$&;:/ abc1\n\x1b"), max_size=30) | st.text(max_size=20)
NUMBERS = st.integers(-(2**63), 2**63) | st.floats()


@given(st.lists(st.tuples(ANY, NUMBERS), min_size=1, max_size=5), ANY)
@settings(max_examples=300)
def test_a_spreadsheet_finds_no_formula_and_every_number(rows: list[tuple[str, int | float]], head: str) -> None:
    text = table({"name": name, f"iou {head}": number} for name, number in rows)

    read = list(csv.reader(io.StringIO(text)))
    assert len(read) == len(rows) + 1 == text.count("\n")
    assert one_line(text.replace("\n", "")) == text.replace("\n", "")
    for (name, number), (cell, written) in zip(rows, read[1:], strict=True):
        assert cell.replace("'", "") == one_line(name).replace("'", "")
        if not isinstance(number, float):
            assert int(written) == number
        else:
            assert written == "" if math.isnan(number) else float(written) == number
    for piece in re.split(r"[;,|\t\n]", text):  # whatever the spreadsheet splits at
        started = piece.strip(' "')
        assert not started.startswith(("=", "@", "+", "-", "＝")) or is_number(started)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@given(MARKED)
@settings(max_examples=400)
def test_markdown_shows_any_name_as_it_is(name: str) -> None:
    shown = one_line(" ".join(name.split()))
    card = "\n".join(
        [
            f"# {plain(name)} U-Net",
            "",
            f"- **Name:** {plain(name)}",
            "",
            *markdown_table(["a", "b"], [[plain(name), "1"]]),
        ]
    )

    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(card)

    heading, item = re.search("<h1>(.*)</h1>", html), re.search("<li>\n*<strong>Name:</strong>(.*)</li>", html)
    cell = re.search("<td>(.*)</td>", html) or re.search("<tbody>\n<tr>\n<td[^>]*>(.*)</td>", html)
    assert heading and item and cell
    assert unescape(heading[1]).split() == f"{shown} U-Net".split()
    assert unescape(item[1]).split() == shown.split()
    assert unescape(cell[1]).split() == shown.split()
    assert set(re.findall("<(\\w+)", html)) <= {"h1", "ul", "li", "strong", "table", "thead", "tbody", "tr", "th", "td"}
