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
# # A trained network on photos
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/streetseg/streetseg/blob/main/notebooks/use.ipynb)
#
# What is on a photo, and how much of it: one photo, a folder of photos, a table of shares. Then the network as one file
# that needs no torch, and how fast it is.

# %%
import sys
from pathlib import Path

if "google.colab" in sys.modules:
    # %pip install -q "streetseg[train,export] @ git+https://github.com/streetseg/streetseg"
    from google.colab import drive

    drive.mount("/content/drive")
    HOME = Path("/content/drive/MyDrive/streetseg-use")
else:
    HOME = Path("use-notebook")

import streetseg

# %% [markdown]
# ## 1. The network and the photos
#
# `MODEL` is what a training left: the folder of a run, such as `study-notebook/resnext50_32x4d`, or an exported file.
# `None` trains a small network on drawn streets now. `PHOTOS` is a folder; `None` draws six streets.

# %% tags=["parameters"]
MODEL = None
PHOTOS = None
TRAINING = {"minutes": 1}  # if there is one; on two cores enough to tell a road from a house
SETTINGS = {
    "data.size": [128, 256],
    "train.batch": 2,
    "optim.lr": 0.004,
    "augment.scale": [0.8, 1.25],
    "augment.early_crop": [64, 128],
    "augment.early_scale": 0.5,
    "augment.early": 0.9,
}

# %%
from PIL import Image

from streetseg.scenes.render import render

if MODEL is None:
    MODEL = HOME / "run"
    streetseg.train("scenes", weights="auto-or-random", out=MODEL, resume=True, quiet=True, recipe=SETTINGS, **TRAINING)
if PHOTOS is None:
    PHOTOS = HOME / "photos"
    PHOTOS.mkdir(parents=True, exist_ok=True)
    for number in range(6):
        Image.fromarray(render(seed=7, index=number, size=(256, 512))[0]).save(PHOTOS / f"street_{number}.jpg")

model = streetseg.load(MODEL)
model

# %% [markdown]
# ## 2. One photo
#
# A path, a PIL image or an array of uint8 (height, width, 3).

# %%
first = sorted(PHOTOS.iterdir())[0]
Image.open(first)

# %%
prediction = model.predict(first)
prediction

# %% [markdown]
# How sure the network is: white where it gives its class a probability of 1, black at 0. Edges and rare classes are dark.

# %%
confidence = prediction.confidence
print(f"mean {confidence.mean():.0%}; below 50 %: {(confidence < 0.5).mean():.0%} of the pixels")
Image.fromarray((255 * confidence).astype("uint8"))

# %% [markdown]
# ## 3. A folder of photos
#
# One row an image, one column a class: the share of the pixels. The photos are read one by one, so a folder may be
# larger than the memory.

# %%
predictions = model.predict(PHOTOS)
shares = predictions.shares
shares.style.format("{:.1%}")

# %% [markdown]
# The colors of the bars are those of the classes above.

# %%
colors = ["#{:02x}{:02x}{:02x}".format(*color) for color in prediction.legend.values()]
chart = shares[::-1].plot.barh(stacked=True, color=colors, figsize=(9, 0.5 * len(shares) + 1), xlim=(0, 1), width=0.8)
chart.legend(bbox_to_anchor=(1, 1), frameon=False)
chart.set(xlabel="share of the pixels", ylabel="")
chart.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# The table as a file for a spreadsheet, and for each photo its labels, its labels in color, and the overlay.

# %%
shares.to_csv(HOME / "shares.csv")
predictions.save(HOME / "labels")
print(len(list((HOME / "labels").iterdir())), "files in", HOME / "labels")

# %% [markdown]
# ## 4. Without torch
#
# An exported file needs ONNX Runtime alone. The export is checked against the network, and is refused where it differs.

# %%
exported = HOME / "model.onnx"
streetseg.export(MODEL, "onnx", out=exported, force=True)
print(f"{exported}: {exported.stat().st_size / 1e6:.1f} MB")

# %% [markdown]
# A new Python process, as on a server, that imports no torch.

# %%
import subprocess

program = f"""
import sys, streetseg
print(streetseg.predict({str(exported)!r}, {str(first)!r}))
print("torch was imported:", "torch" in sys.modules)
"""
print(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)

# %% [markdown]
# ## 5. How fast is it?
#
# The time from an image in memory to its labels, one image at a time, with each engine that is installed here.

# %%
speed = streetseg.bench(MODEL, exported)
speed[["model", "engine", "device", "threads", "latency_ms_p50", "latency_ms_p95", "images_per_second"]].round(1)
