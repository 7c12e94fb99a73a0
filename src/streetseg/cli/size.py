"""A size as people type it."""

import re

from streetseg.errors import RequestError


def parse_size(text: str) -> tuple[int, int]:
    """ "360x480" -> (360, 480). Raises RequestError."""
    match = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text)
    if match is None:
        raise RequestError(f"{text!r} is no size", where="--size", hint="height x width in pixels, e.g. --size 360x480")
    return int(match[1]), int(match[2])
