"""model.json: what a bundle says of itself. Read without torch."""

import json
from pathlib import Path
from typing import Any

from streetseg.errors import ModelError

FORMAT = "streetseg-bundle"
VERSION = 1
REQUIRED = ("encoder", "decoder", "channels", "size", "space", "classes", "colors", "ignore_index", "initial_weights", "sha256")


def find_bundle(path: Path) -> Path:
    """The bundle folder meant by `path`: itself, or `path/best` of a run folder. Raises ModelError."""
    for folder in (path, path / "best"):
        if (folder / "model.json").is_file():
            return folder
    if path.is_file():
        raise ModelError("a model is a bundle or run folder, this is a file", where=path)
    raise ModelError(
        "no bundle here (sought model.json and best/model.json)" if path.is_dir() else "no such model folder",
        where=path,
        hint="give a run folder or its best/ folder",
    )


def read_model_json(path: Path) -> dict[str, Any]:
    """model.json of a bundle or run folder, checked.

    Raises:
        ModelError: if it is no JSON, of another format, of a newer version, or lacks a key.
    """
    file = find_bundle(path) / "model.json"
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f"model.json cannot be read ({error})", where=file) from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise ModelError(f'model.json is not of the format "{FORMAT}"', where=file)
    if description.get("version") != VERSION:
        raise ModelError(
            f"bundle version {description.get('version')}, this program reads version {VERSION}",
            where=file,
            hint="update streetseg",
        )
    missing = [key for key in REQUIRED if key not in description]
    if missing:
        raise ModelError(f"model.json lacks {', '.join(missing)}", where=file)
    return description
