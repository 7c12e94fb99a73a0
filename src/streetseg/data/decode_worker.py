"""A worker process that decodes images for training: `python -m streetseg.data.decode_worker`, started by on_the_fly.

On stdin it gets a `StoreRequest` and then samples with their stamps, pickled. For each sample it writes image and
labels to stdout, or problem, places and hint of the error. It ends with the end of stdin, so also when its parent was
killed.
"""

import os
import pickle
import sys

from streetseg.data.decoding import Pair, StoreRequest
from streetseg.data.source import Sample
from streetseg.errors import StreetsegError

Failure = tuple[str, tuple[str, ...], str | None]  # problem, places and hint of an error


def main() -> None:
    """Decode samples until stdin ends."""
    samples, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand between the results
    try:
        request: StoreRequest = pickle.load(samples)
        while True:
            pickle.dump(_outcome(request, *pickle.load(samples)), results, protocol=pickle.HIGHEST_PROTOCOL)
            results.flush()
    except (EOFError, BrokenPipeError):
        os._exit(0)  # without flushing what nobody reads


def _outcome(request: StoreRequest, sample: Sample, stamp: str) -> Pair | Failure:
    try:
        return request.decode(sample, stamp)
    except StreetsegError as error:
        return error.problem, error.where, error.hint
    except Exception as error:  # also MemoryError: the person must learn which file it was
        return f"an image cannot be decoded ({type(error).__name__}: {error})", (sample.image, sample.mask), None


if __name__ == "__main__":
    main()
