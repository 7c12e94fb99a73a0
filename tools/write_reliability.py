"""Write docs/explanation/reliability.md from the marks on the tests. A test fails if the page is outdated.

A test names what it proves with `@pytest.mark.bad_input(ROW, "what happens")`. Run this after changing such a mark:
make reference
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "explanation" / "reliability.md"

MARK = "pytest.mark.bad_input"

FAILURES = {
    1: "palette mask (mode P)",
    2: "RGB color mask",
    3: "a mask that is resized",
    4: "mask stored as JPEG",
    5: "ids outside the label space",
    6: "mask of nothing but 0 and 255",
    7: "Cityscapes label ids, train ids, colors, polygons, the license plate's -1; a mixture of them",
    8: "16-bit mask",
    9: "16-bit, gray, RGBA, CMYK and LA images",
    10: "EXIF rotation",
    11: "image and mask of different sizes",
    12: "truncated or empty file, not an image, a web page named .jpg",
    13: "spaces, brackets, quotes, line breaks and non-Latin letters in paths",
    14: "stray files: .DS_Store, ._x.png, Thumbs.db, notes",
    15: "images without mask, masks without image, two files of one name, upper and lower case",
    16: "empty folder, empty split, a single image",
    17: "the same or nearly the same image in two splits",
    18: "decompression bomb",
    19: "a file edited after the store was built",
    20: "symlink loops, unreadable folders, a read-only data set",
    21: "a crop or batch of nothing but ignored pixels",
    22: "loss or gradient not a finite number",
    23: "batch of one; images of odd sizes, 1x1 to 101x333",
    24: "kill -9 at any time",
    25: "disk full while saving",
    26: "damaged or half-written checkpoint",
    27: "resume with another recipe or data set",
    28: "SIGTERM, Ctrl-C",
    29: "out of memory",
    30: "the reader of the images dies or hangs",
    31: "one of several ranks dies",
    32: "run folder read-only, already used, or in use",
    33: "a number of images that ranks and batch do not divide",
    34: "a pickle given as a model; weights of a wrong shape; a bundle that is incomplete or too new",
    35: "classes of model and data differ",
    36: "an exported graph that disagrees with the network, at one of several sizes or on real images",
    37: "a server: bodies too large, of another type, empty; clients that are slow, many, or gone; killed workers",
    38: "files and classes named as HTML",
    39: "archives with ../, absolute names, links or a huge ratio",
    40: "CSV cells that start a formula; terminal escapes in names",
    41: "YAML with tags or code",
    42: "an id that is both a class and ignored",
    43: "classes given by color, masks stored as palette, gray or 1-bit",
    44: "color masks with transparent pixels",
    45: "image with an EXIF orientation whose mask was drawn on the stored pixels, sizes equal",
    46: "16-bit image that uses a small part of its range",
    47: "binary masks, some of 0 and 1 and some of 0 and 255",
    48: "a question about ids (does 255 mean class 1?)",
    49: "a list line with a folder",
    50: "an error in files that no used split needs",
    51: "lossless WebP, TIFF with -1, float TIFF of whole numbers, .npy",
    52: "masks of an unknown kind in a known layout",
    53: "several colors for one class, hex colors, colors within a tolerance, the id in one channel",
    54: "data.yaml, lists and class tables from Windows",
    55: "a validation split that is wholly ignored; a single class",
    56: "float, CHW, gray or RGBA arrays given to the Python API",
    57: "predict again over a folder that holds its own results",
    58: "HOME unset, an unknown user, a read-only home",
    59: "a console that cannot show a class name; output cut by a pipe",
    60: "a container with a CPU quota, a busy machine",
    61: "an image above the pixel limit in predict",
    62: "images of mixed or other shapes than data.size",
}

HEADER = """# What happens when something is wrong

Every known bad input and failure, what streetseg does with it, and the tests that prove it. This page is written from
the marks on the tests (`tools/write_reliability.py`). A test fails if the page is outdated or a row has no test.

The same rules hold for all rows. All files are checked in one pass before the first training step. There is one line
per file, the exit code is 2, and there is no traceback. No file is overwritten, and the user's files are never changed.
The form of messages is described in [messages](../reference/messages.md).

| # | bad input or failure | what happens | proved by |
|---|---|---|---|
"""


class Proof(NamedTuple):
    """One mark on a test.

    Args:
        row: the number of the bad input in FAILURES.
        outcome: what happens.
        test: the test, as file::function.
    """

    row: int
    outcome: str
    test: str


def page(proofs: list[Proof]) -> str:
    """Return the page; a row without a test has empty cells."""
    return HEADER + "".join(_row(row, [proof for proof in proofs if proof.row == row]) for row in FAILURES)


def missing_rows(proofs: list[Proof]) -> list[int]:
    """Return the rows that no test proves."""
    return sorted(set(FAILURES) - {proof.row for proof in proofs})


def find_proofs(tests: Path) -> list[Proof]:
    """Return all marks under a folder of tests, in the order of their files and lines.

    Raises:
        ValueError: the arguments of a mark are not a row of FAILURES and a text.
    """
    return [proof for path in sorted(tests.rglob("test_*.py")) for proof in _proofs_of(path, tests.parent)]


def _row(row: int, proofs: list[Proof]) -> str:
    outcomes = "<br>".join(dict.fromkeys(proof.outcome for proof in proofs)).replace("|", "\\|")
    links = [f"[`{proof.test.split('::')[-1]}`](../../{proof.test.split('::')[0]})" for proof in proofs]
    tests = "<br>".join(dict.fromkeys(links))
    return f"| {row} | {FAILURES[row]} | {outcomes} | {tests} |\n"


def _proofs_of(path: Path, root: Path) -> Iterator[Proof]:
    """Yield the marks of a file. A mark on a test or in its parameters names that test, other marks only the file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owners = {
        mark: f"::{node.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        for decorator in node.decorator_list
        for mark in ast.walk(decorator)
    }
    marks = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == MARK]
    for mark in sorted(marks, key=lambda mark: mark.lineno):
        row, outcome = _arguments(mark, path)
        yield Proof(row, outcome, f"{path.relative_to(root).as_posix()}{owners.get(mark, '')}")


def _arguments(mark: ast.Call, path: Path) -> tuple[int, str]:
    try:
        row, outcome = (ast.literal_eval(argument) for argument in mark.args)
    except ValueError as error:
        raise ValueError(f"{path}:{mark.lineno}: {MARK} needs a row and a text") from error
    if row not in FAILURES or not isinstance(outcome, str):
        raise ValueError(f"{path}:{mark.lineno}: {MARK} needs a row of FAILURES and a text, found {row!r}, {outcome!r}")
    return row, outcome


if __name__ == "__main__":
    proofs = find_proofs(ROOT / "tests")
    PAGE.write_text(page(proofs), encoding="utf-8")
    print(f"{PAGE}: {len(proofs)} marks, rows without a test: {missing_rows(proofs) or 'none'}")
