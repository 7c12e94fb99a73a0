"""Labels from logits: numpy's argmax, in every layout, the first class where several are equal."""

import pytest
import torch

from streetseg.inference.likeliest import likeliest


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_equals_argmax_also_where_logits_are_equal(layout: torch.memory_format, dtype: torch.dtype) -> None:
    few_values = torch.randint(0, 3, (2, 11, 37, 53), generator=torch.Generator().manual_seed(0))
    logits = few_values.to(dtype).contiguous(memory_format=layout)
    ids = likeliest(logits)
    assert ids.dtype == torch.uint8
    assert (ids.numpy() == few_values.numpy().argmax(1)).all()
