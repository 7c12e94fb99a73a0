"""ACDC: streets in fog, at night, in rain and snow, with the classes of Cityscapes."""

from streetseg.data.sources.cityscapes import CODES
from streetseg.data.sources.streets.street_set import Form, StreetSet

_IMAGES = "rgb_anon/*/{split}/*/*_rgb_anon.*"

ACDC = StreetSet(
    kind="acdc",
    title="ACDC (Sakaridis et al. 2021)",
    forms=tuple(
        Form(
            _IMAGES,
            f"gt/*/{{split}}/*/*_gt_{kind}.png",
            CODES[kind],
            f"masks are {kind}",
            ("rgb_anon/*/*/*", "gt/*/*/*"),
        )
        for kind in ("labelIds", "labelTrainIds")
    ),
    license="for research that is not commercial",
    url="https://acdc.vision.ee.ethz.ch",
    splits={"train": "train", "val": "val", "test": "test"},
    moment=r"[^/]+/(?P<sequence>[^/]+)/[^/]+_frame_(?P<frame>\d+)",
)
