"""Shards: tar files of images and masks in the layout of WebDataset, with an index beside them.

A shard holds NAME.jpg, NAME.mask.png and NAME.json of each of its samples. index.json names the classes, the shards
with their SHA-256, and the samples of each split in their order, each with offset, size and CRC-32 of its two files. So
any sample is read without a scan, on this machine or by a range request. The place of a member is SHARD.tar!MEMBER.
"""

import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from streetseg.data.remote import is_remote, read_range, read_whole
from streetseg.errors import DataError
from streetseg.labels.space import Color, LabelSpace

INDEX = "index.json"
COPY_AGAIN = "copy the shards again, all from one place"
Natural = Annotated[int, Field(ge=0)]


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Member(NamedTuple):
    """A file in a shard: its name, the offset of its first byte, its size in bytes, and its CRC-32."""

    name: str
    start: Natural
    size: Natural
    crc32: Natural


class Shard(_Plain):
    """A tar file: its name, its size in bytes, and its SHA-256 in hex."""

    file: Annotated[str, Field(pattern=r"^[\w%-][\w.%-]*\.tar$")]
    size: Natural
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ShardSample(_Plain):
    """A sample: its name, the number of its shard, its files, and where it is in a video."""

    name: str
    shard: Natural
    image: Member
    mask: Member
    sequence: str | None = None
    frame: int | None = None
    seconds: float | None = None


class ShardClass(_Plain):
    """A class; its id in the masks is its number in the list."""

    name: str
    color: Color


class Index(_Plain):
    """Content of index.json. Masks are gray PNG whose values are class ids, 255 for ignored pixels."""

    format: Literal["streetseg shards"] = "streetseg shards"
    version: Literal[1] = 1
    space: str
    classes: tuple[ShardClass, ...]
    shards: tuple[Shard, ...]
    splits: dict[str, tuple[ShardSample, ...]]

    @model_validator(mode="after")
    def _samples_lie_in_shards(self) -> Self:
        for sample in (sample for samples in self.splits.values() for sample in samples):
            if sample.shard >= len(self.shards):
                raise ValueError(f"{sample.name} is in shard {sample.shard}, there are {len(self.shards)}")
            if any(file.start + file.size > self.shards[sample.shard].size for file in (sample.image, sample.mask)):
                raise ValueError(f"{sample.name} ends behind the end of {self.shards[sample.shard].file}")
        return self

    @property
    def label_space(self) -> LabelSpace:
        """The classes as a label space. Raise ValueError if they cannot be one."""
        return LabelSpace(self.space, tuple(c.name for c in self.classes), tuple(c.color for c in self.classes))


def read_index(folder: str) -> Index:
    """Return the index of a folder of shards, a path or an address, as it is now.

    Raises:
        DataError: there is no index, it cannot be read, or it has mistakes.
    """
    index_of.cache_clear()
    _tables.cache_clear()
    return index_of(folder)


@lru_cache(maxsize=4)
def index_of(folder: str) -> Index:
    """Return the index of a folder of shards as `read_index` does, but as it was when it was first read."""
    place = f"{folder.rstrip('/')}/{INDEX}"
    hint = "streetseg convert DATA --to shards OUT  writes shards with their index"
    try:
        content = read_whole(place) if is_remote(place) else Path(place).read_bytes()
        index = Index.model_validate_json(content)
        index.label_space  # noqa: B018  # raises ValueError
    except OSError as failure:
        problem = "no shards here: index.json cannot be read"
        raise DataError(f"{problem} ({failure.strerror or failure})", where=place, hint=hint) from failure
    except ValidationError as failure:
        first = failure.errors()[0]
        said = ": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))
        raise DataError(f"the index of the shards has a mistake ({said})", where=place, hint=hint) from None
    except ValueError as failure:
        raise DataError(f"the index of the shards has a mistake ({failure})", where=place, hint=hint) from None
    return index


@lru_cache(maxsize=4)
def _tables(folder: str) -> dict[str, dict[str, Member]]:
    """Return file of a shard -> name of a member -> member, of all shards in a folder."""
    index = index_of(folder)
    tables: dict[str, dict[str, Member]] = {shard.file: {} for shard in index.shards}
    for sample in (sample for samples in index.splits.values() for sample in samples):
        tables[index.shards[sample.shard].file] |= {file.name: file for file in (sample.image, sample.mask)}
    return tables


def shard_and_member(place: str) -> tuple[str, str] | None:
    """Split the place SHARD.tar!MEMBER; None for other places."""
    shard, mark, member = place.partition(".tar!")
    return (f"{shard}.tar", member) if mark else None


def shard_numbers(places: Sequence[str]) -> NDArray[np.int64] | None:
    """Return the number of the shard of each place, 0..S-1 in the order of their names; None if there are no shards.

    A file in no shard counts as a shard of its own.
    """
    shards = [(shard_and_member(place) or (place,))[0] for place in places]
    return None if shards == list(places) else np.unique(shards, return_inverse=True)[1]


def find_member(shard: str, name: str) -> Member:
    """Return a member of a shard, a path or an address. Raise KeyError if the index does not name it."""
    folder, _, file = shard.replace("\\", "/").rpartition("/")
    return _tables(folder)[file][name]


def read_shard_member(shard: str, name: str) -> bytes:
    """Return all bytes of a member.

    Raises:
        KeyError: the index does not name it.
        OSError: the shard is on this machine and cannot be read.
        DataError: it cannot be read over the network, ends too early, or its bytes are not those of the index.
    """
    member = find_member(shard, name)
    if is_remote(shard):
        content = read_range(shard, member.start, member.size)
    else:
        with Path(shard).open("rb") as file:
            file.seek(member.start)
            content = file.read(member.size)
    if len(content) < member.size:
        found = f"found {len(content):,} of {member.size:,} bytes of {name}"
        raise DataError(f"the shard is cut off ({found})", where=shard, hint=COPY_AGAIN)
    if zlib.crc32(content) != member.crc32:
        raise DataError("the bytes of the shard have changed (wrong CRC-32)", where=f"{shard}!{name}", hint=COPY_AGAIN)
    return content
