"""Draw docs/explanation/augmentation.jpg: a batch of the built-in scenes, as stored and as augmented for training.

Run it after changing the augmentation, its defaults or the scenes:  python tools/draw_augmentation.py
"""

import tempfile
from pathlib import Path

from streetseg.data.sources.scenes import ScenesSource
from streetseg.data.store import Store
from streetseg.notebook import augmented_batch, sheet
from streetseg.recipe.schema import Recipe

IMAGE = Path(__file__).parents[1] / "docs" / "explanation" / "augmentation.jpg"

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as cache:
        store = Store.open(ScenesSource(), "train", size=None, resize_labels=True, cache=Path(cache))
        sheet(store, augmented_batch(store, 8, 1, Recipe())).save(IMAGE, quality=85, subsampling=0, optimize=True)
    print(IMAGE)
