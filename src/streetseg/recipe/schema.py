"""The schema of a recipe: all settings of one run, frozen. The docstring under each field is its help text."""

import math
import re
import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from streetseg.recipe.datasets import DATA_HELP
from streetseg.recipe.decoders import DECODERS, DecoderName
from streetseg.recipe.reading import Exif, ImageReading, Range


def _height_and_width(value: object) -> object:
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+)x(\d+)", value)):
        return [int(number) for number in match.groups()]
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return value
    raise ValueError("height and width, such as 360x480")


Size = Annotated[
    tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]],
    BeforeValidator(_height_and_width),  # accepts 360x480 and [360, 480]
]


_FOLD = "K/N, the fold K of N folds, N at least 2, such as 2/5"


def _fold(value: object) -> object:
    """Read "2/5"."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+)/(\d+)", value)):
        return int(match[1]), int(match[2])
    if isinstance(value, (list, tuple)):
        return value
    raise ValueError(_FOLD)


def _one_of(fold: tuple[int, int]) -> tuple[int, int]:
    if not 1 <= fold[0] <= fold[1] or fold[1] < 2:
        raise ValueError(_FOLD)
    return fold


Fold = Annotated[
    tuple[int, int],
    BeforeValidator(_fold),  # accepts 2/5 and [2, 5]
    AfterValidator(_one_of),
]


@dataclass(frozen=True)
class NoEffect:
    """Marks a field that does not change the result of a run. `--resume` and comparisons skip it.

    Args:
        why: the reason.
    """

    why: str


def _names(value: object) -> object:
    """Read "a,b". A name that comes twice counts once."""
    names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
    return tuple(dict.fromkeys(names)) if isinstance(names, (list, tuple)) else names


Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_names)]  # accepts a,b and [a, b]

Unlabeled = Literal["refuse", "skip"]
Tolerance = Annotated[int, Field(ge=0, le=442)]  # 442: the distance from black to white


class Section(BaseModel):
    """A section of the recipe. It is frozen, and unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _none_is_nothing(cls, value: object, info: ValidationInfo) -> object:
        """Convert the text `none` to None for fields that may be None."""
        annotation: Any = cls.model_fields[info.field_name or ""].annotation
        return None if value == "none" and types.NoneType in get_args(annotation) else value


