"""Tiny exported models, written by the code of `streetseg export`."""

from pathlib import Path

from networks import tiny_network
from streetseg.data.sources.scenes import ScenesSource
from streetseg.deploy.export import export
from streetseg.models.bundle import save_bundle
from streetseg.models.network import SegmentationNetwork

SIZE = (48, 64)  # of the networks and images
SCENES = ScenesSource(train=2, val=2, size=SIZE)


def saved(folder: Path, network: SegmentationNetwork) -> Path:
    """Save the network as a bundle. Return its folder."""
    initial = {"kind": "random", "source": "", "text": "random weights"}
    save_bundle(folder, network, initial_weights=initial, protocol={"dataset": "none"}, scores={})
    return folder


def exported(folder: Path, *, encoder: str = "test_efficientnet", size: tuple[int, int] | None = None) -> Path:
    """Write the bundle FOLDER/model and its exports FOLDER/model.onnx and FOLDER/model.xml. Return the .onnx."""
    file = onnx_exported(folder, encoder=encoder, size=size)
    export(file.with_suffix(""), file.with_suffix(".xml"), "openvino", SCENES)
    return file


def onnx_exported(folder: Path, *, encoder: str = "test_efficientnet", size: tuple[int, int] | None = None) -> Path:
    """Write the bundle FOLDER/model and its export FOLDER/model.onnx. Return the .onnx."""
    bundle = saved(folder / "model", tiny_network(encoder, size=size).eval())
    export(bundle, folder / "model.onnx", "onnx", SCENES)
    return folder / "model.onnx"


def litert_exported(folder: Path) -> Path:
    """Write the bundle FOLDER/model and its export FOLDER/model.tflite; return the file. It takes half a minute."""
    bundle = saved(folder / "model", tiny_network(size=SIZE).eval())
    export(bundle, folder / "model.tflite", "litert", SCENES)
    return folder / "model.tflite"
