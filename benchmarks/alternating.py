"""Time several functions in turns (A B A B), so that other load on the machine affects all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping


def alternating(functions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median milliseconds of each function, after one call that is not measured."""
    for function in functions.values():
        function()
    milliseconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            milliseconds[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(times) for name, times in milliseconds.items()}
