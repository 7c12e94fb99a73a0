"""Draw docs/images/scenes.jpg: three built-in scenes and their labels."""

from pathlib import Path

import numpy as np
from PIL import Image

from streetseg.inference.output import color_map
from streetseg.labels.tables import STREET_11
from streetseg.scenes.render import render

CHOSEN = (1, 2, 5)  # indices of scenes
OUT = Path(__file__).parents[1] / "docs" / "images" / "scenes.jpg"


def main() -> None:
    pairs = [render(0, index, (256, 512)) for index in CHOSEN]
    sheet = np.vstack(
        [np.hstack([image for image, _ in pairs]), np.hstack([color_map(labels, STREET_11) for _, labels in pairs])]
    )
    OUT.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(OUT, quality=88)


if __name__ == "__main__":
    main()
