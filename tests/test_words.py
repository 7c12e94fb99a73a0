"""The project has one word for each thing: no identifier uses another, and no text says picture."""

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "tests", "tools", "benchmarks")
TEXTS = (".py", ".md", ".j2", ".css", ".js", ".yaml")

# A part of an identifier -> the project's word.
PARTS = {
    "picture": "image", "pictures": "images", "truth": "ground_truth", "truths": "ground_truths",
    "segmenter": "network", "learner": "train_state", "keeper": "recorder", "tally": "meters", "phases": "profiler",
    "looked": "stats", "likeness": "perceptual_hash", "likeliest": "argmax", "wrong": "incorrect",
    "sensitivity": "recall", "fault": "failure", "faults": "failures", "refuse": "require or check",
    "asked": "requested", "wanted": "request, config or needed", "told": "reported", "verb": "command",
    "verbs": "commands", "shelf": "cache_folder", "stance": "pose", "bridge": "label_mapping", "bridges": "mappings",
    "colour": "color", "colours": "colors", "grey": "gray", "greys": "grays", "neighbour": "neighbor",
    "neighbours": "neighbors", "centre": "center", "optimiser": "optimizer", "normalise": "normalize",
    "normalisation": "normalization", "quantise": "quantize", "labelled": "labeled", "unlabelled": "unlabeled",
}  # fmt: skip
# A whole identifier -> the project's word.
NAMES = {
    "Dice": "Rng", "Draws": "RandomParams", "Known": "CheckCache", "Stored": "ImageFacts", "Resident": "DeviceCache",
    "PATIENCE": "TIMEOUT", "encoder_lr": "encoder_lr_scale", "of_main": "broadcast",
}  # fmt: skip
# The word of older descriptions of data, which is still read.
OLDER = re.compile(r'`pictures:`|== "pictures"')


def other_words(path: Path) -> Iterator[str]:
    """Yield the identifiers of a file that use another word. Names of tests are sentences and may use any."""
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type != tokenize.NAME or token.string.startswith("test_"):
                continue
            name = re.sub("(?i)ground_?truth", "", token.string)
            parts = re.findall("[a-z]+", re.sub("([A-Z][a-z]|[A-Z]+)", r"_\1", name).lower())
            word = NAMES.get(token.string) or next((PARTS[part] for part in parts if part in PARTS), None)
            if word:
                yield f"{path.relative_to(ROOT)}:{token.start[0]}: {token.string}, say {word}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_identifiers_use_the_words_of_the_project(folder: str) -> None:
    assert [line for path in sorted((ROOT / folder).rglob("*.py")) for line in other_words(path)] == []


def test_images_are_called_images() -> None:
    texts = [path for folder in ("src", "docs") for path in (ROOT / folder).rglob("*") if path.suffix in TEXTS]
    assert [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in [*texts, ROOT / "README.md"]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(r"picture", OLDER.sub("", line), re.IGNORECASE)
    ] == []
