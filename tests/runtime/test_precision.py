"""The choice between fp32 and bf16."""

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from streetseg.runtime.precision import Precision, choose_precision

CPU = torch.device("cpu")


def has(monkeypatch: pytest.MonkeyPatch, *instructions: str) -> None:
    known = {"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": False} | dict.fromkeys(instructions, True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known, raising=False)


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_what_the_recipe_says_is_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, "amx_bf16")
    assert choose_precision(name, CPU) == Precision(name, "as the recipe says")


@pytest.mark.bad_input(60, "bf16 if the processor has instructions for it, else fp32; nothing is timed")
@pytest.mark.parametrize(
    ("instructions", "precision"),
    [
        ((), Precision("fp32", "this processor is not known to have instructions for bf16")),
        (("avx2", "avx512_vnni"), Precision("fp32", "this processor is not known to have instructions for bf16")),
        (("avx512_bf16",), Precision("bf16", "this processor has instructions for bf16 (avx512_bf16)")),
        (("avx512_bf16", "amx_bf16"), Precision("bf16", "this processor has instructions for bf16 (amx_bf16)")),
    ],
)
def test_the_processor_decides(
    instructions: tuple[str, ...], precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    has(monkeypatch, *instructions)
    assert choose_precision("auto", CPU) == precision


@pytest.mark.parametrize(
    ("flags", "name"),
    [("flags\t\t: fpu sse2 avx512_bf16\n", "bf16"), ("flags\t\t: fpu sse2\n", "fp32"), ("", "fp32"), (None, "fp32")],
)
def test_where_torch_does_not_tell_the_system_does(
    flags: str | None, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a torch that lacks `get_capabilities`, /proc/cpuinfo decides. None: a system without /proc."""
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr("streetseg.machine.CPU_INFO", tmp_path / "cpuinfo")
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nmodel name\t: avx512_bf16\n{flags}")
    assert choose_precision("auto", CPU).name == name


@pytest.mark.parametrize(("native", "name"), [(True, "bf16"), (False, "fp32")])
def test_a_gpu_that_imitates_bf16_trains_in_fp32(native: bool, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device", nullcontext)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or native)
    assert choose_precision("auto", torch.device("cuda", 0)).name == name


@pytest.mark.parametrize(("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_autocast(name: str, dtype: torch.dtype) -> None:
    with Precision(name, "").autocast(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
