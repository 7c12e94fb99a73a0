"""A network as an ONNX graph. Input: uint8 images of any number and size, or one of a fixed size."""

import json
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from timm.utils.model import reparameterize_model
from torch import Tensor, nn

from streetseg.arrays import Size
from streetseg.models.description import INPUT, KEY, LABELS, LOGITS
from streetseg.models.network import SegmentationNetwork

OPSET = 17  # ONNX Runtime 1.13 and OpenVINO 2022.3, both of 2022, can read it
_EXAMPLE = (2, 3, 65, 97)  # height and width are no multiples of 32, so that the exporter records the padding


class _LogitsAndLabels(nn.Module):
    """A network with its labels as second output."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        logits: Tensor = self.network(images)
        # The classes are moved to the last axis, because OpenVINO needs twice as long for argmax over any other.
        return logits, logits.permute(0, 2, 3, 1).argmax(3).to(torch.uint8)


def write_graph(path: Path, network: SegmentationNetwork, fixed: Size | None = None) -> None:
    """Write the network in evaluation mode, with batch norm folded into the convolutions.

    Parallel branches that timm can merge into one convolution are merged. Torch's newer exporter (dynamo) is not used:
    it takes forty times as long. It also omits the padding if the example needs none, and fixes the size if it does.

    Args:
        path: the .onnx file; an existing one is replaced.
        network: is not changed.
        fixed: the height and width of the only image that the graph takes at a time; None for any images.
    """
    batch, height, width = "batch", "height", "width"
    exported = _LogitsAndLabels(reparameterize_model(network.cpu().eval())).eval()
    example = torch.zeros((1, 3, *fixed) if fixed else _EXAMPLE, dtype=torch.uint8)
    any_images = {
        INPUT: {0: batch, 2: height, 3: width},
        LOGITS: {0: batch, 2: height, 3: width},
        LABELS: {0: batch, 1: height, 2: width},
    }
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch warns that this exporter is the older one, and of the fixed example
        torch.onnx.export(
            exported,
            (example,),
            str(path),
            input_names=[INPUT],
            output_names=[LOGITS, LABELS],
            dynamic_axes=None if fixed else any_images,
            opset_version=OPSET,
            dynamo=False,
        )


def describe(path: Path, description: dict[str, Any]) -> None:
    """Write the description of the model into the metadata of the .onnx file, and check that the file is valid ONNX."""
    model = onnx.load(str(path))
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, json.dumps(description, ensure_ascii=False, allow_nan=False)
    model.producer_name, model.producer_version = "streetseg", description["streetseg"]
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
