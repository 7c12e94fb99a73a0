"""GTA5, or Playing for Data: rendered streets, masks with a palette whose indices are the ids of Cityscapes."""

from streetseg.data.sources.cityscapes import CODES
from streetseg.data.sources.streets.street_set import Form, StreetSet

GTA5 = StreetSet(
    kind="gta5",
    title="GTA5 (Richter et al. 2016)",
    forms=(
        Form(
            "images/*",
            "labels/*",
            CODES["labelIds"],
            "masks are the ids of Cityscapes",
            ("images/[0-9]*.png", "labels/[0-9]*.png", "split.mat"),
        ),
    ),
    license="for research and education",
    url="https://download.visinf.tu-darmstadt.de/data/from_games",
)
