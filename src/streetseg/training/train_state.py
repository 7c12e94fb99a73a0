"""Training state: network, objective, optimizer, averaged weights, device.

What depends on the machine, such as precision and compilation, is chosen while the state is made.
"""

from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streetseg.models.initial_weights import InitialWeights
from streetseg.models.network import SegmentationNetwork
from streetseg.models.own import OwnDecoder, OwnEncoder
from streetseg.profiler import Profiler
from streetseg.recipe.schema import Recipe
from streetseg.runtime.batch_norm import share_batch_norm
from streetseg.runtime.compilation import NOT_COMPILED, Compilation, choose_compilation
from streetseg.runtime.device import tune
from streetseg.runtime.distributed import ALONE, Ranks
from streetseg.runtime.precision import Precision, choose_precision
from streetseg.runtime.step_graph import Recorder, Results, StepGraphs
from streetseg.training.callbacks import LossFunction
from streetseg.training.objective import Objective, OwnObjective
from streetseg.training.optim import ExponentialAverage, hold_where, make_optimizer


@dataclass
class TrainState:
    """Training state; the same on all ranks that train together.

    Args:
        recipe: everything that decides the run.
        network: the network that is trained.
        average: its averaged weights; None where the recipe has none.
        optimizer: moves the weights.
        objective: the loss.
        device: where all of them are.
        precision: of the forward pass.
        ranks: the processes that train together.
        steps_done: steps since the start of the run.
        compilation: whether the network is compiled, or steps are replayed as CUDA graphs, and why.
        profiler: measures the parts of a step.
    """

    recipe: Recipe
    network: SegmentationNetwork
    average: ExponentialAverage | None
    optimizer: torch.optim.Optimizer
    objective: Objective | OwnObjective
    device: torch.device
    precision: Precision
    ranks: Ranks = ALONE
    steps_done: int = 0
    compilation: Compilation = NOT_COMPILED
    profiler: Profiler = field(default_factory=Profiler)

    def __post_init__(self) -> None:
        self._network = self.ranks.averaging_gradients(self.network)
        self._compiled = self.compilation.of(self._network, graphs=self.device.type == "cuda" and self.ranks.world == 1)
        graphs = self.compilation.how == "graph"
        self._graphs = StepGraphs(self.network.parameters(), Recorder(self.device)) if graphs else None
        self._full = len(range(self.recipe.train.batch)[self.ranks.rank :: self.ranks.world])
        self._held = torch.zeros((), device=self.device)
        hold_where(self.optimizer, self._held)

    def differentiate(self, images: Tensor, labels: Tensor) -> Results:
        """Compute the loss of this rank's share of a batch, and its gradient into the `.grad` of the parameters.

        Each `.grad` has to be None before. A graph is replayed where steps are to be graphs.

        Args:
            images: uint8 (B, 3, H, W).
            labels: uint8 (B, H, W).

        Returns:
            Logits (B, C, h, w), loss and weighted terms. The next call may write over them, and over the gradients.
        """
        if self._graphs is not None and self._is_full(images):
            with self.profiler("graph"):
                # A profiler that measures waits for the device, which no recording survives.
                replayed = self._graphs.replay(partial(self._differentiate, Profiler()), images, labels)
            if replayed is not None:
                return replayed
        return self._differentiate(self.profiler, images, labels)

    def _differentiate(self, profiler: Profiler, images: Tensor, labels: Tensor) -> Results:
        """Do the same without a graph."""
        network = self._compiled if self._is_full(images) else self._network
        with profiler("forward"), self.precision.autocast(self.device):
            logits = network(images)
        with profiler("loss"):
            loss, terms = self.objective(logits, labels, self.ranks)
        with profiler("backward"):
            loss.backward()
        return logits.detach(), loss.detach(), {name: term.detach() for name, term in terms.items()}

    def _is_full(self, images: Tensor) -> bool:
        """Return whether these are no smaller last batch of an epoch, which is not worth a compilation or a graph."""
        return len(images) == self._full

    def hold_unless_finite(self, number: Tensor) -> None:
        """Let no step move a weight from now on if `number` is NaN or infinite. The device decides, without a wait."""
        torch.maximum(self._held, (~number.isfinite()).float(), out=self._held)

    def move_weights(self) -> None:
        """Take one step of the optimizer, unless a number was not finite."""
        if self.device.type == "mps" and self._held:  # fused AdamW ignores the flag on MPS, so the CPU has to wait
            return
        self.optimizer.step()

    @property
    def scored(self) -> SegmentationNetwork:
        """The network that is validated and kept: the averaged one where there is one."""
        return self.network if self.average is None else self.average.network

    @property
    def lr(self) -> float:
        """The learning rate of the last step, as the decoder and the head have it."""
        rate: float = self.optimizer.param_groups[-1]["lr"]
        return rate


