"""Train the winning recipes for three encoders on a GPU, by video and on the official split of CamVid.

    python benchmarks/gpu_accuracy.py pack CAMVID WEIGHTS PIECES     # on the machine with the data
    python benchmarks/gpu_accuracy.py run PIECES OUT --seconds 840   # on the machine with the GPU
    python benchmarks/gpu_accuracy.py join OUT FOLDER                # at home: run folders and a table, from OUT

- pack: write CamVid as lossless WebP and the initial weights to files of at most `--piece-mb`, for a machine that
  accepts no larger ones. WEIGHTS has a file ENCODER.*.safetensors, or a bundle folder ENCODER (of a run on the built-in
  scenes, say), for each encoder. An encoder without either begins from random weights, and all that is printed says so.
- run: first train each network for a moment, with `--workers` processes that share the GPU, to know how long a run
  takes and which share of a step waits for data. Then train the experiments of gpu_plan.py that fit into `--seconds`,
  the first seed of all before the second; what is dropped or shortened is printed. An experiment by video has three
  runs: each trains on two of the videos and is scored on the third, after its last epoch, so that no score selects an
  epoch. Nothing is fetched from a network.
- OUT gets the folders `results` (summary, journals, scores and counts of all runs, written anew whenever a run ends)
  and `bundles` (the weights of the first seed on the official split), with files of at most `--result-mb`. Its folders
  data, cache and runs stay behind. They hold up to 2 GB for each worker, on a disk that is fast: in /dev/shm where
  there is enough memory.
- The same command, after a kill or when the time was up, goes on: what was measured, planned and finished is kept, and
  a run goes on from its last epoch. Where a second call will follow, `--later` is the time that it will have.
- Experiments: `winners` are the recipe camvid-long with three encoders; `unseen` is the plan
  benchmarks/plans/unseen.yaml; `levers` are the changes of benchmarks/plans/gpu.yaml, one at a time, and a ResNet-50.
- On a GPU the processes share it by NVIDIA's MPS where that is there; see mps.py.
- `--experiments rehearsal --device cpu` does all of this with four images at 48x64 for one epoch, `--experiments try`
  with one tiny network, to test the script without a GPU. All that is printed says that it ran on a CPU.

Exit code: 0 if the plan was finished or the time is up, 1 after a failure, 2 if the request is wrong.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from installed import require_installed


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command `pack`, `run` or `join`; return the exit code."""
    start = time.monotonic()  # imports, which may take long, are a part of the time
    require_installed()
    from gpu_plan import EXPERIMENTS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    packing.add_argument("camvid", type=Path)
    packing.add_argument("weights", type=Path)
    packing.add_argument("pieces", type=Path)
    packing.add_argument("--piece-mb", type=float, default=52)
    running = commands.add_parser("run")
    running.add_argument("pieces", type=Path)
    running.add_argument("out", type=Path)
    running.add_argument("--experiments", choices=list(EXPERIMENTS), default="winners")
    running.add_argument("--workers", type=int, default=12)
    running.add_argument("--device", default="cuda")
    running.add_argument("--seconds", type=float, default=840, help="for everything; runs are killed before its end")
    running.add_argument("--later", type=float, default=0, help="seconds of later calls, which the plan counts on")
    running.add_argument("--result-mb", type=float, default=15)
    joining = commands.add_parser("join")
    joining.add_argument("out", type=Path)
    joining.add_argument("folder", type=Path)
    requested = parser.parse_args(argv)
    from gpu_results import join
    from gpu_session import Session, say
    from workers import one_line

    from streetseg.errors import StreetsegError
    from streetseg.runtime.disk import folder_in_use

    try:
        if requested.command == "pack":
            pack(requested.camvid, requested.weights, requested.pieces, int(requested.piece_mb * 1e6))
        elif requested.command == "join":
            print(join(requested.out, requested.folder), end="")
        else:
            with folder_in_use(requested.out, "OUT"):
                return Session(requested, start).run()
    except StreetsegError as error:
        say(f"error: {one_line(error)}")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except OSError as error:  # a full disk
        say(f"error: {error}; what was finished is kept")
        return 1
    return 0


def pack(camvid: Path, weights: Path, pieces: Path, most: int) -> None:
    """Write data and weights to pieces of at most `most` bytes. Raise RequestError if a folder cannot be used."""
    from gpu_plan import ENCODERS
    from gpu_results import initial_weights
    from gpu_session import say
    from pieces import camvid_members, weight_members, write_pieces

    from streetseg.errors import RequestError

    if not weights.is_dir():
        raise RequestError("no such folder", where=weights, hint="WEIGHTS has ENCODER.*.safetensors, or is empty")
    if pieces.exists() and any(not path.name.startswith("data.tar.gz.") for path in pieces.iterdir()):
        raise RequestError(
            "the folder has other files, and is replaced as a whole", where=pieces, hint="name a new one"
        )
    files: list[Path] = []
    for encoder in ENCODERS:
        found = initial_weights(weights, encoder)
        say(f"{encoder}: {found or f'NO WEIGHTS in {weights}, it will begin from random ones'}")
        files += [] if found is None else sorted(found.iterdir()) if found.is_dir() else [found]
    write_pieces(pieces, "data", [*weight_members(files, weights), *camvid_members(camvid)], most)


if __name__ == "__main__":
    sys.exit(main())
