"""Where a run may run."""

import pytest
import torch

from streetseg.errors import RequestError
from streetseg.runtime.device import choose_device


def test_auto_is_the_gpu_where_there_is_one() -> None:
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_cpu_by_name() -> None:
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:99", "cpu:x", "meta", "xla"])
def test_a_device_that_cannot_be_used_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="cannot be used") as refused:
        choose_device(name)
    assert refused.value.where == ("train.device",)
    assert refused.value.hint == "auto, cpu, cuda or mps"
    assert refused.value.exit_code == 2