class Data(Section):
    """The data set: which images and masks, and how they are read."""

    source: Annotated[str, NoEffect("the fingerprint of the data is compared")] = Field("scenes", description=DATA_HELP)
    space: str | None = None
    """label space to map labels to (e.g. street-11); none: that of the source, for Cityscapes its 19 scored classes"""
    size: Size | None = None
    """input size of the network: images are resized to the number of pixels of this height and width, with their own
    aspect ratio; none: images are not resized"""
    splits: Annotated[dict[str, str], NoEffect("the fingerprint of the data is compared")] = Field(default_factory=dict)
    """split lists: split name -> text file with one sample name or glob per line; replaces the splits of the source"""
    exclude: Annotated[str | None, NoEffect("the fingerprint of the data is compared")] = None
    """text file of samples to leave out, in the format of a split list; none: all samples are used"""
    limit: Annotated[int | None, NoEffect("the fingerprint of the data is compared")] = Field(default=None, ge=1)
    """largest number of samples of each split: the first ones are used; none: all samples are used"""
    unlabeled: Annotated[Unlabeled, NoEffect("the fingerprint of the data is compared")] = "refuse"
    """images without mask in a split that is used: refuse is an error that names them, skip leaves them out and counts
    them"""
    train_split: str = "train"
    """split to train on"""
    val_split: str = "val"
    """split to validate on"""
    split: Annotated[Literal["given", "auto"], NoEffect("the fingerprint of the data is compared")] = "given"
    """given: the splits of the data; where there is none for validation, one is made of groups of images that belong
    together. auto: train_split and val_split are divided anew by such groups"""
    val_share: Annotated[float, NoEffect("the fingerprint of the data is compared")] = Field(default=0.2, gt=0, lt=1)
    """share of the images that a split which is made gives to validation"""
    fold: Fold | None = None
    """K/N: the images of train_split and val_split are divided into N parts, the K-th is validated on and the others
    are trained on; the frames of a video stay together; none: the splits as they are"""
    extra: Annotated[str | None, NoEffect("the fingerprint of the data is compared")] = None
    """a further data set, as DATA, whose split train is trained on, too, and which is never validated on; it has the
    same classes; scenes: 600 drawn streets of the size data.size; none: there is none"""
    extra_share: float | None = Field(default=None, gt=0, lt=1)
    """share of the images of an epoch that are of the extra data set: with 0.5 as many as of the data itself, and other
    ones in each epoch until all were used; none: all of them in each epoch"""
    max_megapixels: Annotated[float, NoEffect("only a limit for reading")] = Field(default=100.0, gt=0)
    """largest allowed image; larger ones are errors by their header, as they could fill the memory"""
    cache_gb: Annotated[float | None, NoEffect("only where the same arrays come from")] = Field(default=None, ge=0)
    """GB on the disk that the decoded images of a run may take; larger splits are decoded on the fly, 0: every split;
    none: half of the free disk"""
    exif: Exif = "apply"
    """apply: turn images upright by their EXIF orientation; ignore: keep images as stored, for masks drawn on these"""
    tolerance: Annotated[Tolerance, NoEffect("the fingerprint of the data is compared")] = 0
    """largest RGB distance of a color in a mask from the nearest color of a class or ignored color, for which it is
    then taken; 0: other colors are errors"""
    range: Range = "full"
    """16-bit values that are scaled to 0..255. full: 0..65535; LOW..HIGH: these values, e.g. 0..4095 for a 12-bit
    camera, others are clipped; auto: the lowest to the highest value of each image"""

    @property
    def reading(self) -> ImageReading:
        """How the image files are read."""
        return ImageReading(exif=self.exif, range=self.range)

    @property
    def scored(self) -> "Data":
        """Data without the extra data set, which is never scored and need not be there any more."""
        return self.model_copy(update={"extra": None})

    def read_as(self, reading: ImageReading) -> "Data":
        """Return the same data with the image reading of a model, except for fields that are set explicitly."""
        return self.model_copy(
            update={key: value for key, value in reading if key not in self.model_fields_set},
        )


class Model(Section):
    """Which network."""

    encoder: str = "mobilenetv2_100"
    """timm name of the encoder"""
    decoder: DecoderName = Field(
        default="fast", description="; ".join(f"{name}: {facts.help}" for name, facts in DECODERS.items())
    )
    channels: tuple[int, ...] | None = None
    """decoder channels, deepest scale first: five for classic, three for fast, or four to end at half the image's
    size; none: the decoder's own"""
    weights: str = "auto"
    """auto (timm's pretrained), auto-or-random (random where they cannot be had, said in the run), none (random),
    scenes (the network in the box), a .safetensors file, or a bundle or run folder to transfer from"""


def _rising(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"the lowest, then the highest: {pair[0]} is above {pair[1]}")
    return pair


Factor = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
Change = Annotated[float, Field(ge=0)]


