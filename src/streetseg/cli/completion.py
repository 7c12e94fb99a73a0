"""Values that a shell completes. Nothing heavy is imported: the person waits at the Tab key."""

from collections.abc import Callable, Iterable

from streetseg.models.formats import ENGINES, EXPORT_PRECISIONS, FORMATS, WEB
from streetseg.recipe.encoders import USUAL
from streetseg.recipe.layers import shipped_names
from streetseg.training.trackers import TRACKERS

Complete = Callable[[str], list[str]]


def one_of(values: Callable[[], Iterable[str]]) -> Complete:
    """Return a completion of the values that begin with what was typed."""
    return lambda incomplete: [value for value in values() if value.startswith(incomplete)]


def with_commas(names: Iterable[str]) -> Complete:
    """Return a completion of "A,B": of the name behind the last comma, without those that stand before it."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        given = before.split(",")
        return [f"{before}{comma}{name}" for name in names if name.startswith(last) and name not in given]

    return complete


encoders_with_commas = with_commas(USUAL)
trackers_with_commas = with_commas(TRACKERS)
encoder = one_of(lambda: USUAL)
recipe = one_of(shipped_names)
export_format = one_of(lambda: (*FORMATS, WEB))
engine = one_of(lambda: ENGINES)
export_precision = one_of(lambda: EXPORT_PRECISIONS)
precision = one_of(lambda: ("fp32", "bf16"))
split = one_of(lambda: ("train", "val", "test"))
