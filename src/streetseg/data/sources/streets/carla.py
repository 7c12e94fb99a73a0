"""Recordings of the simulator CARLA: the class is in the red channel. Its numbers changed in version 0.9.14."""

from streetseg.data.mask_code import MaskCode
from streetseg.data.sources.streets.street_set import Form, StreetSet
from streetseg.labels.space import IGNORE_INDEX, LabelSpace
from streetseg.labels.street_tables import CARLA_22 as SPACE_22
from streetseg.labels.street_tables import CARLA_28 as SPACE_28


def _carla(space: LabelSpace, versions: str) -> StreetSet:
    ids = {0: IGNORE_INDEX, **{i + 1: i for i in range(space.num_classes)}}
    return StreetSet(
        kind=space.name,
        title=f"CARLA {versions} (Dosovitskiy et al. 2017)",
        forms=(
            Form(
                "CameraRGB/*",
                "CameraSeg/*",
                MaskCode(space, ids, channel=0),
                "the red channel of the masks is the class",
                ("CameraRGB", "CameraSeg"),
            ),
        ),
        license="CC BY 4.0 for the assets of the simulator",
        url="https://carla.readthedocs.io/en/latest/ref_sensors",
    )


CARLA_22 = _carla(SPACE_22, "up to 0.9.13")
CARLA_28 = _carla(SPACE_28, "from 0.9.14 on")
