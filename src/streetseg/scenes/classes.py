"""The ids of street-11 by name, for the files that paint."""

from streetseg.labels.space import IGNORE_INDEX
from streetseg.labels.tables import STREET_11

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(STREET_11.num_classes)
IGNORE = IGNORE_INDEX
