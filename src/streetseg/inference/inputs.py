"""Which pictures a person means: files, folders, patterns."""

import glob
import logging
from collections.abc import Sequence
from pathlib import Path

from streetseg.data.files import walk
from streetseg.data.survey import Survey
from streetseg.errors import RequestError

log = logging.getLogger("streetseg")


def find_pictures(inputs: Sequence[str]) -> list[Path]:
    """Every picture named, once, in the order they were named; those of a folder or pattern in the order of names.

    Args:
        inputs: files, folders (searched through), or patterns such as "street/**/*.jpg". What exists is never read
            as a pattern.

    Raises:
        RequestError: something named is not there or holds no picture, or two pictures have the same stem and their
            results would have the same name.
    """
    missing: list[str] = []
    found: dict[Path, Path] = {}  # by what it is on disk
    for text in inputs:
        pictures = _meant(text)
        found |= {path.resolve(): path for path in pictures if path.resolve() not in found}
        if not pictures:
            missing.append(text)
    if missing:
        raise RequestError(
            "no picture found", where=missing, hint="name pictures, folders of pictures, or a quoted pattern"
        )

    by_stem: dict[str, list[Path]] = {}
    for path in found.values():
        by_stem.setdefault(path.stem, []).append(path)
    twice = [paths for paths in by_stem.values() if len(paths) > 1]
    if twice:
        raise RequestError(
            f"{len(twice)} names are borne by two pictures or more, whose results would replace each other",
            where=[path for paths in twice for path in paths],
            hint="predict them into separate folders",
        )
    return list(found.values())


def _meant(text: str) -> list[Path]:
    path = Path(text)
    if path.is_dir():
        survey = Survey()
        pictures = survey.pictures_among({name: str(path / name) for name in walk(path)})
        if survey.skipped:
            log.info("%s: %s", path, survey.skipped_words)
        return [path / name for name in pictures]
    if path.exists():
        return [path]
    names = sorted(glob.glob(text, recursive=True))  # noqa: PTH207  # Path.glob takes no absolute pattern
    matches = [Path(name) for name in names if Path(name).is_file()]
    return [match for match in matches if Survey().pictures_among({match.name: str(match)})]
