"""Publish a finished run as a network: its bundle in 16 bits, an int8 ONNX file, and a card with measured scores.

The network in the box, of the wheel (with a LiteRT file; scored on a data set that it has not seen, by video, too):

    streetseg scenes drawn --count 2500 --size 360x480
    python tools/add_network.py runs/scenes scenes --score camvid:data/camvid --calibrate cityscapes:drawn
        --about "U-Net with MobileNetV2, trained on drawn streets alone" --trained-on "1,200 built-in scenes"
        --rebuild "streetseg train cityscapes:drawn --recipe scenes --out runs/scenes"

Any other lies in networks/NAME of the repository; its card is in the wheel:

    python tools/add_network.py runs/mobile camvid-mobilenetv2 --score camvid:data/camvid --condition camvid
        --about "U-Net with MobileNetV2" --trained-on "CamVid train" --fold runs/0001TP --fold runs/0006R0
        --rebuild "streetseg fetch camvid --out data/camvid"
        --rebuild "streetseg train camvid:data/camvid --recipe camvid-unseen-long --out runs/mobile"

`--fold RUN` adds the score of a run of the same recipe on a video that it was not trained on. `--only bundle` or
`--only onnx` leaves the other file out, where both are too large to be kept.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any, get_type_hints

import torch

import streetseg
from streetseg.atomic import atomic_folder, atomic_write_json, sha256
from streetseg.data.fetch import CITYSCAPES_TERMS, DATASETS
from streetseg.json_files.network import CardProtocol, NetworkCard, NetworkScore
from streetseg.metrics.counts import Counts
from streetseg.metrics.scores import scores
from streetseg.metrics.validation_counts import ValidationCounts
from streetseg.models.bundle import load_bundle, save_bundle
from streetseg.models.network import SegmentationNetwork
from streetseg.pretrained.card import card_page
from streetseg.pretrained.networks import BOX, FOLDER
from streetseg.text import size_text

ROOT = Path(__file__).parents[1]
CONDITIONS = {"none": None, "camvid": DATASETS["camvid"].terms, "cityscapes": CITYSCAPES_TERMS}
CHECKED = 8  # first images of the split whose score is in the card, too: a test computes it again
PROTOCOL = tuple(get_type_hints(CardProtocol))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="finished run folder, or a bundle")
    parser.add_argument("name", help=f"name of the network; {BOX} is the one in the box")
    parser.add_argument("--score", required=True, metavar="DATA", help="labeled images to score on, split val")
    parser.add_argument(
        "--calibrate",
        metavar="DATA",
        help="images that calibrate int8 (train) and show what it loses (val), of the size of the training: a LiteRT "
        "file takes no other (default: --score)",
    )
    parser.add_argument("--about", required=True, help="what the network is, in one sentence")
    parser.add_argument("--trained-on", required=True, help="images that it was trained on")
    parser.add_argument("--rebuild", action="append", required=True, metavar="COMMAND", help="makes it again")
    parser.add_argument("--fold", action="append", default=[], type=Path, metavar="RUN", help="run on the other videos")
    parser.add_argument("--condition", choices=CONDITIONS, default="none")
    parser.add_argument("--license", default="Apache-2.0")
    parser.add_argument("--only", choices=("bundle", "onnx"))
    parser.add_argument("--budget", type=float, default=0.5, help="points of mean IoU that int8 may lose")
    args = parser.parse_args()
    folder = FOLDER / BOX if args.name == BOX else ROOT / "networks" / args.name
    with atomic_folder(folder) as new:
        card = published(args, new)
    atomic_write_json(FOLDER / f"{args.name}.json", card)
    print(folder, *(f"    {size_text(file['bytes']):>9}  {name}" for name, file in card["files"].items()), sep="\n")
    for score in card["scores"]:
        what = score["video"] or score["split"]
        print(f"    {100 * score['iou']:6.2f} % on {score['images']} images, {what}; {score['note'] or 'this network'}")


def published(args: argparse.Namespace, folder: Path) -> NetworkCard:
    """Write the files of the network into a folder. Return its card."""
    network, description = load_bundle(args.run)
    with tempfile.TemporaryDirectory(prefix="streetseg-") as scratch:
        bundle = Path(scratch) / args.name
        halve(network)
        write_scored_bundle(bundle, network, description, args.score)
        scored = bundle
        if args.only != "bundle":
            exports = {"onnx": ".onnx", "litert": ".tflite"} if args.name == BOX else {"onnx": ".onnx"}
            for form, suffix in exports.items():
                streetseg.export(
                    bundle,
                    form,
                    int8=True,
                    data=args.calibrate or args.score,
                    space=network.space.name,
                    budget=args.budget,
                    out=folder / f"{args.name}{suffix}",
                    progress=print,
                )
            scored = folder / f"{args.name}.onnx"
        rows, protocol = measured(scored, args.score, everywhere=args.name == BOX)
        if args.only != "onnx":
            for file in bundle.iterdir():
                (folder / file.name).write_bytes(file.read_bytes())
    card: NetworkCard = {
        "name": args.name,
        "about": args.about,
        "encoder": network.encoder_name,
        "decoder": network.decoder_name,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "size": network.size or (0, 0),
        "classes": network.space.names,
        "trained_on": args.trained_on,
        "initial_weights": description["initial_weights"]["text"],
        "license": args.license,
        "condition": CONDITIONS[args.condition],
        "rebuild": args.rebuild,
        "scored": scored.name if scored.is_file() else "weights.safetensors",
        "scores": rows + [fold_score(run) for run in args.fold],
        "protocol": protocol,
        "files": {},
    }
    card["files"] = {
        file.name: {"bytes": file.stat().st_size, "sha256": sha256(file)} for file in sorted(folder.iterdir())
    }
    (folder / "README.md").write_text(card_page(card), encoding="utf-8")
    return card


def halve(network: SegmentationNetwork) -> None:
    """Round the weights of the convolutions to 16 bits; biases and batch norm, which are few, stay as they are."""
    for parameter in network.parameters():
        if parameter.ndim > 1:
            parameter.data = parameter.data.to(torch.float16)


def write_scored_bundle(folder: Path, network: SegmentationNetwork, description: dict[str, Any], data: str) -> None:
    """Write a bundle whose scores and validation are those of its own weights on the labeled images."""
    origin = description["initial_weights"]
    save_bundle(folder, network, initial_weights=origin, protocol={}, scores={})
    with tempfile.TemporaryDirectory(prefix="streetseg-") as scratch:
        result = streetseg.evaluate(folder, data, out=Path(scratch) / "scores")
        counts = Counts.load(Path(scratch) / "scores" / "counts.npz")
    overall = {"mean": result.as_dict["mean"], "pixel_accuracy": result.as_dict["pixel_accuracy"]}
    validation = ValidationCounts.of(counts).pack()
    save_bundle(
        folder, network, initial_weights=origin, protocol=result.protocol, scores=overall, validation=validation
    )


def measured(model: Path, data: str, *, everywhere: bool) -> tuple[list[NetworkScore], dict[str, Any]]:
    """Return the scores of a file on split val, on its first images, and `everywhere` by video of train and val too."""
    found: dict[str, Counts] = {}
    protocol: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="streetseg-") as scratch:
        for split in ("val", "train") if everywhere else ("val",):
            result = streetseg.evaluate(model, data, split=split, out=Path(scratch) / split)
            protocol = protocol or {key: result.protocol[key] for key in PROTOCOL}
            found[split] = Counts.load(Path(scratch) / split / "counts.npz")
    kind, val = data.partition(":")[0], found["val"]
    images = range(len(val.names))
    rows = [score_of(val, images, kind, "val"), score_of(val, images[:CHECKED], kind, "val")]
    if everywhere:
        both = merged(found["train"], val)
        for video in sorted({name for name in both.sequences if name}):
            chosen = [i for i, name in enumerate(both.sequences) if name == video]
            rows.append(score_of(both, chosen, kind, "train+val", video))
    return rows, protocol


def merged(*parts: Counts) -> Counts:
    """Return the counts of several splits as one."""
    return Counts(
        tuple(name for part in parts for name in part.names),
        tuple(name for part in parts for name in part.sequences),
        torch.cat([torch.from_numpy(part.counts) for part in parts]).numpy(),
        torch.cat([torch.from_numpy(part.ignored) for part in parts]).numpy(),
    )


def score_of(
    counts: Counts, images: "range | list[int]", data: str, split: str, video: str | None = None
) -> NetworkScore:
    """Return the score on some of the images."""
    chosen = list(images)
    iou = scores(counts.counts[chosen].sum(axis=0)).mean["iou"]
    return {"data": data, "split": split, "video": video, "images": len(chosen), "iou": iou, "note": None}


def fold_score(run: Path) -> NetworkScore:
    """Return the score of a finished run on the one video that it was validated on."""
    counts = Counts.load(run / "evaluation" / "counts.npz")
    videos = {name for name in counts.sequences if name}
    if len(videos) != 1:
        raise SystemExit(f"{run}: validated on {sorted(videos)}, expected one video")
    protocol = json.loads((run / "evaluation" / "scores.json").read_text("utf-8"))["protocol"]
    kind = protocol["dataset"].partition(":")[0]
    row = score_of(counts, range(len(counts.names)), kind, "train+val", videos.pop())  # a fold holds a whole video
    return {**row, "note": "of the same recipe, trained without this video"}


if __name__ == "__main__":
    main()
