"""The lines of journal.jsonl, one for each event of a run."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NotRequired

from pydantic import Field, RootModel

from streetseg.json_files.terms import Count, Fixed, NonNegative, Positive, Share


class Event(Fixed):
    """An event of a run."""

    time: NonNegative
    """seconds since 1970"""


class Begin(Event):
    """The run begins, or goes on after it was stopped."""

    event: Literal["start", "resume"]
    """start, or resume where the run goes on"""
    epochs_done: Count
    """complete epochs before"""
    steps_done: Count
    """steps before"""
    processes: Positive
    """processes that train together"""
    name: Literal["fp32", "bf16"]
    """numbers that the network computes with"""
    why: str
    """reason for this precision"""
    on_the_fly: Sequence[str]
    """splits whose images are decoded again each time"""
    forced: Sequence[str]
    """what has changed since the start, with --force"""
    own: Sequence[str]
    """what the caller of `streetseg.train` brought and no recipe holds"""


class Step(Event):
    """A training step. Of the terms of the loss, which are weighted, those of the recipe are there."""

    event: Literal["step"]
    """a step was done"""
    epoch: Positive
    """counted from 1"""
    step: Positive
    """of the run, counted from 1"""
    lr: NonNegative
    """learning rate of the decoder and the head"""
    loss: float
    """sum of the terms"""
    cross_entropy: NotRequired[float]
    """cross-entropy"""
    focal: NotRequired[float]
    """focal loss, in place of the cross-entropy"""
    dice: NotRequired[float]
    """Dice loss"""
    tversky: NotRequired[float]
    """Tversky loss"""
    lovasz: NotRequired[float]
    """Lovász loss"""
    own_loss: NotRequired[float]
    """loss of the caller's own, the only term"""
    gradient_norm: NonNegative
    """norm of the gradient, before it is clipped"""


class Epoch(Event):
    """A complete epoch: its row of results.csv, and what is no result."""

    event: Literal["epoch"]
    """an epoch is complete"""
    epoch: Positive
    """counted from 1"""
    lr: NonNegative
    """learning rate of the decoder and the head at its end"""
    train_loss: float | None
    """mean loss of the training"""
    train_accuracy: Share | None
    """share of correct pixels in the training, 0 to 1"""
    train_iou: Share | None
    """mean IoU in the training, 0 to 1"""
    val_loss: float | None
    """mean loss on the validation split; null, as the next two, if the epoch was not validated"""
    val_accuracy: Share | None
    """share of correct pixels on the validation split, 0 to 1"""
    val_iou: Share | None
    """mean IoU on the validation split, 0 to 1"""
    images_per_second: NonNegative
    """speed of the training"""
    seconds: NonNegative
    """time of training and validation"""
    ignored_pixels: Count
    """ignored pixels of the training crops"""
    ignored_only_crops: Count
    """training crops with ignored pixels only"""
    ignored_only_batches: Count
    """training batches with ignored pixels only, whose loss is 0"""
    ignored_only_val_images: Count | None
    """validation images with ignored pixels only"""
    best: bool
    """whether no epoch before had a higher validation mean IoU"""


class EarlyStop(Event):
    """A callback ended the run, as a finished one."""

    event: Literal["early_stop"]
    """a callback ended the run"""
    epoch: Count
    """complete epochs"""
    why: str | None
    """reason that it gave; null where it ran in another process"""


class Stop(Event):
    """A signal ended the run; it can be resumed."""

    event: Literal["stop"]
    """a signal ended the run"""
    signal: str
    """name of the signal, e.g. SIGINT"""
    step: Count
    """steps that were done"""


class Evaluation(Event):
    """The best network was scored on the validation split."""

    event: Literal["evaluation"]
    """the best network was scored on the validation split"""
    images: Positive
    """number of images"""
    seconds: NonNegative
    """time that it took, in seconds"""


class Test(Event):
    """The best network was scored on a test split."""

    event: Literal["test"]
    """the best network was scored on a test split"""
    images: Positive
    """number of images"""
    mean_iou: Share | None
    """mean IoU, 0 to 1"""


class ProfilePart(Fixed):
    """A part of the work."""

    seconds: NonNegative
    """time that it took, in seconds"""
    ms_per_image: NonNegative
    """time for an image, in milliseconds"""
    share: Share
    """share of the total, 0 to 1"""


class Profile(Event):
    """The time that each part of the work took; with --profile."""

    event: Literal["profile"]
    """the work was measured"""
    images: Count
    """training images"""
    seconds: NonNegative
    """total time, in seconds"""
    parts: Mapping[str, ProfilePart]
    """part -> its time"""


class End(Event):
    """The run is finished. The last line of its journal."""

    event: Literal["end"]
    """the run is finished"""
    best_epoch: Positive
    """epoch of the best network, counted from 1"""
    mean_iou: Share | None
    """its mean IoU on the validation split in fp32, 0 to 1"""


class JournalLine(
    RootModel[
        Annotated[
            Begin | Step | Epoch | EarlyStop | Stop | Evaluation | Test | Profile | End, Field(discriminator="event")
        ]
    ]
):
    """A line of journal.jsonl: an event of a run."""
