"""The marks of tests that need a GPU with CUDA."""

import pytest
import torch

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
CUDA = pytest.param("cuda", marks=needs_cuda)
