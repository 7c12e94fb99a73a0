"""Values that a shell completes. Nothing heavy is imported: the person waits at the Tab key."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from streetseg.labels.tables import space_names
from streetseg.models.formats import ENGINES, FORMATS
from streetseg.pretrained.networks import BOX, cards
from streetseg.recipe.datasets import PATHS, STREETS, TOOLS, parts_of
from streetseg.recipe.encoders import USUAL
from streetseg.recipe.layers import shipped_names
from streetseg.training.trackers import TRACKERS


class Candidate(NamedTuple):
    """Something that can stand in place of a word that was begun.

    Args:
        value: the whole word.
        help: a line on it, for shells that show one.
        kind: `word` is finished and a space follows it; `part` goes on, such as `camvid:`; `path` is a file, or a
            folder with a slash at its end.
    """

    value: str
    help: str = ""
    kind: Literal["word", "part", "path"] = "word"

    def behind(self, text: str) -> "Candidate":
        """Return the same with text before it."""
        return self._replace(value=text + self.value)


Complete = Callable[[str], Iterable[Candidate]]


def one_of(values: Callable[[], Iterable[str]]) -> Complete:
    """Return a completion of fixed values."""
    return lambda word: map(Candidate, values())


def files(word: str, suffixes: Collection[str] | None = ()) -> Iterator[Candidate]:
    """Yield folders, and files with one of the suffixes: () for all files, None for no file. Hidden ones need a dot."""
    folder, name = os.path.split(word)
    before = word.removesuffix(name)
    try:
        entries = sorted(Path(folder).expanduser().iterdir())
    except (OSError, RuntimeError, ValueError):  # no such folder, no such user behind ~, a zero byte
        return
    for entry in entries:
        if entry.name.startswith(".") and not name.startswith("."):
            continue
        if entry.is_dir():
            yield Candidate(f"{before}{entry.name}/", kind="path")
        elif suffixes is not None and (not suffixes or entry.name.lower().endswith(tuple(suffixes))):
            yield Candidate(f"{before}{entry.name}", kind="path")


def folders(word: str) -> Iterator[Candidate]:
    """Yield folders."""
    return files(word, None)


IN_THE_BOX = Candidate(BOX, "the network in the box")


def models(word: str) -> Iterator[Candidate]:
    """Yield the network in the box, folders and exported models."""
    yield IN_THE_BOX
    yield from files(word, [form.suffix for form in FORMATS.values()])


def recipes(word: str) -> Iterator[Candidate]:
    """Yield the shipped recipes, recipe files and folders."""
    yield from map(Candidate, shipped_names())
    yield from files(word, (".yaml", ".yml"))


def inputs(word: str) -> Iterator[Candidate]:
    """Yield the network in the box, files and folders, also of @LIST.txt."""
    yield IN_THE_BOX
    at = "@" if word.startswith("@") else ""
    yield from (one.behind(at) for one in files(word.removeprefix("@")))


def data(word: str) -> Iterator[Candidate]:
    """Yield kinds of data and folders; behind a kind what it takes. Of A+B, B is completed."""
    last = parts_of(word)[-1]
    before = word.removesuffix(last)
    kind, colon, path = last.partition(":")
    kinds = {**PATHS, **dict.fromkeys(STREETS, "DIR"), **TOOLS}
    if colon and kind in kinds:
        found = folders(path) if kinds[kind] == "DIR" else files(path)
        yield from (one.behind(f"{before}{kind}:") for one in found)
        return
    yield Candidate(f"{before}scenes", "the built-in street scenes")
    yield from (Candidate(f"{before}{name}:", place, "part") for name, place in kinds.items())
    yield from (one.behind(before) for one in folders(last))


def with_commas(names: Collection[str]) -> Complete:
    """Return a completion of "A,B": of the name behind the last comma, without those that stand before it."""

    def complete(word: str) -> Iterator[Candidate]:
        before, comma, _ = word.rpartition(",")
        given = before.split(",")
        yield from (Candidate(f"{before}{comma}{name}", kind="part") for name in names if name not in given)

    return complete


def fields(word: str, command: str) -> Iterator[Candidate]:
    """Yield sections of the recipe; behind a section its fields; behind a field its values.

    Args:
        word: what was typed.
        command: its recipe fields are completed.
    """
    from streetseg.recipe.load import COMMAND_FIELDS, help_of, is_used, leaves, words_of
    from streetseg.recipe.schema import Recipe

    used = {path: value for path, value in leaves(Recipe()) if is_used(path, COMMAND_FIELDS.get(command))}
    path, equals, value = word.partition("=")
    if equals and path in used:
        found = BY_FIELD[path](value) if path in BY_FIELD else map(Candidate, words_of(path))
        yield from (one.behind(f"{path}=") for one in found)
    elif "." in word:
        for name, default in used.items():
            end = "." if isinstance(default, dict) else "="
            yield Candidate(f"{name}{end}", help_of(name), "part")
    else:
        for name, section in Recipe.model_fields.items():
            if any(field.startswith(f"{name}.") for field in used):
                yield Candidate(f"{name}.", (section.annotation or Recipe).__doc__ or "", "part")


encoder = one_of(lambda: USUAL)
device = one_of(lambda: ("auto", "cpu", "cuda", "mps"))
space = one_of(space_names)
BY_NAME: dict[str, Complete] = {  # name of an argument or flag -> its values
    "encoder": encoder,
    "pattern": encoder,
    "encoders": with_commas(USUAL),
    "track": with_commas(TRACKERS),
    "recipe": recipes,
    "engine": one_of(lambda: ("auto", *ENGINES)),
    "device": device,
    "space": space,
    "split": one_of(lambda: ("train", "val", "test")),
}
BY_METAVAR: dict[str, Complete] = {  # what the help says a value is -> the values
    "DATA": data,
    "MODEL": models,
    "RUN": folders,
    "DIR": folders,
    "OUT": folders,
    "FOLDER": folders,
    "FILE": files,
    "ZIP": files,
    "NETWORK": one_of(cards),
    "PLACE": folders,
    "[MODEL]": inputs,
}
BY_FIELD: dict[str, Complete] = {  # field of the recipe -> its values, where they are no words of the schema
    "data.source": data,
    "data.space": space,
    "data.exclude": files,
    "model.encoder": encoder,
    "model.weights": lambda word: (*map(Candidate, ("auto", "auto-or-random", "none", BOX)), *files(word)),
    "train.device": device,
}


def values(name: str, metavar: str, command: str, word: str) -> Iterator[Candidate]:
    """Yield the values of an argument or flag.

    Args:
        name: of the parameter.
        metavar: what the help says in its place: a key of BY_METAVAR, FIELD=VALUE or a value in lower case, or several
            of them as in `FILE|auto|none`. Dots and what follows the word are ignored: `MODEL...`, `FILE.yaml`.
        command: that has it.
        word: what was typed.
    """
    if name in BY_NAME:
        yield from BY_NAME[name](word)
        return
    for part in metavar.split("|"):
        key = part.split()[0].partition(".")[0]
        if part == "FIELD=VALUE":
            yield from fields(word, command)
        elif key in BY_METAVAR:
            yield from BY_METAVAR[key](word)
        elif part.islower():
            yield Candidate(part)
