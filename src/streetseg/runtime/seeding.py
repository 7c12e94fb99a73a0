"""One seed for everything random."""

import random

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch; from here the initial weights follow. Batches draw from their own generators."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
