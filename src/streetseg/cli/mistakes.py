"""Mistakes in the arguments of a command that are recognized before anything else is read."""

import re
from collections.abc import Sequence
from pathlib import Path

from streetseg.errors import RequestError
from streetseg.models.formats import bundle_folder, is_exported
from streetseg.text import command_line

# What typer says of a value -> the words of the recipe's messages.
_PLAIN = (
    (r"Input should be a valid integer.*", "expected a whole number"),
    (r"Input should be a valid number.*", "expected a number"),
    (r"Input should be greater than or equal to (\S+)", r"expected at least \1"),
    (r"Input should be less than or equal to (\S+)", r"expected at most \1"),
)


def in_plain_words(problem: str) -> str:
    """Return a usage error of typer in the words that a wrong value of the recipe gets."""
    for words, plain in _PLAIN:
        problem = re.sub(words, plain, problem)
    return problem


def recipe_field(flag: str) -> str | None:
    """Return the field of the recipe that a flag is meant for, as optim.lr for --lr; None if there is none."""
    from streetseg.recipe.load import leaves
    from streetseg.recipe.schema import Recipe

    word = flag.lstrip("-").replace("-", "_")
    fields = [field for field, _ in leaves(Recipe())]
    same = [field for field in fields if f"{word}_".startswith(f"{field.rpartition('.')[2]}_")]
    return same[0] if len(same) == 1 else None


def is_model(text: str | Path) -> bool:
    """Return whether a path is a bundle, a run folder or an exported model that is there, or one on the Hub."""
    from streetseg.models.hub import is_on_hub  # with numpy, which the Tab key and --help must not wait for

    path = Path(text)
    if is_on_hub(path):
        return True
    return path.is_file() if is_exported(path) else bundle_folder(path) is not None


def require_model_first(command: str, model: Path, others: Sequence[str], *rest: str) -> None:
    """Raise RequestError if the model stands where the images or the data are meant, and they in its place.

    Args:
        command: predict, measure, evaluate or audit.
        model: the first argument.
        others: the arguments behind it.
        rest: what the hint appends.
    """
    models = [] if is_model(model) else [text for text in others if is_model(text)]
    if not models:
        return
    behind = [str(model), *(text for text in others if text != models[0])]
    raise RequestError(
        f"the model comes first, then the {'data' if command in ('evaluate', 'audit') else 'images'}",
        where=f"streetseg {command} {model} {models[0]}",
        hint=f"{command_line(['streetseg', command, models[0], *behind])} {' '.join(rest)}".rstrip(),
    )


def require_once(command: str, flags: Sequence[str]) -> None:
    """Raise RequestError if a flag with a value is given twice, of which the first would have no effect.

    Args:
        command: the words of the command.
        flags: the flags with a value, as often as they were given.
    """
    for flag in flags:
        if flags.count(flag) > 1:
            raise RequestError(
                f"{flag} is given twice",
                where=f"{command} {flag}",
                hint=f"give {flag} once; where it takes several values, they are separated by commas",
            )


def require_commas(names: Sequence[str], words: Sequence[str]) -> None:
    """Raise RequestError if encoders stand behind `--encoders A` with a space between them, as B in "A B"."""
    more = [word for word in words if "=" not in word]
    if more:
        raise RequestError(
            f"{more[0]} is neither a flag nor a value of the recipe",
            where=f"command line: {' '.join(more)}",
            hint=f"encoders are separated by commas: --encoders {','.join([*names, *more])}",
        )
