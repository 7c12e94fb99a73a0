"""The arguments `[MODEL] INPUT...`: where the first one names images, the network in the box is the model."""

from collections.abc import Sequence
from pathlib import Path

from streetseg.cli.mistakes import is_model, require_model_first
from streetseg.errors import RequestError
from streetseg.models.formats import is_exported
from streetseg.pretrained.networks import BOX


def model_and_inputs(command: str, words: Sequence[str]) -> tuple[str, list[str]]:
    """Return the model and the images of a command: the model is `scenes` where none is named.

    Args:
        command: predict or measure.
        words: its arguments, at least one.

    Raises:
        RequestError: a model stands behind the images, or no image is named.
    """
    first, *rest = words
    require_model_first(command, Path(first), rest, "--out DIR")
    if _names_images(first, alone=not rest):
        return BOX, list(words)
    if not rest:
        problem, hint = f"no image is named behind {first}", f"streetseg {command} {first} INPUT... --out DIR"
        raise RequestError(problem, where=f"streetseg {command}", hint=hint)
    return first, rest


def _names_images(text: str, *, alone: bool) -> bool:
    """Return whether the first argument of a command names images, and not a model.

    A path that is neither is taken for a model where others follow it, and for images where it is alone.
    """
    from streetseg.data.formats import SUFFIXES
    from streetseg.inference.video import is_video

    path = Path(text)
    if is_model(text) or is_exported(path) or _was_run(path):
        return False
    if text == BOX:
        return alone and path.is_dir()
    if path.is_dir():
        return alone or _holds_images(path)
    marked = text == "-" or text.startswith(("@", "http://", "https://")) or any(mark in text for mark in "*?[")
    return alone or marked or path.suffix.lower() in SUFFIXES or is_video(text)


def _was_run(path: Path) -> bool:
    """Return whether a folder is a run or bundle that lacks a part; its plots and error maps are no photos."""
    return any((path / name).exists() for name in ("recipe.yaml", "checkpoints", "weights.safetensors"))


def _holds_images(folder: Path) -> bool:
    from streetseg.data.files import walk
    from streetseg.data.formats import SUFFIXES

    return any(Path(name).suffix.lower() in SUFFIXES for name in walk(folder))
