"""The file study.json."""

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired

from streetseg.json_files.scores import RunProtocol
from streetseg.json_files.terms import Count, Fixed, InitialWeights, Interval, NonNegative, Positive, Share, Unit


class HeldOutScore(Fixed):
    """The scores on a test split that was scored at the end."""

    protocol: RunProtocol
    """what was scored, and by which rules"""
    mean_iou: Share | None
    """mean IoU, 0 to 1"""
    interval: Interval
    """[low, high], its 95 % interval"""


class RankedEncoder(Fixed):
    """An encoder of a comparison."""

    label: str
    """the encoder and, in brackets, its initial weights; unique in the comparison"""
    encoder: str
    """timm's name of the encoder"""
    initial_weights: InitialWeights
    """origin of the initial weights"""
    seeds: Sequence[Count]
    """seeds of its runs"""
    mean_iou: Share | None
    """mean IoU, 0 to 1; the mean over the seeds"""
    interval: Interval
    """[low, high], its 95 % interval"""
    seed_mean: Share | None
    """the same as mean_iou"""
    seed_deviation: NonNegative | None
    """standard deviation of the mean IoU over the seeds; null for one seed"""
    folds: NotRequired[Positive]
    """number of folds that were scored together"""
    fold_mean: NotRequired[Share | None]
    """mean of the mean IoU over the folds"""
    fold_deviation: NotRequired[NonNegative | None]
    """standard deviation of the mean IoU over the folds"""
    test: NotRequired[HeldOutScore]
    """scores on a test split, where one was scored at the end"""


class ComparedRun(Fixed):
    """A run of a comparison."""

    folder: str
    """run folder, relative to the folder of study.json, with forward slashes"""
    encoder: str
    """timm's name of the encoder"""
    seed: Count
    """seed of the run"""
    fold: NotRequired[Sequence[Positive]]
    """[K, N]: fold K of N"""
    initial_weights: InitialWeights
    """origin of the initial weights"""
    mean_iou: Share | None
    """mean IoU of its best network, 0 to 1"""


class Difference(Fixed):
    """The score of a minus the score of b on the same images."""

    value: float | None
    """difference of the scores, -1 to 1"""
    interval: Interval
    """[low, high], its 95 % interval; null where there are too few images"""
    p_value: Share | None
    """two-sided p-value of the hypothesis that there is no difference"""
    adjusted_p_value: Share | None
    """the p-value after Holm's correction"""
    comparisons: Positive
    """number of comparisons that the correction is for"""
    distinguishable: bool
    """whether the interval excludes 0 and the adjusted p-value is below 5 %"""


class PairDifference(Difference):
    """The difference of two encoders."""

    a: str
    """label of the encoder that is ranked better"""
    b: str
    """label of the other encoder"""
    metric: Literal["mean_iou"]
    """the score that is compared"""
    resamples: Count
    """resamples of the bootstrap"""
    unit: Unit
    """unit that is drawn"""
    videos: Count | None
    """number of videos, if they are too few to generalize to others"""
    latency_ratio: NonNegative | None
    """median latency of a divided by that of b; null where they were not measured in the same way"""
    sentence: str
    """the same in words"""
    per_class: Mapping[str, Difference]
    """class -> the difference of its IoU"""


class StudyFile(Fixed):
    """Compared runs: the verdict, and the numbers behind it."""

    format: Literal["streetseg-study"]
    """mark of the file"""
    version: Literal[2]
    """version of the format"""
    metric: Literal["mean_iou"]
    """the score that the encoders are ranked by"""
    protocol: RunProtocol
    """what was scored, and by which rules"""
    verdict: str
    """which encoder is better, and by how much, in one sentence"""
    notes: Sequence[str]
    """limits of the verdict, one sentence each"""
    ranking: Sequence[RankedEncoder]
    """the encoders, the best first"""
    runs: Sequence[ComparedRun]
    """the runs, those of the best encoder first"""
    differences: Sequence[PairDifference]
    """each pair of encoders"""
