"""comma10k: images behind windscreens, masks in five colors."""

from streetseg.data.mask_code import MaskCode
from streetseg.data.sources.streets.street_set import Form, StreetSet
from streetseg.labels.street_tables import COMMA10K_5


def _is_of_split(split: str, key: str) -> bool:
    """Return whether a sample belongs to a split: names that end in 9 are for validation, says the README."""
    return key.endswith("9") == (split == "val")


COMMA10K = StreetSet(
    kind="comma10k",
    title="comma10k (comma.ai 2020)",
    forms=(
        Form(
            "imgs/*",
            "masks/*",
            MaskCode(COMMA10K_5, colors=MaskCode.of(COMMA10K_5).colors),
            "masks are colors",
            ("imgs/????_*--*_*.png", "masks/????_*--*_*.png"),
        ),
    ),
    license="MIT",
    url="https://github.com/commaai/comma10k",
    splits={"train": "", "val": ""},
    moment=r"\d+_(?P<sequence>.+--.+)_\d+_(?P<frame>\d+)",
    chosen=lambda _: _is_of_split,
)
