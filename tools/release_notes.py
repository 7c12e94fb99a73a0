"""Print the notes of a release, the part of CHANGELOG.md about its version; fail if tag and version differ.

python tools/release_notes.py v0.1.0
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def release_notes(tag: str, pyproject: str, changelog: str) -> str:
    """Return the notes in Markdown. Links to files of the project lead to those of the tag.

    Raises:
        ValueError: the tag is not the version of pyproject.toml, or the changelog has no dated part about it.
    """
    project = tomllib.loads(pyproject)["project"]
    version = project["version"]
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, the version in pyproject.toml is {version}")
    part = re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if part is None or not part[1].strip():
        raise ValueError(f"CHANGELOG.md needs the heading ## [{version}] - YEAR-MONTH-DAY and what is new below it")
    files = f"{project['urls']['Homepage']}/blob/{tag}/"
    return re.sub(r"\]\((?!https?:|#)", f"]({files}", part[1].strip())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "CHANGELOG.md")]
    try:
        print(release_notes(sys.argv[1], *texts))
    except ValueError as failure:
        sys.exit(f"error: {failure}")
