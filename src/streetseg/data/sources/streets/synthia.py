"""SYNTHIA-RAND-CITYSCAPES: rendered streets, masks of 16 bits with the class in the first channel."""

from streetseg.data.mask_code import MaskCode
from streetseg.data.sources.streets.street_set import Form, StreetSet
from streetseg.labels.space import IGNORE_INDEX
from streetseg.labels.street_tables import SYNTHIA_22

SYNTHIA = StreetSet(
    kind="synthia",
    title="SYNTHIA-RAND-CITYSCAPES (Ros et al. 2016)",
    forms=(
        Form(
            "RGB/*",
            "GT/LABELS/*",
            MaskCode(SYNTHIA_22, {0: IGNORE_INDEX, **{i + 1: i for i in range(SYNTHIA_22.num_classes)}}, channel=0),
            "the first channel of the masks is the class",
            ("RGB/*.png", "GT/LABELS/*.png"),
        ),
    ),
    license="CC BY-NC-SA 3.0",
    url="https://synthia-dataset.net",
)
