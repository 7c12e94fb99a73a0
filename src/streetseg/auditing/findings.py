"""The findings of an audit, ready for its files and its page."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from streetseg.auditing.classes import ClassState, Mixup, class_states, mixups
from streetseg.auditing.evidence import Evidence
from streetseg.auditing.scoring import Suspect, image_scores, suspects

MOST = 1000  # regions in the list


@dataclass(frozen=True, eq=False)
class Findings:
    """What an audit found.

    Args:
        evidence: what the networks say about the images.
        spec: the data set as the user named it, without the folders of this machine.
        judged: in words, which network judged the images, and whether it was trained on them.
    """

    evidence: Evidence
    spec: str
    judged: str

    @cached_property
    def ranked(self) -> list[Suspect]:
        """All suspicious regions, the most suspicious first."""
        return suspects(self.evidence)

    @property
    def listed(self) -> list[Suspect]:
        """The regions of the list: at most MOST."""
        return self.ranked[:MOST]

    @cached_property
    def image_scores(self) -> NDArray[np.float64]:
        """The score of each image, float64 (N,)."""
        return image_scores(self.evidence, self.ranked)

    @property
    def images_ranked(self) -> list[int]:
        """The numbers of the images, the most suspicious first."""
        order: list[int] = np.argsort(-self.image_scores, kind="stable").tolist()
        return order

    @cached_property
    def classes(self) -> list[ClassState]:
        """The state of each class."""
        return class_states(self.evidence)

    @cached_property
    def mixups(self) -> list[Mixup]:
        """The systematic confusions."""
        return mixups(self.evidence, self.ranked)
