"""streetseg predict"""

import logging
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streetseg.cli.options import EngineFlag, JsonFlag, PrecisionFlag, TileFlag, TtaFlag
from streetseg.cli.output import print_json, say
from streetseg.errors import DataError, RequestError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger("streetseg")


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="bundle or run folder, .onnx or .xml")],
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="pictures, folders, quoted patterns")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder the results are written to")],
    overlay: Annotated[bool, typer.Option("--overlay", help="also the picture under its colours")] = False,
    ids: Annotated[
        str,
        typer.Option(metavar="own|cityscapes", help="what _ids.png holds: the model's ids, or Cityscapes label ids"),
    ] = "own",
    tta: TtaFlag = False,
    tile: TileFlag = None,
    max_megapixels: Annotated[float, typer.Option(metavar="N", help="larger images are refused")] = 89.0,
    engine: EngineFlag = "auto",
    precision: PrecisionFlag = "fp32",
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps")] = "auto",
    json: JsonFlag = False,
) -> None:
    """Label pictures and folders of pictures."""
    from rich.console import Console
    from rich.progress import Progress

    from streetseg.data.files import FileError
    from streetseg.data.pictures import TooLargeError, decode_picture
    from streetseg.inference.inputs import find_pictures
    from streetseg.inference.noticed import Noticed
    from streetseg.inference.predictor import Predictor
    from streetseg.inference.results import refuse_replacing, result_paths, write_results
    from streetseg.labels.cityscapes_ids import cityscapes_ids

    if ids not in ("own", "cityscapes"):
        raise RequestError(f"unknown ids {ids}", where="--ids", hint="own or cityscapes")
    if max_megapixels <= 0:
        raise RequestError(f"a limit of {max_megapixels:g} megapixels", where="--max-megapixels", hint="89, or more")
    pictures = find_pictures(inputs)
    results = {path: result_paths(out, path, with_overlay=overlay) for path in pictures}
    targets = {target.resolve() for paths in results.values() for target in paths.values()}
    if replaced := [path for path in pictures if path.resolve() in targets]:
        raise RequestError("a result would replace an input", where=replaced, hint="--out DIR writes elsewhere")
    refuse_replacing(targets)
    predictor = Predictor.load(model, device, precision, engine=engine, tta=tta, tile=tile, pictures=len(pictures))
    values = cityscapes_ids(predictor.space) if ids == "cityscapes" else None
    noticed = Noticed(predictor.engine.reading)
    start = time.perf_counter()
    failed: list[FileError] = []
    done: list[dict[str, object]] = []
    hidden = json or not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), transient=True, disable=hidden) as progress:
        bar = progress.add_task("pictures", total=len(pictures))
        read: deque[tuple[Path, NDArray[np.uint8]]] = deque()  # whose labels are still to come

        def readable() -> "Iterator[NDArray[np.uint8]]":
            for path in pictures:
                try:
                    picture, stored = decode_picture(
                        str(path), max_pixels=round(max_megapixels * 1e6), reading=predictor.engine.reading
                    )
                except FileError as error:
                    failed.append(error)
                    progress.advance(bar)
                    continue
                noticed.add(stored)
                read.append((path, picture))
                yield picture

        def write(path: Path, picture: "NDArray[np.uint8]", labels: "NDArray[np.uint8]") -> None:
            try:
                out.mkdir(parents=True, exist_ok=True)
                write_results(results[path], picture, labels, predictor.space, values)
            except OSError as error:
                raise RequestError(f"results cannot be written ({error.strerror or error})", where=out) from error
            done.append({"input": path, **results[path], "size": list(labels.shape)})
            progress.advance(bar)

        with ThreadPoolExecutor(1) as writing:
            written: deque[Future[None]] = deque()
            for labels in predictor.stream(readable()):
                written.append(writing.submit(write, *read.popleft(), labels))
                if len(written) > 1:  # so that few pictures are in memory
                    written.popleft().result()
            for last in written:
                last.result()
    for sentence in noticed.warnings():
        log.warning("%s", sentence)
    if failed:
        raise DataError(
            f"{len(failed)} of {len(pictures)} pictures cannot be read; the others are labelled",
            where=[error.line for error in failed],
            hint="--max-megapixels N raises the limit"
            if any(isinstance(error, TooLargeError) for error in failed)
            else None,
        )
    if json:
        print_json(
            {
                "out": out,
                "classes": predictor.space.names,
                "ids": ids,
                "class_ids": list(range(predictor.space.num_classes)) if values is None else values.tolist(),
                "engine": predictor.engine.name,
                "precision": predictor.engine.precision,
                "pictures": done,
                "seconds": time.perf_counter() - start,
            }
        )
    else:
        say(f"{len(done)} pictures labelled in {time.perf_counter() - start:.1f} s: {out}")
