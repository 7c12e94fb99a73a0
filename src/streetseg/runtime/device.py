"""Which device a run uses."""

import torch

from streetseg.errors import RequestError

KINDS = ("cpu", "cuda")


def choose_device(name: str) -> torch.device:
    """The device of that name; for "auto" CUDA where there is one, else the CPU.

    Raises:
        RequestError: if the device is unknown, not there, or of a kind nobody has tried.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise unusable(name, next(iter(str(error).splitlines()), "unknown reason")) from error
    if device.type not in KINDS:
        raise unusable(name, "streetseg runs on " + " and ".join(KINDS))
    return device


def unusable(name: str, reason: str) -> RequestError:
    return RequestError(f"device {name} cannot be used ({reason})", where="train.device", hint="auto, cpu or cuda")
