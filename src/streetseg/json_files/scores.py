"""The file evaluation/scores.json."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NotRequired, cast

from pydantic import Field
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from streetseg.json_files.terms import Count, Fixed, Interval, NonNegative, Positive, Share, Unit
from streetseg.metrics.scores import METRICS, OVERALL


class Rules(Fixed):
    """The rules of scores, as every version wrote them."""

    label_space: str
    """name of the label space"""
    resolution: str
    """HxW in pixels at which the labels are compared, or the smallest and the largest of several"""
    network_resolution: str
    """HxW in pixels at which the network sees the images"""
    ignore: str
    """which pixels are ignored"""
    absent: str
    """what becomes of a class that is not in an image"""
    test_time: str
    """views of an image that are averaged"""
    rules: str
    """version of the formulas"""


class Terms(Rules):
    """The protocol of scores, what was scored and by which rules, as every version wrote it."""

    dataset: str
    """data set, without the folders of a machine"""
    split: str
    """split that was scored"""
    images: Positive
    """number of images"""


class Computation(Fixed):
    """The computation of a network that was scored."""

    classes: Positive
    """number of classes"""
    tile: Positive | None
    """side of the tiles in pixels; null: no tiles"""
    engine: str
    """torch, onnxruntime, openvino or litert"""
    precision: str
    """numbers that the network computes with, e.g. fp32"""


class Protocol(Terms, Computation):
    """The protocol of scores: what was scored, by which rules, and how it was computed."""


class RunProtocol(Terms):
    """What was scored in a run, and by which rules. The run may be of an earlier version."""

    classes: NotRequired[Positive]
    """number of classes"""
    tile: NotRequired[Positive | None]
    """side of the tiles in pixels; null: no tiles"""
    engine: NotRequired[str]
    """torch, onnxruntime, openvino or litert"""
    precision: NotRequired[str]
    """numbers that the network computes with, e.g. fp32"""


def _of_each(names: Sequence[str]) -> FieldInfo:
    """Return what makes a mapping an object with exactly these keys: their names have one home, in `metrics.scores`."""
    extra: JsonDict = {"required": [*names], "propertyNames": {"enum": [*names]}}
    return cast(FieldInfo, Field(json_schema_extra=extra))


Metrics = Annotated[Mapping[str, Share | None], _of_each(METRICS)]
ClassScores = Annotated[Mapping[str, Share | None], _of_each((*METRICS, "boundary_iou"))]


class IntervalRule(Fixed):
    """How the intervals were computed."""

    resamples: Count
    """resamples of the bootstrap"""
    unit: Unit
    """unit that is drawn"""
    note: str | None
    """a limit of the intervals that a reader must know"""


class PerImageMean(Fixed):
    """Means over the images of the scores of each image, 0 to 1."""

    iou: Share | None
    """mean IoU of the classes in an image"""
    dice: Share | None
    """mean Dice of the classes in an image"""


class Video(Fixed):
    """The scores of a video."""

    images: Positive
    """number of its images"""
    iou: Share | None
    """mean IoU of all its images together, 0 to 1"""


class Bin(Fixed):
    """A bin of a reliability diagram."""

    low: Share
    """lower bound of the confidence"""
    high: Share
    """upper bound of the confidence"""
    pixels: Count
    """number of pixels"""
    confidence: Share | None
    """mean confidence of the pixels; null without pixels"""
    accuracy: Share | None
    """share of the pixels that are correct; null without pixels"""


class Figures(Fixed):
    """How well probabilities fit."""

    nll: NonNegative
    """mean negative log-likelihood of the ground truth, in nats"""
    ece: Share
    """expected calibration error, 0 to 1"""


class Fitted(Fixed):
    """A calibration: probabilities are softmax(logits / temperature + bias)."""

    method: Literal["temperature", "vector"]
    """temperature: one number for all classes; vector: a temperature and a bias for each"""
    temperature: Sequence[NonNegative]
    """temperature of each class, in the order of the ids"""
    bias: Sequence[float]
    """bias of each class, in the order of the ids"""
    dataset: str
    """data set that it was fitted on"""
    split: str
    """split that it was fitted on"""
    images: Positive
    """number of images that it was fitted on"""
    pixels: Positive
    """number of pixels that it was fitted on"""
    before: Figures
    """with the network's own probabilities"""
    after: Figures
    """with the calibration, on the pixels that it was fitted on"""
    cross_validated: Figures | None
    """each image with a calibration that was fitted without it; null for one image"""
    folds: Count
    """parts of the cross-validation"""


