"""Predict many image files with the workers of a Ray cluster, by Ray Data (the extra `ray`).

Each worker loads the model once and writes the results itself, by the same function as a plain prediction, so that the
bytes are equal. Ray gives the images of a worker that died to another one.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.arguments import OnImage
from streetseg.data.files import FileError
from streetseg.data.images import TooLargeError
from streetseg.errors import RequestError
from streetseg.inference.finished import FinishedImages
from streetseg.inference.predict_files import (
    MAX_MEGAPIXELS,
    OnWritten,
    UnreadError,
    predict_to_folder,
    require_free,
    say_finished,
)
from streetseg.inference.predictor import Predictor

LOCAL = "local"  # address that means: start Ray on this machine
MOST_BLOCKS = 10_000  # most parts in which Ray hands out the images; a worker that dies repeats one part
CPUS = 0.5  # that a worker books; workers that book every CPU make Ray Data wait for ever (ray issue 44687)


def predict_with_ray(
    load: Callable[[], Predictor],
    address: str,
    files: Mapping[Path, str],
    out: Path,
    kinds: Sequence[str],
    *,
    values: NDArray[np.uint8] | None = None,
    unread: Sequence[FileError] = (),
    max_megapixels: float = MAX_MEGAPIXELS,
    finished: FinishedImages | None = None,
    on_image: OnImage = lambda done, total: None,
    on_written: OnWritten = lambda written: None,
) -> None:
    """Write the results of each file into a folder, one worker a CPU; results come back in any order.

    All machines must see the model, the images and the folder under the same paths.

    Args:
        load: opens the model in a worker; it must be picklable.
        address: of the cluster, `auto` for the one of this machine's environment, or `LOCAL`.

    The other arguments and the errors are those of `predict_to_folder`; also RequestError if Ray is not installed or no
    cluster is there.
    """
    results = require_free(files, out, kinds)
    rest = files if finished is None else say_finished(finished, files, results)
    failed, total = list(unread), len(rest) + len(unread)
    done = len(failed)
    for row in _rows(load, address, rest, out.resolve(), kinds, values, max_megapixels):
        path = row["path"]
        done += 1
        if row["problem"]:
            kind = TooLargeError if row["too_large"] else FileError
            failed.append(kind(path, row["problem"], row["detail"]))
        else:
            if finished is not None:
                finished.add(path, rest[path])
            size = [int(row["height"]), int(row["width"])]
            on_written({"input": path, **results[path], "size": size})
        on_image(done, total)
    if failed:
        raise UnreadError(failed, total)


class Worker:
    """Labels the images of one batch after the other, with a model that is loaded once."""

    def __init__(
        self,
        load: Callable[[], Predictor],
        out: Path,
        kinds: Sequence[str],
        values: NDArray[np.uint8] | None,
        max_megapixels: float,
    ) -> None:
        self.predictor = load()
        self.out = out
        self.kinds = kinds
        self.values = values
        self.max_megapixels = max_megapixels

    def __call__(self, batch: dict[str, NDArray[Any]]) -> dict[str, list[Any]]:
        """Write the results of images. Return one row an image, for the process that started the workers."""
        rows = [self._row(Path(str(path)), str(name)) for path, name in zip(batch["path"], batch["name"], strict=True)]
        return {key: [row[key] for row in rows] for key in rows[0]}

    def _row(self, path: Path, name: str) -> dict[str, Any]:
        row: dict[str, Any] = {"path": str(path), "problem": "", "detail": "", "too_large": False}
        size: list[int] = [0, 0]
        try:
            predict_to_folder(
                self.predictor,
                {path: name},
                self.out,
                self.kinds,
                values=self.values,
                max_megapixels=self.max_megapixels,
                on_written=lambda written: size.__setitem__(slice(None), written["size"]),
            )
        except UnreadError as error:
            one = error.failed[0]
            row |= {"problem": one.problem, "detail": one.detail, "too_large": isinstance(one, TooLargeError)}
        return row | {"height": size[0], "width": size[1]}


def _rows(
    load: Callable[[], Predictor],
    address: str,
    files: Mapping[Path, str],
    out: Path,
    kinds: Sequence[str],
    values: NDArray[np.uint8] | None,
    max_megapixels: float,
) -> Iterator[dict[str, Any]]:
    """Yield what the workers return, one row an image."""
    if not files:
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before Ray starts: nothing is sent anywhere
    try:
        import ray
        import ray.data
    except ImportError:
        problem = "--ray needs Ray, which is not installed"
        raise RequestError(problem, where="--ray", hint="pip install 'streetseg[ray]'") from None
    started = not ray.is_initialized()
    if started:
        try:
            ray.init(
                address=None if address == LOCAL else address,
                include_dashboard=False if address == LOCAL else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (ConnectionError, ValueError) as error:
            hint = "--ray local starts Ray on this machine"
            raise RequestError(f"no Ray cluster ({error})", where=f"--ray {address}", hint=hint) from error
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        rows = [{"path": str(path.resolve()), "name": name} for path, name in files.items()]
        named = dict(zip((row["path"] for row in rows), files, strict=True))
        cpus = ray.cluster_resources().get("CPU", 1)  # type: ignore[no-untyped-call]
        workers = max(1, min(len(rows), int(cpus)))
        labeled = ray.data.from_items(rows, override_num_blocks=min(len(rows), MOST_BLOCKS)).map_batches(
            Worker,
            fn_constructor_args=(load, out, kinds, values, max_megapixels),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=CPUS,
        )
        for row in labeled.iter_rows():
            yield row | {"path": named[row["path"]]}
    finally:
        if started:
            ray.shutdown()