def make_train_state(
    recipe: Recipe,
    network: SegmentationNetwork,
    initial: InitialWeights,
    class_pixels: NDArray[np.int64],
    device: torch.device,
    state: dict[str, Any] | None,
    ranks: Ranks,
    profiler: Profiler,
    steps: int,
    loss: LossFunction | None = None,
) -> TrainState:
    """Return the training state on its device. A resumed run keeps the precision that `auto` chose at its start.

    Args:
        recipe: everything that decides the run.
        network: with its initial weights.
        initial: where these weights are from; decides the learning rate of the encoder.
        class_pixels: pixels of each class in the training split, int64 (C,).
        device: where to train.
        state: the checkpoint to go on from; None for a new run.
        ranks: the processes that train together.
        profiler: measures the parts of a step.
        steps: about the number of steps that are left; decides whether compilation is worth its time.
        loss: of the caller's own, in place of the loss of the recipe.
    """
    tune(device)
    if recipe.optim.freeze_encoder:
        network.freeze_encoder()
    elif recipe.optim.freeze_stages:
        network.freeze_stages(recipe.optim.freeze_stages)
    if recipe.optim.freeze_batch_norm:
        network.freeze_statistics()
    network.place(device)
    objective = (
        Objective(recipe.loss, class_pixels, network.space.ignore_index, network.space.names)
        if loss is None
        else OwnObjective(loss)
    ).to(device)
    if state is not None and recipe.train.precision == "auto":
        precision = Precision(state["precision"], "as before the interruption")
    else:
        precision = Precision(**ranks.broadcast(asdict(choose_precision(recipe.train.precision, device))))
    average = ExponentialAverage(network, recipe.optim.ema) if recipe.optim.ema else None
    if recipe.train.sync_batch_norm and ranks.world > 1:
        share_batch_norm(network)
    return TrainState(
        recipe,
        network,
        average,
        make_optimizer(network, recipe.optim, pretrained=initial.pretrained),
        objective,
        device,
        precision,
        ranks,
        compilation=choose_compilation(recipe.train.compile, device, steps, obstacle(network, objective, ranks)),
        profiler=profiler,
    )


def obstacle(network: SegmentationNetwork, objective: Objective | OwnObjective, ranks: Ranks) -> str | None:
    """Return why steps of a training cannot be recorded as CUDA graphs; None: they can."""
    if ranks.world > 1:
        return f"{ranks.world} processes share each batch"
    if isinstance(network.encoder, OwnEncoder) or isinstance(network.decoder, OwnDecoder):
        return "the network has a module of the caller's own"
    return objective.obstacle


def describe_start(train_state: TrainState, initial: InitialWeights) -> dict[str, Any]:
    """Return what environment.json says of the run besides versions and machine."""
    return {
        "device": str(train_state.device),
        "processes": train_state.ranks.world,
        "precision": asdict(train_state.precision),
        "compiled": asdict(train_state.compilation),
        "initial_weights": initial.as_dict(),
    }
