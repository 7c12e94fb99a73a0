# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From 30 images of your own to a network
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/streetseg/streetseg/blob/main/notebooks/own-data.ipynb)
#
# What is needed: images, a mask for each, and a text file that says what the values of the masks mean. A mask has the
# size of its image; the value of each pixel is the number of a class.

# %%
import sys
from pathlib import Path

if "google.colab" in sys.modules:
    # %pip install -q "streetseg[train,export] @ git+https://github.com/streetseg/streetseg"
    from google.colab import drive

    drive.mount("/content/drive")
    HOME = Path("/content/drive/MyDrive/streetseg-own")
else:
    HOME = Path("own-notebook")

import streetseg

# %% [markdown]
# ## 1. The folder
#
# Put images into `images/` and masks of the same names into `masks/`. This cell draws 30 streets where there is nothing
# yet, with three classes: 0 everything else, 1 road, 2 tree.

# %% tags=["parameters"]
EPOCHS = 30
SETTINGS = {"data.size": [96, 192], "train.batch": 4}

# %%
import numpy as np
from PIL import Image

from streetseg.labels.tables import STREET_11
from streetseg.scenes.render import render

if not (HOME / "images").exists():
    for folder in ("images", "masks"):
        (HOME / folder).mkdir(parents=True)
    for number in range(30):
        image, labels = render(seed=3, index=number, size=(192, 384))
        mask = np.zeros_like(labels)
        mask[labels == STREET_11.names.index("road")] = 1
        mask[labels == STREET_11.names.index("tree")] = 2
        Image.fromarray(image).save(HOME / "images" / f"street_{number:02d}.jpg", quality=92)
        Image.fromarray(mask).save(HOME / "masks" / f"street_{number:02d}.png")

# %% [markdown]
# ## 2. What the values mean
#
# Four fifths of the images are drawn for training, the rest for validation. The draw is the same every time.

# %%
description = HOME / "data.yaml"
description.write_text("""\
images: images
masks: masks
splits: {train: 0.8, val: 0.2}
classes:
  - {name: everything else, color: [64, 64, 64]}
  - {name: road, color: [128, 64, 128]}
  - {name: tree, color: [107, 142, 35]}
ignore: 255
""")
data = f"folder:{description}"

# %% [markdown]
# ## 3. Look before training
#
# Every file is read once, and everything that is wrong with it is named.

# %%
checked = streetseg.check(data)
checked

# %%
streetseg.show_batch(data, images=3, recipe=SETTINGS)

# %% [markdown]
# ## 4. Train

# %%
run = streetseg.train(
    data,
    encoder="mobilenetv2_100",
    weights="auto-or-random",
    epochs=EPOCHS,
    out=HOME / "run",
    resume=True,
    quiet=True,
    recipe=SETTINGS,
    callbacks=[streetseg.LiveCurves()],
)
run

# %%
run.scores.per_class[["iou", "f1", "sensitivity", "precision"]].round(3)

# %% [markdown]
# ## 5. Use it
#
# A folder of images gives a table of shares: how much of each image is road, how much tree.

# %%
predictions = run.model.predict(HOME / "images")
predictions.shares.head().round(3)

# %%
run.model.predict(HOME / "images" / "street_00.jpg").overlay()
