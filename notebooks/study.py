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
# # U-Net with a MobileNet and with a ResNeXt encoder
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/streetseg/streetseg/blob/main/notebooks/study.ipynb)
#
# Two networks label every pixel of a street image with one of eleven classes: sky, building, pole, road, pavement,
# tree, sign symbol, fence, car, pedestrian, bicyclist. Both are U-Nets; they differ in the encoder. This notebook
# trains both, looks at what they learned, and compares them.
#
# It runs on Colab and on a computer of one's own. Everything that it makes is kept in one folder, on Colab in Google
# Drive. After a disconnect, run the same cells again: a run goes on where it stopped.

# %% [markdown]
# ## 1. Set up
#
# The first cell is the only one that knows where it runs.

# %%
import sys
from pathlib import Path

if "google.colab" in sys.modules:
    # %pip install -q "streetseg[train,export,fetch] @ git+https://github.com/streetseg/streetseg"
    from google.colab import drive

    drive.mount("/content/drive")
    HOME = Path("/content/drive/MyDrive/streetseg")
else:
    HOME = Path("study-notebook")
HOME.mkdir(parents=True, exist_ok=True)

import torch

import streetseg

print("device:", torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU: no GPU was found")
print("everything is kept in", HOME.resolve())

# %% [markdown]
# ## 2. Settings
#
# `DATA` is one of
#
# - `"scenes"`: drawn streets, built in, at once;
# - `"camvid"`: real streets, downloaded (180 MB, for non-commercial research);
# - a folder of your own ([which layouts are known](../docs/reference/data.md)).
#
# `SETTINGS` may hold any field of [the recipe](../docs/reference/recipe.md), such as `{"optim.lr": 3e-4}`.

# %% tags=["parameters"]
DATA = "scenes"
EPOCHS = 20
WEIGHTS = "auto-or-random"  # ImageNet weights where they can be downloaded; otherwise random ones, which is said
SETTINGS = {}

# %%
data = streetseg.fetch("camvid", HOME / "camvid").data if DATA == "camvid" and not (HOME / "camvid").exists() else DATA
data = f"camvid:{HOME / 'camvid'}" if DATA == "camvid" else data


def train(encoder: str) -> streetseg.Run:
    """Train a network, or go on with it, and show its curves while it learns."""
    return streetseg.train(
        data,
        encoder=encoder,
        weights=WEIGHTS,
        epochs=EPOCHS,
        out=HOME / encoder,
        resume=True,
        quiet=True,
        recipe=SETTINGS,
        callbacks=[streetseg.LiveCurves()],
    )


# %% [markdown]
# ## 3. Look at the data
#
# What is in it, what is wrong with it, and whether images of the training split are too much like those of the
# validation split.

# %%
checked = streetseg.check(data, recipe={field: value for field, value in SETTINGS.items() if field.startswith("data.")})
checked

# %%
checked.classes

# %% [markdown]
# Four training images as they are stored, and as training meets them: rotated, scaled, flipped, with other colors. Each
# image meets other random parameters in each epoch.

# %%
streetseg.show_batch(data, recipe=SETTINGS)

# %% [markdown]
# ## 4. U-Net with a MobileNet encoder
#
# Loss, pixel accuracy and mean IoU of training and validation are drawn after each epoch. Each epoch leaves a
# checkpoint, and the network of the best epoch is kept. Sections 4 and 5 do not depend on each other: run the one you
# want.

# %%
mobilenet = train("mobilenetv2_100")
mobilenet

# %% [markdown]
# All measures, by class. F1 equals Dice. Sensitivity is also called recall.

# %%
mobilenet.scores.per_class[["iou", "f1", "accuracy", "sensitivity", "specificity", "precision"]].round(3)

# %% [markdown]
# Above: an image and its ground truth. Below: the prediction, and the pixels that are wrong.

# %%
from PIL import Image

worst = mobilenet.scores.per_image["iou"].sort_values()
print("mean IoU of each image, the five lowest:", worst.head().round(3).to_dict())
Image.open(sorted((mobilenet.folder / "evaluation" / "errors").glob("*.png"))[0])

# %% [markdown]
# ## 5. U-Net with a ResNeXt encoder

# %%
resnext = train("resnext50_32x4d")
resnext

# %%
resnext.scores.per_class[["iou", "f1", "accuracy", "sensitivity", "specificity", "precision"]].round(3)

# %%
Image.open(sorted((resnext.folder / "evaluation" / "errors").glob("*.png"))[0])

# %% [markdown]
# ## 6. Which one is better?
#
# Both networks are compared on the same validation images. The interval says how far the difference could
# be a matter of chance.

# %%
comparison = streetseg.compare([mobilenet.folder, resnext.folder], out=HOME / "comparison")
comparison

# %%
comparison.differences

# %%
for note in comparison.notes:
    print("-", note)
print("the report, one file:", comparison.report)

# %% [markdown]
# ## 7. Keep the best one and use it
#
# The better network is exported as one ONNX file that needs no torch. The export is checked against the network.

# %%
best = comparison.runs[0]
exported = streetseg.export(best.folder, "onnx", out=HOME / "best.onnx", force=True)
print(exported.files[0], exported.precision)

# %% [markdown]
# Any photo, as a path or an array. Here it is a street that no network has seen.

# %%
from streetseg.scenes.render import render

photo, _ = render(seed=7, index=0, size=(256, 512))
prediction = streetseg.predict(HOME / "best.onnx", photo)
prediction

# %%
prediction.shares.sort_values(ascending=False).round(3)
