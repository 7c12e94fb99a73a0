"""BDD100K: 10,000 images of American streets with the 19 classes of Cityscapes."""

from streetseg.data.sources.cityscapes import CODES
from streetseg.data.sources.streets.street_set import Form, StreetSet

_TRAIN_IDS = CODES["labelTrainIds"]

BDD100K = StreetSet(
    kind="bdd100k",
    title="BDD100K (Yu et al. 2020)",
    forms=(
        Form(
            "images/10k/{split}/*",
            "labels/sem_seg/masks/{split}/*",
            _TRAIN_IDS,
            "masks are train ids",
            ("images/10k", "labels/sem_seg/masks"),
        ),
        Form(
            "seg/images/{split}/*",
            "seg/labels/{split}/*_train_id.png",
            _TRAIN_IDS,
            "masks are train ids, the release of 2018",
            ("seg/images/train", "seg/labels/train/*_train_id.png"),
        ),
    ),
    license="for education and research that is not for profit",
    url="https://doc.bdd100k.com",
    splits={"train": "train", "val": "val", "test": "test"},
)
