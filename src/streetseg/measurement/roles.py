"""What is measured besides the classes: sums of the classes that play one role in a street."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streetseg.labels.space import LabelSpace

# Role -> its title, and the classes of the usual label spaces that play it, in small letters.
ROLES = {
    "green_view": ("green view index", {"tree", "vegetation", "vegetationmisc", "terrain", "grass", "plant", "nature"}),
    "sky_view": ("sky view", {"sky"}),
    "building_view": ("building view", {"building", "house", "skyscraper"}),
    "road_view": ("road share", {"road", "lanemkgsdriv", "lanemkgsnondriv"}),
}


@dataclass(frozen=True)
class Role:
    """A sum of classes.

    Args:
        key: the name of its column, e.g. "green_view".
        title: its name in words.
        classes: the ids of its classes, one or more.
    """

    key: str
    title: str
    classes: tuple[int, ...]


def roles_of(space: LabelSpace) -> list[Role]:
    """Return the roles that classes of a label space play; a role without a class is left out."""
    names = [_plain(name) for name in space.names]
    found = [
        Role(key, title, tuple(i for i, name in enumerate(names) if name in classes))
        for key, (title, classes) in ROLES.items()
    ]
    return [role for role in found if role.classes]


def missing_roles(space: LabelSpace) -> list[str]:
    """Return the titles of the roles that no class of a label space plays."""
    present = {role.key for role in roles_of(space)}
    return [title for key, (title, _) in ROLES.items() if key not in present]


def sums_of(space: LabelSpace) -> NDArray[np.float64]:
    """Return the matrix of all that is measured, float64 (C + roles, C): first each class, then each role."""
    classes, roles = np.eye(space.num_classes), roles_of(space)
    return np.concatenate([classes, *(classes[list(role.classes)].sum(axis=0, keepdims=True) for role in roles)])


def _plain(name: str) -> str:
    """Return "tree" for "Tree", for "nature--tree" (Mapillary Vistas) and for "tree, palm" (ADE20K)."""
    return name.casefold().rpartition("--")[2].partition(",")[0].partition(";")[0].strip()
