"""The random numbers of training depend on (seed, epoch, index) alone."""

from dataclasses import astuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from streetseg.data.augment.rng import BUFFER, draw, shuffled, shuffled_by_shard


def table(seed: int, epoch: int, indices: list[int]) -> NDArray[np.float64]:
    return np.stack(astuple(draw(seed, epoch, indices)))


def test_a_sample_draws_the_same_in_any_company_and_order() -> None:
    together = table(3, 5, [0, 1, 2, 3])
    assert np.array_equal(table(3, 5, [2]), together[:, [2]])
    assert np.array_equal(table(3, 5, [3, 0, 1]), together[:, [3, 0, 1]])


def test_seed_epoch_index_and_kind_all_change_the_numbers() -> None:
    numbers = np.concatenate([table(seed, epoch, list(range(20))).ravel() for seed in (0, 1) for epoch in (0, 1)])
    assert len(np.unique(numbers)) == len(numbers)


def test_numbers_are_uniform() -> None:
    numbers = table(0, 0, list(range(3000)))
    assert numbers.min() >= 0
    assert numbers.max() < 1
    # Mean and spread of 3,000 uniform numbers, within five standard errors.
    assert np.abs(numbers.mean(axis=1) - 0.5).max() < 5 / np.sqrt(12 * 3000)
    assert np.abs(np.corrcoef(numbers) - np.eye(len(numbers))).max() < 5 / np.sqrt(3000)


def test_order_is_a_permutation_of_its_own_for_each_epoch_and_seed() -> None:
    orders = {tuple(shuffled(seed, epoch, 50).tolist()) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert tuple(shuffled(2, 1, 50).tolist()) in orders


@given(counts=st.lists(st.integers(1, 900), min_size=1, max_size=12), seed=st.integers(0, 5))
def test_shards_are_read_by_windows(counts: list[int], seed: int) -> None:
    shards = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    order = shuffled_by_shard(seed, 1, shards)
    assert sorted(order.tolist()) == list(range(len(shards)))
    read = shards[order]
    first = {shard: int(np.flatnonzero(read == shard)[0]) for shard in set(read.tolist())}
    last = {shard: int(np.flatnonzero(read == shard)[-1]) for shard in first}
    for shard in first:  # all samples of a shard are read within a buffer and one shard
        assert last[shard] - first[shard] < BUFFER + max(counts)


def test_shards_that_fill_one_window_give_the_order_of_a_folder() -> None:
    shards = np.repeat([2, 0, 1], BUFFER // 3)
    assert np.array_equal(shuffled_by_shard(4, 2, shards), shuffled(4, 2, len(shards)))


def test_the_windows_of_shards_are_others_in_each_epoch() -> None:
    shards = np.repeat(np.arange(20), BUFFER // 2)
    firsts = {tuple(sorted(set(shards[shuffled_by_shard(0, epoch, shards)[:BUFFER]].tolist()))) for epoch in range(5)}
    assert all(len(first) == 2 for first in firsts)
    assert len(firsts) == 5


def test_numbers_stay_the_same_between_versions() -> None:
    # Repeating a run rests on these: a numpy that draws other numbers is to be noticed here.
    assert draw(0, 0, [0]).scale[0] == 0.6436367332217984
    assert draw(0, 0, [0]).blur_width[0] == 0.557057016557314
    assert shuffled(0, 0, 5).tolist() == [0, 2, 1, 4, 3]
    assert shuffled_by_shard(0, 0, np.arange(3).repeat(BUFFER))[::BUFFER].tolist() == [2561, 1926, 998]
