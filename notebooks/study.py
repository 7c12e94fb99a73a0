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
# Drive: a checkpoint of every epoch, the best network, scores and reports. After a disconnect, run the same cells again:
# what is finished is not done again, and a run goes on where it stopped.

# %% [markdown]
# ## 1. Set up
#
# The first cell is the only one that knows where it runs. On Colab it installs streetseg and mounts Google Drive; a GPU is
# chosen there under *Runtime, Change runtime type*.

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
print("everything is kept in", HOME)

# %% [markdown]
# ## 2. Settings
#
# `DATA` is one of
#
# - `"scenes"`: drawn streets, built in, at once;
# - `"camvid"`: real streets, downloaded (180 MB, for non-commercial research);
# - a folder of your own ([which layouts are known](https://github.com/streetseg/streetseg/blob/main/docs/reference/data.md)).
#
# `SETTINGS` may hold any field of [the recipe](https://github.com/streetseg/streetseg/blob/main/docs/reference/recipe.md). For the drawn streets,
# small images and few epochs take some minutes on a processor. Real streets need a GPU.

# %% tags=["parameters"]
DATA = "scenes"
WEIGHTS = "auto-or-random"  # ImageNet weights where they can be downloaded; otherwise random ones, which is said

if DATA == "scenes":
    EPOCHS = 12
    SETTINGS = {
        "data.size": [128, 256],
        "train.batch": 2,
        "optim.lr": 0.004,
        "augment.early_crop": [64, 128],  # most epochs see the street at half its size, which is four times as fast
        "augment.early_scale": 0.5,
        "augment.early": 0.9,
        "augment.scale": [0.8, 1.25],
        "augment.rotate": 3.0,
        "augment.brightness": 0.1,
        "augment.contrast": 0.1,
        "augment.saturation": 0.1,
        "augment.hue": 0.0,
        "augment.blur": 0.0,
    }
else:
    EPOCHS = 20
    SETTINGS = {}

# %%
import pandas as pd
from PIL import Image

data = streetseg.fetch("camvid", HOME / "camvid").data if DATA == "camvid" else DATA


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


def measures(run: streetseg.Run) -> pd.DataFrame:
    """Return the measures of each class, and their means over the classes."""
    scores = run.scores
    table = scores.per_class[["iou", "f1", "accuracy", "sensitivity", "specificity", "precision"]]
    return pd.concat([table, pd.DataFrame(scores.as_dict["mean"], index=["mean"], dtype=float)[table.columns]]).round(3)


def maps(run: streetseg.Run, rank: int) -> Image.Image:
    """Return an image, its ground truth, its prediction and its errors; rank 0 has the lowest mean IoU."""
    return Image.open(sorted((run.folder / "evaluation" / "errors").glob("*.png"))[rank])


# %% [markdown]
# ## 3. Look at the data
#
# What is in it, what is wrong with it, and whether images of the training split are too much like those of the
# validation split.

# %%
checked = streetseg.check(data, recipe={field: value for field, value in SETTINGS.items() if field.startswith("data.")})
checked

# %% [markdown]
# Four training images as they are stored, and as training meets them: rotated, scaled, flipped, with other colors. Each
# image meets other random parameters in each epoch.

# %%
streetseg.show_batch(data, recipe=SETTINGS)

# %% [markdown]
# ## 4. U-Net with a MobileNet encoder
#
# Loss, pixel accuracy and mean IoU of training and validation are drawn after each epoch. Each epoch leaves a
# checkpoint, and the network of the best epoch is kept. Was the cell stopped, or the computer disconnected? Run it
# again: it goes on, and where the run is finished it only reads it.
#
# Sections 4 and 5 do not depend on each other: run the one you want.

# %%
mobilenet = train("mobilenetv2_100")

# %% [markdown]
# The same curves afterwards, from the files of the run.

# %%
mobilenet

# %% [markdown]
# All measures, by class. F1 equals Dice. Sensitivity is also called recall.

# %%
measures(mobilenet)

# %% [markdown]
# The image with the lowest mean IoU. Above: the image and its ground truth. Below: the prediction, and its pixels: gray
# where they are correct, orange and hatched where they are wrong, black where the ground truth says nothing.

# %%
maps(mobilenet, 0)

# %% [markdown]
# The best of the twelve images with the lowest mean IoU.

# %%
maps(mobilenet, -1)

# %% [markdown]
# ## 5. U-Net with a ResNeXt encoder

# %%
resnext = train("resnext50_32x4d")

# %%
resnext

# %%
measures(resnext)

# %%
maps(resnext, 0)

# %%
maps(resnext, -1)

# %% [markdown]
# ## 6. Which one is better?
#
# Both networks are compared on the same validation images. The interval says how far the difference could
# be a matter of chance.

# %%
comparison = streetseg.compare([mobilenet, resnext], out=HOME / "comparison")
comparison

# %%
comparison.differences

# %%
for note in comparison.notes:
    print("-", note)

# %% [markdown]
# The report is one HTML file with all curves, tables and maps. On Colab it is in Google Drive; elsewhere this link opens
# it.

# %%
from IPython.display import FileLink

FileLink(comparison.report)

# %% [markdown]
# ## 7. Keep the best one and use it
#
# The better network, or the only one that was trained, is exported as one ONNX file that needs no torch. The export is
# checked against the network.

# %%
folders = [HOME / "mobilenetv2_100", HOME / "resnext50_32x4d"]
trained = [streetseg.Run(folder) for folder in folders if (folder / "report.html").exists()]
best = max(trained, key=lambda run: run.mean_iou)
exported = streetseg.export(best, "onnx", out=HOME / "best.onnx", force=True)
print(best.folder.name, "->", exported.files[0], exported.precision)

# %% [markdown]
# Any photo, as a path or an array. Here it is a street that no network has seen.

# %%
from streetseg.scenes.render import render

photo, _ = render(seed=7, index=0, size=(256, 512))
prediction = streetseg.predict(HOME / "best.onnx", photo)
Image.fromarray(photo)

# %%
prediction

# %%
prediction.shares.sort_values(ascending=False).rename("share").to_frame().style.format("{:.1%}")
