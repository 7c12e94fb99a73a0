"""The file summary.json of `streetseg measure`."""

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired

from streetseg.json_files.terms import Count, Fixed, Interval, NonNegative, Share


class MeasuredShare(Fixed):
    """The share of the pixels of all images, 0 to 1; adjusted shares only where there is a validation."""

    raw: Share | None
    """share as predicted"""
    raw_interval: NotRequired[Interval]
    """[low, high], 95 % interval; with --sample"""
    olofsson: NotRequired[float | None]
    """share adjusted as by Olofsson"""
    olofsson_interval: NotRequired[Interval]
    """[low, high], 95 % interval"""
    inverse: NotRequired[float | None]
    """share adjusted by the inverse of the confusion matrix"""
    inverse_interval: NotRequired[Interval]
    """[low, high], 95 % interval"""
    standard_error: NotRequired[NonNegative | None]
    """standard error of the share adjusted as by Olofsson"""


class MeasuredBy(Fixed):
    """The model that measured."""

    model: str
    """name of the model"""
    encoder: str
    """timm's name of the encoder"""
    engine: str
    """torch, onnxruntime, openvino or litert"""
    precision: str
    """numbers that the network computes with, e.g. fp32"""


class Measures(MeasuredBy):
    """Shares of classes in images, without what depends on the folder of the files."""

    format: Literal["streetseg-measures"]
    """mark of the file"""
    images: Count
    """number of images that were measured"""
    unread: Sequence[str]
    """images that cannot be read, with the reason"""
    validation: str | None
    """images that the errors of the model were counted on, in words; null without"""
    with_place: Count
    """number of images that hold a place"""
    sample: bool
    """whether the images are a sample of a place, and the intervals are about the place"""
    classes: Mapping[str, MeasuredShare]
    """class -> its share"""
    roles: Mapping[str, MeasuredShare]
    """view, such as green_view -> its share"""
    confidence: Share | None
    """mean confidence of the pixels"""
    condition_number: NonNegative | None
    """of the confusion matrix; null without a validation"""
    trusted: bool | None
    """whether nothing speaks against the adjusted shares; null without a validation"""
    doubts: Sequence[str]
    """why the adjusted shares are not to be trusted, one sentence each"""
    notes: Sequence[str]
    """how to read the numbers, one sentence each"""


class SummaryFile(Measures):
    """The shares of classes in images."""

    left_out: Mapping[str, str]
    """file that was not written -> the reason"""
