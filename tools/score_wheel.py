"""Score the network in the box as a person gets it: the wheel in a fresh environment without torch, by `predict`.

    python -m build --wheel
    python tools/score_wheel.py dist/streetseg-0.1.0-py3-none-any.whl camvid:data/camvid

Labels split val by `streetseg predict` without a model, scores the masks, and fails if their mean IoU is not that of
the card. With --images N only the first N images are labeled, and nothing is compared. Packages come from where pip is
configured to look.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from try_wheel import Environment

SCORE = """
import importlib.util, json, sys
from pathlib import Path

import numpy as np
from PIL import Image

from streetseg.data.open import open_source
from streetseg.metrics.scores import scores
from streetseg.pretrained.networks import BOX, card_of
from streetseg.recipe.schema import Data

assert importlib.util.find_spec("torch") is None
card, source, total = card_of(BOX), open_source(Data(source={data!r}, space="street-11")), 0
samples = source.splits["val"]
for sample in samples[:{images}]:
    labels = source.read_mask(sample)
    predicted = np.asarray(Image.open(Path("masks") / f"{{Path(sample.name).stem}}_ids.png"))
    counted, classes = labels != source.space.ignore_index, len(card["classes"])
    pairs = labels[counted].astype(np.int64) * classes + predicted[counted]
    total = total + np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
print(json.dumps({{"iou": scores(total).mean["iou"], "card": card["scores"][0], "all": len(samples)}}))
"""
TOLERANCE = 1e-6  # the same pixels; only the order of sums differs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("data", help="camvid:DIR")
    parser.add_argument("--images", type=int, help="label only the first N images of val")
    arguments = parser.parse_args()
    kind, _, place = arguments.data.partition(":")
    data = f"{kind}:{Path(place).resolve()}"
    images = sorted((Path(place).resolve() / "val").iterdir())[: arguments.images]
    with tempfile.TemporaryDirectory() as parent:
        root, folder = Path(parent).resolve() / "environment", Path(parent).resolve() / "folder"
        folder.mkdir()
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root)], check=True)
        environment = Environment(root, folder)
        environment.install(str(arguments.wheel.resolve()))
        (folder / "images.txt").write_text("".join(f"{image}\n" for image in images), encoding="utf-8")
        environment.streetseg("predict @images.txt --out masks --save ids")
        found = json.loads(environment.python(SCORE.format(data=data, images=arguments.images)))
    card = found["card"]
    print(f"{100 * found['iou']:.4f} % mean IoU of {len(images)} images; the card has {100 * card['iou']:.4f} %")
    if len(images) == found["all"] == card["images"] and abs(found["iou"] - card["iou"]) > TOLERANCE:
        raise SystemExit("the masks do not have the score of the card")


if __name__ == "__main__":
    main()
