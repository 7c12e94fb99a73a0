"""streetseg scenes"""

import time
from pathlib import Path
from typing import Annotated

import typer

from streetseg.cli.options import JsonFlag
from streetseg.cli.output import print_json, progress_bar, say
from streetseg.cli.size import parse_size
from streetseg.cores import cores
from streetseg.errors import RequestError, StreetsegError

FEW = 8  # scenes that are drawn before another process would have started
MOST = 61  # processes that Python can wait for on Windows


def scenes(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="folder to write to, new or empty")],
    count: Annotated[
        int, typer.Option(metavar="N", min=1, help="pictures in all; a fifth of them in the split val")
    ] = 250,
    size: Annotated[str, typer.Option(metavar="HxW", help="height and width of the pictures")] = "256x512",
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="another seed gives other streets")] = 0,
    json: JsonFlag = False,
) -> None:
    """Write the built-in street scenes in Cityscapes layout."""
    from streetseg.data.scenes.render import SCENES_VERSION
    from streetseg.data.scenes.source import ScenesSource

    val = max(count // 5, min(1, count - 1))
    source = ScenesSource(train=count - val, val=val, size=parse_size(size), seed=seed)
    _make_room(out)
    start = time.perf_counter()
    _write_all(source.jobs(), out, seed, source.size, hidden=json)
    seconds = time.perf_counter() - start
    if json:
        splits = {name: len(samples) for name, samples in source.splits.items() if samples}
        facts = {"splits": splits, "size": source.size, "seed": seed, "version": SCENES_VERSION, "seconds": seconds}
        print_json({"out": out, **facts})
    else:
        say(f"{count} scenes written in {seconds:.1f} s: {out}")
        say(f"next: streetseg check cityscapes:{out} data.space=street-11")


def _make_room(out: Path) -> None:
    """A new or empty folder, before anything is drawn."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise RequestError("the folder is not empty", where=out, hint="choose a new folder")
    except OSError as error:
        raise RequestError(f"scenes cannot be written here ({error.strerror or error})", where=out) from error


def _write_all(jobs: list[tuple[str, int, int]], out: Path, seed: int, size: tuple[int, int], *, hidden: bool) -> None:
    """Draw and write every (split, number, index), on all cores."""
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    from streetseg.data.scenes.export import write_scene

    with progress_bar("scenes", len(jobs), hidden=hidden) as advance:
        try:
            if cores() == 1 or len(jobs) <= FEW:
                for split, number, index in jobs:
                    write_scene(out, split, number, seed=seed, index=index, size=size)
                    advance(1)
                return
            # spawned, not forked: a fork would copy whatever threads and locks this process holds
            with ProcessPoolExecutor(min(cores(), MOST), mp_context=get_context("spawn")) as pool:
                work = [pool.submit(write_scene, out, *job[:2], seed=seed, index=job[2], size=size) for job in jobs]
                try:
                    for done in as_completed(work):
                        done.result()
                        advance(1)
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        except OSError as error:
            raise StreetsegError(f"scenes cannot be written ({error.strerror or error})", where=out) from error
        except BrokenProcessPool as error:
            raise StreetsegError(
                "a process that draws scenes ended", where=out, hint="too little memory? try a smaller --size"
            ) from error
