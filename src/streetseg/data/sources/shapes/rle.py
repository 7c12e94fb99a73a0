"""Run lengths of masks, as COCO counts them: down each column, columns from left to right, the first run outside.

COCO writes them as a list of numbers, or compressed as a text: from the fourth on, each number is the difference from
the one two places before; it is written in groups of five bits, the lowest first, each as one character from "0" on.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BITS = 5  # per character
_LOW = 0x1F  # the bits of the number
_MORE = 0x20  # the number goes on in the next character
_SIGN = 0x10  # in the last character: the number is negative
_FIRST = 48  # the character "0"
_LONGEST = 13  # characters of one number: 64 bits


def encode(mask: NDArray[np.bool_]) -> list[int]:
    """Return the run lengths of a mask (H, W)."""
    flat = np.concatenate(([False], mask.T.ravel()))
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    lengths: list[int] = np.diff(np.concatenate(([0], changes, [mask.size]))).tolist()
    return lengths


def decode(lengths: Sequence[int], height: int, width: int) -> NDArray[np.bool_]:
    """Return the mask (H, W) with these run lengths.

    Raises:
        ValueError: a length is no whole number of 0 or more, or their sum is not H * W.
    """
    runs = np.array(lengths, dtype=object)
    if runs.ndim != 1 or any(isinstance(run, bool) or not isinstance(run, int) or run < 0 for run in lengths):
        raise ValueError("a run length is no whole number of 0 or more")
    if (total := sum(lengths)) != height * width:
        raise ValueError(f"run lengths of {total:,} pixels, expected {height}x{width} = {height * width:,}")
    inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(inside, runs.astype(np.int64)).reshape(width, height).T


def compress(lengths: Sequence[int]) -> str:
    """Return run lengths as COCO's compressed text."""
    characters = []
    for index, length in enumerate(lengths):
        number = length - lengths[index - 2] if index > 2 else length
        more = True
        while more:
            bits = number & _LOW
            number >>= _BITS
            more = number != (-1 if bits & _SIGN else 0)
            characters.append(chr(_FIRST + (bits | _MORE if more else bits)))
    return "".join(characters)


def decompress(text: str) -> list[int]:
    """Return the run lengths in COCO's compressed text.

    Raises:
        ValueError: a character has no meaning there, or the text ends within a number.
    """
    lengths: list[int] = []
    number, shift = 0, 0
    for character in text:
        bits = ord(character) - _FIRST
        if not 0 <= bits < 2 * _MORE or shift >= _BITS * _LONGEST:
            raise ValueError(f"{character!r} cannot be in compressed run lengths")
        number |= (bits & _LOW) << shift
        shift += _BITS
        if not bits & _MORE:
            number -= (1 << shift) if bits & _SIGN else 0
            lengths.append(number + (lengths[-2] if len(lengths) > 2 else 0))
            number, shift = 0, 0
    if shift:
        raise ValueError("compressed run lengths end within a number")
    return lengths
