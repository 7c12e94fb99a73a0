"""The store returns what Pillow decodes."""

import json
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from streetseg.data.open import open_source
from streetseg.data.store import Store
from streetseg.recipe.schema import Data

ENDINGS = st.sampled_from(["png", "jpg", "bmp", "tif", "webp", "ppm", "gif"])
MODES = st.sampled_from(["RGB", "L", "P"])
SIDES = st.integers(1, 40)
STEMS = st.text(st.sampled_from("aZ0 _-.,'()&é街\n"), min_size=1, max_size=12).filter(
    lambda stem: stem.strip(" .\n") == stem
)


@given(st.dictionaries(STEMS, st.tuples(ENDINGS, MODES, SIDES, SIDES), min_size=1, max_size=6), st.integers(0, 2**32))
@settings(max_examples=40)
def test_images_and_masks_of_any_kind(tmp_path_factory, files: dict[str, tuple[str, str, int, int]], seed: int) -> None:
    folder: Path = tmp_path_factory.mktemp("data")
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    rng = np.random.default_rng(seed)
    for stem, (ending, mode, height, width) in files.items():
        pixels = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)
        pixels.convert("RGB" if ending in ("jpg", "webp", "ppm") else mode).save(folder / "images" / f"{stem}.{ending}")
        ids = rng.choice(np.array([0, 1, 2, 255], np.uint8), (height, width))
        Image.fromarray(ids).save(folder / "masks" / f"{stem}.png")
    described = {"images": "images", "masks": "masks", "classes": ["a", "b", "c"], "splits": {"val": 1.0}}
    (folder / "data.yaml").write_text(json.dumps(described))  # JSON is YAML

    source = open_source(Data(source=f"folder:{folder / 'data.yaml'}"))
    store = Store.open(source, "val", size=None, resize_labels=False, cache=folder / "cache")

    assert sorted(sample.name for sample in store.samples) == sorted(files)
    for i, sample in enumerate(store.samples):
        image, label = store[i]
        with Image.open(sample.image) as decoded:
            assert np.array_equal(image, np.asarray(decoded.convert("RGB")))
        with Image.open(sample.mask) as decoded:
            assert np.array_equal(label, np.asarray(decoded))
