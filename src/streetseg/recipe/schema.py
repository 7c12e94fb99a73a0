"""What a person asked for: one frozen recipe a run. The text under each field is its help."""

import re
import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

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
    BeforeValidator(_height_and_width),  # 360x480 as well as [360, 480]
]


@dataclass(frozen=True)
class NoEffect:
    """Marks a field that does not change what comes out of a run: `--resume` and comparisons pass over it.

    Args:
        why: it does not.
    """

    why: str


class Section(BaseModel):
    """A part of the recipe: frozen, and unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _none_is_nothing(cls, value: object, info: ValidationInfo) -> object:
        """`none`, as people type it, is None where a field may be empty."""
        annotation: Any = cls.model_fields[info.field_name or ""].annotation
        return None if value == "none" and types.NoneType in get_args(annotation) else value


class Data(Section):
    """Which images."""

    source: Annotated[str, NoEffect("the fingerprint of the data is compared")] = Field("scenes", description=DATA_HELP)
    space: str | None = None
    """label space to map to (e.g. street-11); none: the source's own, for Cityscapes its 19 scored classes"""
    size: Size | None = None
    """how large the network sees an image: with as many pixels as this height and width, in its own shape; none:
    at its own size"""
    splits: Annotated[dict[str, str], NoEffect("the fingerprint of the data is compared")] = Field(default_factory=dict)
    """split lists: split name -> text file, one sample name or glob a line; replaces the source's own splits"""
    exclude: Annotated[str | None, NoEffect("the fingerprint of the data is compared")] = None
    """text file of samples to leave out, with the same lines as a split list; none: all are used"""
    unlabeled: Annotated[Literal["refuse", "skip"], NoEffect("the fingerprint of the data is compared")] = "refuse"
    """images without mask in a split that is used: refuse names them all, skip leaves them out and says how many"""
    train_split: str = "train"
    """split to train on"""
    val_split: str = "val"
    """split to validate on after each epoch"""
    max_megapixels: Annotated[float, NoEffect("a limit of what is read")] = Field(default=89.0, gt=0)
    """larger images are refused from their header, as files that would fill the memory"""
    exif: Exif = "apply"
    """apply: turn images upright by their EXIF orientation; ignore: leave them as stored, for masks drawn on those"""
    range: Range = "full"
    """16-bit values that become 0 to 255. full: 0..65535; LOW..HIGH: these, such as 0..4095 of a 12-bit camera, and
    what lies beyond is clipped; auto: the lowest and highest value of each image"""

    @property
    def reading(self) -> ImageReading:
        """How the image files are read."""
        return ImageReading(exif=self.exif, range=self.range)

    def read_as(self, reading: ImageReading) -> "Data":
        """The same data with images read as a model was trained to, but for what was requested otherwise."""
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
    a .safetensors file, or a bundle or run folder to transfer from"""


def _rising(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"the lowest, then the highest: {pair[0]} is above {pair[1]}")
    return pair


Factor = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
Change = Annotated[float, Field(ge=0)]


class Augment(Section):
    """Random changes of the training images; each is drawn anew for each image and epoch."""

    crop: Size | None = None
    """height and width of the training crop; none: the image's size rounded down to a multiple of 32"""
    early_crop: Size | None = None
    """a smaller and so cheaper crop for the early epochs; none: the same throughout"""
    early: Probability = 0.6
    """share of the epochs that take early_crop, where it is given"""
    early_scale: Factor = 1.0
    """factor on `scale` in those epochs: with 0.5 the early crop shows twice as much of the street each way"""
    scale: Annotated[tuple[Factor, Factor], AfterValidator(_rising)] = (0.5, 2.0)
    """lowest and highest scale factor, drawn log-uniformly"""
    rotate: Change = 10.0
    """largest rotation either way, degrees"""
    flip: Probability = 0.5
    """probability of a left-right flip"""
    translate: Change = 0.0
    """largest shift either way beyond the crop's own freedom, as a share of the crop"""
    brightness: Change = 0.3
    """largest relative change of brightness either way"""
    contrast: Change = 0.3
    """largest relative change of contrast either way"""
    saturation: Change = 0.3
    """largest relative change of saturation either way"""
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    """largest hue turn either way, as a share of the color circle"""
    blur: Probability = 0.1
    """probability of a Gaussian blur"""


class Loss(Section):
    """What is minimized; pixels of the ignore index count nowhere."""

    region: Literal["none", "dice", "lovasz"] = "dice"
    """the region term beside cross-entropy"""
    region_weight: float = Field(default=1.0, ge=0)
    """weight of the region term"""
    class_weights: Literal["none", "mild", "balanced"] = "none"
    """of cross-entropy. balanced: 1 / log(1.02 + share of the masks' pixels) as in ENet; mild: its square root"""
    ohem: float | None = Field(default=None, gt=0, le=1)
    """keep only this share of the hardest pixels in cross-entropy"""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """label smoothing of cross-entropy"""


class Optim(Section):
    """How the weights move."""

    lr: float = Field(default=1e-3, gt=0)
    """peak learning rate of the decoder and of a random encoder"""
    encoder_lr_scale: float = Field(default=0.5, ge=0)
    """factor on lr for a pretrained encoder"""
    weight_decay: float = Field(default=0.01, ge=0)
    """AdamW weight decay; biases and norms have none"""
    schedule: Literal["poly", "one-cycle"] = "poly"
    """poly: linear warm-up, then (1 - t)^0.9; one-cycle: cosine up, cosine down"""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """share of the steps spent warming up"""
    clip: float = Field(default=1.0, gt=0)
    """largest norm of the gradient"""
    ema: float | None = Field(default=0.99, gt=0, lt=1)
    """decay of the averaged weights that are validated and kept; none: the raw weights"""


class Train(Section):
    """The run."""

    epochs: int = Field(default=20, ge=1)
    """passes over the training split"""
    steps: int | None = Field(default=None, ge=1)
    """so many steps in place of `epochs`: the epoch in which they are done ends there, and is validated"""
    patience: int | None = Field(default=None, ge=1)
    """end the run when validation mean IoU has not improved for so many epochs; none: all epochs are done"""
    batch: int = Field(default=8, ge=2)
    """images a step, on all processes together"""
    sync_batch_norm: bool = False
    """with several processes, batch norm over the whole batch, as in one process, not over each one's share; slower"""
    seed: int = Field(default=0, ge=0)
    """decides initial weights, order and augmentation"""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 where the processor or GPU has instructions for it, else fp32; chosen once for all runs of a study"""
    compile: Annotated[Literal["auto", "on", "off"], NoEffect("the same network, computed faster")] = "auto"
    """compile the network before training; auto: on a GPU, in runs long enough to repay the minute that it takes"""
    keep_last: Annotated[int, NoEffect("only what is kept on disk")] = Field(default=2, ge=1)
    """checkpoints of the last epochs that are kept, besides the best epoch's"""
    save_steps: Annotated[int | None, NoEffect("only what is kept on disk")] = Field(default=None, ge=1)
    """a checkpoint every so many steps, too; none: only at the end of each epoch"""
    device: Annotated[str, NoEffect("a place, not a method")] = "auto"
    """auto (CUDA where there is one, else MPS, the GPU of a Mac), cpu, cuda, cuda:1, mps"""


class Recipe(Section):
    """Everything that decides a run."""

    data: Data = Data()
    model: Model = Model()
    augment: Augment = Augment()
    loss: Loss = Loss()
    optim: Optim = Optim()
    train: Train = Train()