class Augment(Section):
    """Random augmentation of the training images, different for each image and epoch."""

    crop: Size | None = None
    """height and width of the training crop; none: the size of the image rounded down to multiples of 32"""
    early_crop: Size | None = None
    """a smaller, cheaper crop for the early epochs; none: the same crop in all epochs"""
    early: Probability = 0.6
    """share of the epochs that use early_crop, if it is given"""
    early_scale: Factor = 1.0
    """factor on `scale` in the early epochs: with 0.5 the early crop shows twice as much of the street in height and
    width"""
    scale: Annotated[tuple[Factor, Factor], AfterValidator(_rising)] = (0.5, 2.0)
    """lowest and highest scale factor, sampled log-uniformly"""
    rotate: Change = 10.0
    """largest rotation in either direction, degrees"""
    flip: Probability = 0.5
    """probability of a left-right flip"""
    translate: Change = 0.0
    """largest shift in either direction in addition to the random position of the crop, as a share of the crop"""
    brightness: Change = 0.3
    """largest relative change of brightness, up or down"""
    contrast: Change = 0.3
    """largest relative change of contrast, up or down"""
    saturation: Change = 0.3
    """largest relative change of saturation, up or down"""
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    """largest hue rotation in either direction, as a share of the color circle"""
    blur: Probability = 0.1
    """probability of a Gaussian blur"""
    gamma: Change = 0.0
    """largest change of the brightness curve in either direction, in powers of two: with 1 the exponent is 1/2 (darks
    become light) to 2 (as at dusk)"""
    noise: Change = 0.0
    """largest standard deviation of sensor noise, in steps of 0..255; each image has its own, from 0 on"""
    erase: Probability = 0.0
    """probability that a rectangle is cut out: it gets the mean color, and its labels are ignored"""
    rare_crops: Probability = 0.0
    """probability that the crop lies where it shows a pixel of a class that is drawn from those in the image, each with
    a probability inverse to its share of the training pixels"""


def _class_weights(value: object) -> object:
    """Return the name of a rule, a list or a mapping with numbers; raise ValueError for anything else."""
    weights = list(value.values()) if isinstance(value, dict) else value
    if isinstance(weights, (list, tuple)):
        try:
            numbers = [float(weight) for weight in weights]
        except (TypeError, ValueError):
            numbers = []
        if numbers and all(0 <= number < math.inf for number in numbers) and any(numbers):
            return dict(zip(value, numbers, strict=True)) if isinstance(value, dict) else tuple(numbers)
    elif value in ("none", "mild", "balanced"):
        return value
    raise ValueError("none, mild, balanced, a list of one weight a class, or class names with weights, 0 or more")


ClassWeights = Annotated[
    Literal["none", "mild", "balanced"] | tuple[float, ...] | dict[str, float], BeforeValidator(_class_weights)
]


class Loss(Section):
    """The loss function. Pixels with the ignore index are left out."""

    region: Literal["none", "dice", "tversky", "lovasz"] = "dice"
    """the region loss that is added to cross-entropy"""
    region_weight: float = Field(default=1.0, ge=0)
    """weight of the region loss"""
    tversky: tuple[Change, Change] = (0.3, 0.7)
    """for the region loss tversky: weight of false positives and of false negatives; [0.5, 0.5] is dice"""
    focal: float | None = Field(default=None, ge=0)
    """focal loss in place of cross-entropy: each pixel counts (1 - its probability)^this, usually 2; none: plain
    cross-entropy"""
    class_weights: ClassWeights = "none"
    """class weights of cross-entropy. balanced: 1 / log(1.02 + share of pixels) as in ENet; mild: their square roots;
    weights of your own: a list in the order of the classes, or class names with weights, 1 for those left out"""
    ohem: float | None = Field(default=None, gt=0, le=1)
    """cross-entropy uses only this share of the pixels, those with the highest loss; none: all pixels"""
    border: int = Field(default=3, ge=1)
    """distance from another class, in pixels, up to which border_weight holds"""
    border_weight: Change = 1.0
    """weight in cross-entropy of pixels near a border between classes: less for coarse masks, more for thin classes"""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """label smoothing of cross-entropy, 0 (none) to below 1; not with the focal loss"""

    @model_validator(mode="after")
    def _focal_is_not_smoothed(self) -> "Loss":
        if self.focal is not None and self.label_smoothing:
            raise ValueError("loss.label_smoothing or loss.focal, not both")
        return self