class Calibration(Fixed):
    """The calibration of the model, and its reliability diagram with and without it."""

    fitted: Fitted | None
    """null where nothing was fitted"""
    reliability: Sequence[Bin]
    """bins of the reliability diagram, by rising confidence"""
    uncalibrated_ece: Share | None
    """expected calibration error of the network's own probabilities, 0 to 1"""
    uncalibrated_reliability: Sequence[Bin]
    """bins of the network's own probabilities"""


class KeptRow(Fixed):
    """The accuracy of the pixels with the highest confidence."""

    kept: Share
    """share of the pixels"""
    accuracy: Share | None
    """share of these pixels that are correct"""
    confidence: Share | None
    """confidence from which on a pixel is kept"""


class JoinedSource(Fixed):
    """The scores on one of several data sets that are joined."""

    images: Positive
    """number of its images"""
    mean_iou: Share | None
    """mean IoU, 0 to 1"""
    low: Share | None
    """lower end of its 95 % interval"""
    high: Share | None
    """upper end of its 95 % interval"""
    counted: Count
    """classes that the mean is taken over"""


class ScoresFile(Fixed):
    """The scores of a model on a split: values 0 to 1, not rounded, null where undefined."""

    protocol: Protocol
    """what was scored, and by which rules"""
    mean: Metrics
    """mean of each metric over the classes where it is defined; f1 is the Dice coefficient, sensitivity the recall"""
    counted: Annotated[Mapping[str, Count], _of_each(METRICS)]
    """number of classes that each mean is taken over"""
    pixel_accuracy: Share | None
    """share of the pixels that are correct"""
    frequency_weighted_iou: Share | None
    """IoU of the classes, weighted by their share of the ground truth"""
    per_class: Mapping[str, ClassScores]
    """class -> its scores; boundary_iou is the IoU of the pixels near a boundary"""
    interval: Annotated[Mapping[str, Interval], _of_each(OVERALL)]
    """score -> [low, high], its 95 % interval"""
    interval_rule: IntervalRule
    """how the intervals were computed"""
    per_image_mean: PerImageMean
    """means of the scores of each image"""
    per_video: Mapping[str, Video]
    """video -> its scores; empty if no video is known"""
    boundary_iou: Share | None
    """mean boundary IoU over the classes"""
    ece: Share | None
    """expected calibration error of the confidence"""
    calibration: Calibration
    """calibration of the model, and its reliability diagram"""
    selective: Sequence[KeptRow]
    """a row for each percent of the pixels that are kept, the surest first"""
    loss: float | None
    """mean cross-entropy of a pixel, in nats"""
    ignored_pixels: Count
    """number of pixels that are ignored"""
    sources: NotRequired[Mapping[str, JoinedSource]]
    """data set -> its scores, where several are joined"""
    origin: NotRequired[str]
    """hub:OWNER/NAME@COMMIT of a model from the Hugging Face Hub"""


class DatasetRow(Fixed):
    """One model on one of several data sets: a row of their table."""

    name: str
    """name of the data set; of its folder with --out"""
    dataset: str
    """data set, without the folders of a machine"""
    images: Positive
    """number of images"""
    mean_iou: Share | None
    """mean IoU, 0 to 1"""
    low: Share | None
    """lower end of its 95 % interval"""
    high: Share | None
    """upper end of its 95 % interval"""
    counted: Count
    """classes that the mean is taken over"""
    classes: Positive
    """classes of the label space"""
