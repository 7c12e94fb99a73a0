"""Names on a terminal: visible characters and escapes, in one line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streetseg.text import command_line, json_text, one_line

DRIVES = {
    "ESC": ("\x1b[31m", r"\x1b[31m"),
    "BEL": ("\x07", r"\x07"),
    "CSI in one character": ("\x9b31m", r"\x9b31m"),
    "OSC 8, a hidden link": ("\x1b]8;;http://x\x1b\\here", r"\x1b]8;;http://x\x1b\here"),
    "bidi override": ("a\u202egnp.exe", r"a\u202egnp.exe"),
    "bidi isolate": ("\u2066a\u2069", r"\u2066a\u2069"),
    "line break": ("a\nerror: b", r"a\nerror: b"),
    "carriage return": ("a\rb", r"a\rb"),
    "line separator": ("a\u2028b", r"a\u2028b"),
    "tab": ("a\tb", r"a\tb"),
    "no character at all": ("\udcff", r"\udcff"),
    "no width": ("a\u200bb", r"a\u200bb"),
}


@pytest.mark.parametrize(("text", "shown"), DRIVES.values(), ids=DRIVES)
def test_what_drives_a_terminal_is_written_out(text: str, shown: str) -> None:
    assert one_line(text) == shown


@pytest.mark.parametrize("text", ["Straße 7 (1).png", "街道\u3000写真", "é ü ñ", "مسیر", "🚗", "5\xa0%", r"C:\x1b"])
def test_what_people_write_stays(text: str) -> None:
    assert one_line(text) == text


@given(st.text(st.characters(codec=None)))
def test_nothing_invisible_is_left(text: str) -> None:
    shown = one_line(text)

    assert "\x1b" not in shown
    assert len(shown.splitlines()) <= 1
    assert one_line(shown) == shown
    assert shown.encode().decode() == shown  # no lone surrogate is left


@given(st.recursive(st.none() | st.integers() | st.text(st.characters(codec=None)), st.lists))
def test_json_is_the_same_value_in_visible_characters(value: object) -> None:
    text = json_text({"value": value})

    assert json.loads(text) == {"value": value}
    assert all(one_line(line) == line for line in text.split("\n"))
    assert text.encode().decode() == text


@pytest.mark.parametrize(
    ("platform", "line"),
    [
        ("linux", r"streetseg check 'camvid:C:\my data'"),
        ("win32", r'streetseg check "camvid:C:\my data"'),
    ],
)
def test_a_command_is_quoted_as_the_system_s_shells_read_it(
    platform: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    assert command_line(["streetseg", "check", r"camvid:C:\my data"]) == line
