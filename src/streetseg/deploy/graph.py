"""A network as an ONNX graph: uint8 images of any number and size in, logits and labels out."""

import json
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from timm.utils.model import reparameterize_model
from torch import Tensor, nn

from streetseg.models.description import INPUT, KEY, LABELS, LOGITS
from streetseg.models.network import SegmentationNetwork

OPSET = 17  # what ONNX Runtime 1.13 and OpenVINO 2022.3, both of 2022, can read already
_EXAMPLE = (2, 3, 65, 97)  # no multiples of 32, so that padding is part of what is recorded


class _LogitsAndLabels(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        logits: Tensor = self.network(images)
        # Over the last axis, as OpenVINO takes twice as long for argmax over any other.
        return logits, logits.permute(0, 2, 3, 1).argmax(3).to(torch.uint8)


def write_graph(path: Path, network: SegmentationNetwork) -> None:
    """Writes the network as it computes in evaluation mode, batch norm folded into the convolutions.

    Branches that timm can fold into one convolution are folded. Torch's newer exporter is not taken: it takes forty
    times as long, and leaves the padding out because the example does not need it or fixes the size because it does.

    Args:
        path: the .onnx file; replaced.
        network: is not changed.
    """
    batch, height, width = "batch", "height", "width"
    exported = _LogitsAndLabels(reparameterize_model(network.cpu().eval())).eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of its being the older exporter, and of the size it has seen
        torch.onnx.export(
            exported,
            (torch.zeros(_EXAMPLE, dtype=torch.uint8),),
            str(path),
            input_names=[INPUT],
            output_names=[LOGITS, LABELS],
            dynamic_axes={
                INPUT: {0: batch, 2: height, 3: width},
                LOGITS: {0: batch, 2: height, 3: width},
                LABELS: {0: batch, 1: height, 2: width},
            },
            opset_version=OPSET,
            dynamo=False,
        )


def describe(path: Path, description: dict[str, Any]) -> None:
    """Puts the description of the model into the .onnx file, and checks that the file is sound ONNX."""
    model = onnx.load(str(path))
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, json.dumps(description, ensure_ascii=False, allow_nan=False)
    model.producer_name, model.producer_version = "streetseg", description["streetseg"]
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
