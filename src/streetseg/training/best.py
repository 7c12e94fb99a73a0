"""The bundle of the best epoch, and its repair where it is not the one that the history names."""

import copy
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streetseg.atomic import sha256
from streetseg.errors import TrainingError
from streetseg.models.bundle import save_bundle
from streetseg.models.initial_weights import InitialWeights
from streetseg.models.network import SegmentationNetwork
from streetseg.runtime.checkpoint import checkpoint_name, load_checkpoint
from streetseg.runtime.disk import free_space_for
from streetseg.training.history import EpochRow

log = logging.getLogger("streetseg")


@dataclass
class Best:
    """The best bundle of a run.

    Args:
        folder: the folder of the bundle.
        initial: the initial weights of the network.
        validation: data set, split and number of images of the scores.
        digest: SHA-256 of the weights; None before the first epoch is over.
    """

    folder: Path
    initial: InitialWeights
    validation: dict[str, Any]
    digest: str | None = None

    def write(self, network: SegmentationNetwork, row: EpochRow, precision: str) -> None:
        """Write the weights of an epoch that is better than those before, with its scores."""
        needed = sum(tensor.nbytes for tensor in network.state_dict().values())
        with free_space_for(self.folder, needed):
            save_bundle(
                self.folder,
                network,
                initial_weights=self.initial.as_dict(),
                protocol=self.validation | {"precision": precision},
                scores={"mean": {"iou": row.val_iou}, "pixel_accuracy": row.val_accuracy},
            )
        self.digest = sha256(self.weights)

    def put_right(self, network: SegmentationNetwork, row: EpochRow, precision: str, checkpoints: Path) -> None:
        """Write the bundle again from the checkpoint of the best epoch if it is damaged, missing, or of another epoch.

        It is of another epoch where the run was stopped between a bundle and its checkpoint, or goes on from an
        earlier checkpoint because a later one is damaged.

        Args:
            network: a network of the same layers, with any weights; it is not changed.
            row: the best epoch.
            precision: the precision in which that epoch was validated.
            checkpoints: the folder of the checkpoints.

        Raises:
            TrainingError: that checkpoint is damaged or missing, too.
        """
        if self.weights.is_file() and sha256(self.weights) == self.digest:
            return
        checkpoint = checkpoints / checkpoint_name(row.epoch)
        try:
            state = load_checkpoint(checkpoint)
        except TrainingError as error:
            raise TrainingError(
                f"the best network, of epoch {row.epoch}, is lost: neither its bundle nor its checkpoint is whole",
                where=(self.folder, checkpoint),
                hint="start a new run",
            ) from error
        network = copy.deepcopy(network)
        network.load_state_dict(state["network"] if state["average"] is None else state["average"]["network"])
        self.write(network, row, precision)
        log.warning("the best bundle was not that of epoch %d; written again from %s", row.epoch, checkpoint.name)

    @property
    def weights(self) -> Path:
        """The weight file."""
        return self.folder / "weights.safetensors"
