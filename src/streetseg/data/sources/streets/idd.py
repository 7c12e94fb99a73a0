"""IDD: streets of India, in the layout of Cityscapes with classes of its own."""

from streetseg.data.mask_code import MaskCode
from streetseg.data.sources.cityscapes import CODES
from streetseg.data.sources.streets.street_set import Form, StreetSet
from streetseg.labels.space import IGNORE_INDEX
from streetseg.labels.street_tables import IDD_26

_IMAGES = "leftImg8bit/{split}/*/*_leftImg8bit.*"
_LEVEL_3 = MaskCode.of(IDD_26)

# Names in the polygons that are not those of the class of level 3 that they belong to (AutoNUE's table).
_JOINED = {
    "parking": "drivable fallback",
    "rail track": "non-drivable fallback",
    "animal": "person",
    "caravan": "vehicle fallback",
    "trailer": "vehicle fallback",
    "train": "vehicle fallback",
    "polegroup": "pole",
    "tunnel": "bridge",
    "fallback background": "sky",
}
_VOID = ("unlabeled", "ego vehicle", "rectification border", "out of roi", "license plate")
_LABELS = (
    {name: IDD_26.names.index(name) for name in IDD_26.names}
    | {name: IDD_26.names.index(joined) for name, joined in _JOINED.items()}
    | dict.fromkeys(_VOID, IGNORE_INDEX)
)

IDD = StreetSet(
    kind="idd",
    title="IDD (Varma et al. 2019)",
    forms=(
        Form(
            _IMAGES,
            "gtFine/{split}/*/*_gtFine_labellevel3Ids.png",
            MaskCode(IDD_26, _LEVEL_3.ids, _LEVEL_3.colors, ids_only=True),
            "masks are labellevel3Ids",
            ("leftImg8bit/*/*/*_leftImg8bit.*", "gtFine/*/*/*_gtFine_labellevel3Ids.png"),
        ),
        Form(
            _IMAGES,
            "gtFine/{split}/*/*_gtFine_labelcsTrainIds.png",
            CODES["labelTrainIds"],
            "masks are labelcsTrainIds",
        ),
        Form(
            _IMAGES,
            "gtFine/{split}/*/*_gtFine_polygons.json",
            MaskCode(IDD_26, labels=_LABELS),
            "masks are drawn from the polygons",
        ),
    ),
    license="for research that is not commercial",
    url="https://github.com/AutoNUE/public-code",
    splits={"train": "train", "val": "val", "test": "test"},
    moment=r"(?P<sequence>[^/]+)/.*",
)
