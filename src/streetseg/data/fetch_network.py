"""A published network from a folder, an address or the Hub: its condition is accepted, its files are checked."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path

from streetseg.atomic import atomic_folder, sha256
from streetseg.data.download import FetchError, OnBytes, download, require_free, tag_file
from streetseg.errors import RequestError
from streetseg.json_files.network import NetworkCard, PublishedFile
from streetseg.machine import installed_version
from streetseg.models.hub import address_of, explained, is_on_hub, quiet_client
from streetseg.pretrained.card import card_page
from streetseg.pretrained.networks import BOX, FOLDER, card_of

log = logging.getLogger("streetseg")

CARD = "README.md"
ACCEPT = "--accept accepts the condition"


@dataclass(frozen=True)
class FetchedNetwork:
    """A published network on disk.

    Args:
        folder: where its files are.
        model: the MODEL to give to a command: its ONNX file, or its folder where it has none.
        files: number of its files.
        condition: condition of use, which was accepted; None where there is none.
    """

    folder: Path
    model: Path
    files: int
    condition: str | None


def fetch_network(
    name: str,
    out: Path,
    *,
    mirror: str | None = None,
    accept: bool = False,
    on_bytes: OnBytes = lambda done, total: None,
) -> FetchedNetwork:
    """Copy or download a published network, check it, and write its card beside it. A failure leaves nothing behind.

    Args:
        name: of the network; that of the network in the box needs no connection.
        out: the folder, new or empty, or with the whole network: then nothing is done.
        mirror: a folder or an address with the folder `name` in it, or `hub:OWNER/NAME`; None for the repository of
            streetseg.
        accept: the condition of use is accepted.
        on_bytes: called with the bytes that are there and the bytes in all.

    Raises:
        RequestError: the name is unknown, the condition is not accepted, `out` holds something else, or there is no
            such place.
        FetchError: the connection failed, or a file is not the published one.
    """
    card = card_of(name)
    if card["condition"] and not accept:
        raise RequestError("the network has a condition of use", where=f"{name}: {card['condition']}", hint=ACCEPT)
    if _is_whole(out, card):
        log.info("the network is in %s already", out)
    else:
        require_free(out)
        _write(card, out, mirror, on_bytes)
    model = out / f"{name}.onnx"
    return FetchedNetwork(out, model if model.name in card["files"] else out, len(card["files"]), card["condition"])


def place_of(name: str) -> str:
    """Return where a published network lies: in this package, or in the repository of streetseg at this version; where
    streetseg is not installed, in the checkout that it runs from."""
    if name == BOX:
        return str(FOLDER)
    version = installed_version("streetseg")
    if version is None:
        return str(Path(__file__).parents[3] / "networks")
    links = dict(link.split(", ", 1) for link in metadata("streetseg").get_all("Project-URL", []))
    return f"{links['Homepage']}/raw/v{version}/networks"


def _write(card: NetworkCard, out: Path, mirror: str | None, on_bytes: OnBytes) -> None:
    """Write all files of a network into a new folder, which exists only once each is the published one."""
    total, before = sum(facts["bytes"] for facts in card["files"].values()), 0
    place = mirror or place_of(card["name"])
    fetch = _fetch_function(place)
    try:
        with atomic_folder(out) as new:
            for name, facts in card["files"].items():
                fetch(f"{card['name']}/{name}", new / name, _bounded(on_bytes, before, total, facts["bytes"], place))
                _require_published(new / name, facts, place)
                before += facts["bytes"]
            (new / CARD).write_text(card_page(card), encoding="utf-8")
    except FetchError as error:
        hint = f"nothing was written; the same command tries again, --mirror PLACE takes another place than {place}"
        raise FetchError(error.problem, where=error.where, hint=hint) from error
    except OSError as error:
        raise RequestError(f"the folder cannot be written ({error.strerror or error})", where=out) from error


def _bounded(on_bytes: OnBytes, before: int, total: int, most: int, place: str) -> OnBytes:
    """Return what hears the bytes of one file: it tells those of all files, and raises FetchError above `most`."""

    def on_part(done: int, _: int | None) -> None:
        if done > most:
            raise FetchError(f"more than {most:,} bytes arrive", where=place)
        on_bytes(before + done, total)

    return on_part


def _fetch_function(place: str) -> Callable[[str, Path, OnBytes], None]:
    """Return the function that fetches a file NETWORK/FILE from a place to a path."""
    if is_on_hub(place):
        return lambda name, to, on_bytes: _from_hub(place, name.partition("/")[2], to)
    if "://" in place:
        return lambda name, to, on_bytes: _from_web(f"{place.rstrip('/')}/{name}", to, on_bytes)
    return lambda name, to, on_bytes: _copy(Path(place) / name, to)


def _from_web(url: str, to: Path, on_bytes: OnBytes) -> None:
    download(url, to, on_bytes=on_bytes)
    tag_file(to).unlink()


def _from_hub(place: str, name: str, to: Path) -> None:
    from huggingface_hub import hf_hub_download

    address = address_of(place)
    with explained(place), quiet_client():
        shutil.copyfile(hf_hub_download(address.repository, name, revision=address.revision), to)


def _copy(file: Path, to: Path) -> None:
    if not file.is_file():
        raise RequestError("there is no such file of the network", where=file, hint="--mirror names the folder above")
    shutil.copyfile(file, to)


def _require_published(file: Path, facts: PublishedFile, place: str) -> None:
    """Raise FetchError unless a file has the size and check sum of its card."""
    size = file.stat().st_size
    if size != facts["bytes"]:
        raise FetchError(f"{file.name} has {size:,} bytes, expected {facts['bytes']:,}", where=place)
    if (found := sha256(file)) != facts["sha256"]:
        raise FetchError(f"{file.name} has the SHA-256 {found[:12]}…, expected {facts['sha256'][:12]}…", where=place)


def _is_whole(out: Path, card: NetworkCard) -> bool:
    return all(
        (out / name).is_file() and sha256(out / name) == facts["sha256"] for name, facts in card["files"].items()
    )
