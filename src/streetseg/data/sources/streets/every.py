"""The street data sets by kind."""

from streetseg.data.sources.streets.a2d2 import A2D2
from streetseg.data.sources.streets.acdc import ACDC
from streetseg.data.sources.streets.ade20k import ADE20K, ADE20K_STREETS
from streetseg.data.sources.streets.bdd100k import BDD100K
from streetseg.data.sources.streets.carla import CARLA_22, CARLA_28
from streetseg.data.sources.streets.comma10k import COMMA10K
from streetseg.data.sources.streets.gta5 import GTA5
from streetseg.data.sources.streets.idd import IDD
from streetseg.data.sources.streets.kitti import KITTI
from streetseg.data.sources.streets.mapillary import MAPILLARY_VISTAS_1, MAPILLARY_VISTAS_2
from streetseg.data.sources.streets.synthia import SYNTHIA
from streetseg.data.sources.streets.wilddash import WILDDASH

STREET_SETS = {
    street_set.kind: street_set
    for street_set in (
        A2D2,
        ACDC,
        ADE20K,
        ADE20K_STREETS,
        BDD100K,
        CARLA_22,
        CARLA_28,
        COMMA10K,
        GTA5,
        IDD,
        KITTI,
        MAPILLARY_VISTAS_1,
        MAPILLARY_VISTAS_2,
        SYNTHIA,
        WILDDASH,
    )
}
