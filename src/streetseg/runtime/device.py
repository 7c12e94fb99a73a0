"""Which device a run uses."""

import torch

from streetseg.errors import RequestError


def choose_device(name: str) -> torch.device:
    """"auto" is CUDA where there is one, else the CPU; any other name must exist.

    Raises:
        RequestError: if the device is unknown or not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = next(iter(str(error).splitlines()), "unknown reason")
        raise RequestError(f"device {name} cannot be used ({reason})", where="train.device", hint="auto, cpu or cuda") from error
    return device
