"""model.json: what a bundle says of itself. Read without torch."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from streetseg.errors import ModelError

FORMAT = "streetseg-bundle"
VERSION = 1

Channel = Annotated[int, Field(ge=0, le=255)]


class Description(BaseModel):
    """The keys of model.json that a network is rebuilt from; the others inform."""

    model_config = ConfigDict(strict=True)

    encoder: str
    decoder: Literal["classic"]
    channels: Annotated[list[Annotated[int, Field(ge=1, le=4096)]], Field(min_length=5, max_length=5)]
    size: tuple[PositiveInt, PositiveInt] | None
    space: str
    classes: Annotated[list[str], Field(min_length=1, max_length=255)]
    colors: list[tuple[Channel, Channel, Channel]]
    ignore_index: Channel
    initial_weights: dict[str, str]
    sha256: str


def find_bundle(path: Path) -> Path:
    """The bundle folder meant by `path`: itself, or `path/best` of a run folder. Raises ModelError."""
    for folder in (path, path / "best"):
        if (folder / "model.json").is_file():
            return folder
    if path.is_file():
        raise ModelError(
            "a model is a bundle or run folder, this is a file",
            where=path,
            hint="pickle files (.pt, .pth, .bin) are never opened, they can run code; convert them to .safetensors",
        )
    raise ModelError(
        "no bundle here (sought model.json and best/model.json)" if path.is_dir() else "no such model folder",
        where=path,
        hint="give a run folder or its best/ folder",
    )


def read_model_json(path: Path) -> dict[str, Any]:
    """model.json of a bundle or run folder, checked.

    Raises:
        ModelError: if it is no JSON, of another format, of a newer version, or lacks a key or holds a wrong value.
    """
    file = find_bundle(path) / "model.json"
    try:
        text = file.read_text(encoding="utf-8")
        description = json.loads(text)
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
    try:
        Description.model_validate_json(text)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise ModelError(f"model.json is not complete or not sound ({'; '.join(faults)})", where=file) from error
    return description