class Optim(Section):
    """The optimizer (AdamW) and the learning-rate schedule."""

    lr: float = Field(default=1e-3, gt=0)
    """peak learning rate of the decoder, and of an encoder with random initial weights"""
    encoder_lr_scale: float = Field(default=0.5, ge=0)
    """factor on lr for a pretrained encoder"""
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """factor on lr from each fifth of a pretrained encoder's layers to the fifth before it, so that early layers move
    less; 1: one rate for all"""
    freeze_encoder: bool = False
    """keep the encoder as it is, weights and batch-norm statistics, and train decoder and head only; it needs an
    encoder that was trained before"""
    freeze_stages: int = Field(default=0, ge=0, le=4)
    """number of stages of the encoder, from the first, that stay as they are, weights and batch-norm statistics; stage
    k ends at stride 2^k. A step is faster without the gradients of the largest maps; it needs an encoder that was
    trained before"""
    freeze_batch_norm: bool = False
    """keep the batch-norm statistics of the encoder as they are, and train its weights; it needs an encoder that was
    trained before"""
    weight_decay: float = Field(default=0.01, ge=0)
    """AdamW weight decay; biases and norm layers have none"""
    schedule: Literal["poly", "one-cycle"] = "poly"
    """poly: linear warm-up, then (1 - t)^0.9; one-cycle: cosine up, cosine down"""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """share of the steps used for warm-up"""
    clip: float = Field(default=1.0, gt=0)
    """largest norm of the gradient; larger gradients are scaled down"""
    ema: float | None = Field(default=0.99, gt=0, lt=1)
    """decay of the moving average (EMA) of the weights, which is validated and saved; none: the weights themselves"""


class Train(Section):
    """The training run."""

    epochs: int = Field(default=20, ge=1)
    """passes over the training split"""
    steps: int | None = Field(default=None, ge=1)
    """number of steps, instead of `epochs`; the last epoch ends after them and is validated"""
    validate_every: int = Field(default=1, ge=1)
    """validate after every this many epochs, and after the last; the best network is the best of these epochs"""
    patience: int | None = Field(default=None, ge=1)
    """end the run when validation mean IoU has not improved for this many epochs; none: all epochs are run"""
    batch: int = Field(default=8, ge=2)
    """images per step, over all processes together"""
    sync_batch_norm: bool = False
    """with several processes: batch norm over the whole batch, as with one process, instead of each process's share;
    slower"""
    seed: int = Field(default=0, ge=0)
    """seed of the random initial weights, the order of the samples and the augmentation"""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 if the processor or GPU has instructions for it, else fp32; chosen once for all runs of a study"""
    compile: Annotated[Literal["auto", "on", "off"], NoEffect("the same network, computed faster")] = "auto"
    """compile the network before training; auto: on a GPU, in runs that are long enough to save the minute it takes,
    and in shorter ones each step is replayed as a CUDA graph instead; off: neither"""
    keep_last: Annotated[int, NoEffect("only what is kept on disk")] = Field(default=2, ge=1)
    """number of checkpoints to keep, of the last epochs; the checkpoint of the best epoch is kept too"""
    save_steps: Annotated[int | None, NoEffect("only what is kept on disk")] = Field(default=None, ge=1)
    """save a checkpoint every this many steps too; none: only at the end of each epoch"""
    device: Annotated[str, NoEffect("only where the run is computed")] = "auto"
    """auto (CUDA if available, else MPS, the GPU of a Mac, else cpu), cpu, cuda, cuda:1, mps"""
    track: Annotated[Names | None, NoEffect("only who is told of the run")] = None
    """trackers that are told of the run, with commas between them: tensorboard, wandb, mlflow, trackio; none: the
    journal alone"""
    track_to: Annotated[str | None, NoEffect("only who is told of the run")] = None
    """folder that the trackers write to, unless their own environment variables say where; none: trackers in the run
    folder, for the runs of a study in that of the study"""


class Recipe(Section):
    """All settings of a run."""

    data: Data = Data()
    model: Model = Model()
    augment: Augment = Augment()
    loss: Loss = Loss()
    optim: Optim = Optim()
    train: Train = Train()
