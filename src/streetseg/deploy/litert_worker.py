"""The process that makes LiteRT files. It imports nothing of streetseg and is run as a script.

litert-torch needs more than 1 GB, starts JAX, and prints hundreds of lines. All of that ends with this process.
"""

import sys
from pathlib import Path


def convert(program: Path, out: Path) -> None:
    """Convert a program of torch.export, saved with its example, to a float32 .tflite file."""
    import litert_torch
    import torch

    exported = torch.export.load(program)
    _, example = exported.example_inputs
    litert_torch.convert(exported.module(), sample_kwargs=example).export(str(out))


def lower(file: Path, out: Path, precision: str, images: Path) -> None:
    """Write a float32 .tflite file in another precision.

    Args:
        file: the float32 file.
        out: the file to write.
        precision: "fp16": 16-bit weights; "int8": weights and activations in 8 bits.
        images: calibration images for int8, a .npy file uint8 (N, H, W, 3).
    """
    import numpy as np
    from ai_edge_quantizer import algorithm_manager, qtyping, quantizer, recipe

    if precision == "int8":
        lowering = quantizer.Quantizer(str(file), recipe.static_wi8_ai8())
        samples = [{"images": image[None]} for image in np.load(images, allow_pickle=False)]
        lowered = lowering.quantize(lowering.calibrate({"serving_default": samples}))
    else:
        lowering = quantizer.Quantizer(str(file))
        lowering.update_quantization_recipe(
            regex=".*",
            operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
            op_config=qtyping.OpQuantizationConfig(
                weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
                compute_precision=qtyping.ComputePrecision.FLOAT,
                explicit_dequantize=True,
            ),
            algorithm_key=algorithm_manager.AlgorithmName.FLOAT_CASTING,
        )
        lowered = lowering.quantize()
    lowered.export_model(str(out), overwrite=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["convert", program, out]:
            convert(Path(program), Path(out))
        case ["lower", file, out, precision, images]:
            lower(Path(file), Path(out), precision, Path(images))
