"""The card of a trained network that is published with streetseg: the file NAME.json in the package `pretrained`."""

from collections.abc import Mapping, Sequence

from streetseg.json_files.scores import Computation, Rules
from streetseg.json_files.terms import Fixed, Positive, Sha256, Share, Size


class NetworkScore(Fixed):
    """The score of a published network on labeled images."""

    data: str
    """data set"""
    split: str
    """split, or several joined by +"""
    video: str | None
    """video of the images; null for all"""
    images: Positive
    """number of images; fewer than the split has are its first ones"""
    iou: Share
    """mean IoU, 0 to 1"""
    note: str | None
    """what a reader must know of it; null where there is nothing"""


class CardProtocol(Rules, Computation):
    """The rules by which all scores of a card were counted, and how they were computed."""


class PublishedFile(Fixed):
    """A file of a published network."""

    bytes: Positive
    """size"""
    sha256: Sha256
    """SHA-256"""


class NetworkCard(Fixed):
    """The card of a published network."""

    name: str
    """name, as commands take it"""
    about: str
    """what it is, in one sentence"""
    encoder: str
    """timm's name of the encoder"""
    decoder: str
    """kind of the decoder"""
    parameters: Positive
    """number of parameters"""
    size: Size
    """[height, width] in pixels at which it was trained"""
    classes: Sequence[str]
    """names of the classes, in the order of the ids"""
    trained_on: str
    """images that it was trained on"""
    initial_weights: str
    """origin of its initial weights"""
    license: str
    """license of the weights"""
    condition: str | None
    """condition of use, from the images that it was trained on; null where there is none"""
    rebuild: Sequence[str]
    """commands that make it again"""
    scored: str
    """file that was scored"""
    scores: Sequence[NetworkScore]
    """its scores; the first one is the one to quote"""
    protocol: CardProtocol
    """rules by which it was scored"""
    files: Mapping[str, PublishedFile]
    """all of its files"""
