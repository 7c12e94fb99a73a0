"""KITTI's semantic segmentation of 2018: 200 images with the ids of Cityscapes."""

from streetseg.data.sources.cityscapes import CODES
from streetseg.data.sources.streets.street_set import Form, StreetSet

KITTI = StreetSet(
    kind="kitti",
    title="KITTI semantics (Alhaija et al. 2018)",
    forms=(
        Form(
            "{split}/image_2/*",
            "{split}/semantic/*",
            CODES["labelIds"],
            "masks are the ids of Cityscapes",
            ("training/image_2", "training/semantic"),
        ),
    ),
    license="CC BY-NC-SA 3.0",
    url="https://www.cvlibs.net/datasets/kitti/eval_semseg.php?benchmark=semantics2015",
    splits={"train": "training", "test": "testing"},
)
