"""Check, describe, convert and download data, and list encoders and networks."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from streetseg.arguments import OnImage, PathLike, checked

if TYPE_CHECKING:
    import pandas as pd

    from streetseg.data.convert.convert import Converted
    from streetseg.data.fetch import Fetched
    from streetseg.data.fetch_network import FetchedNetwork
    from streetseg.request import DataLike, RecipeLike
    from streetseg.results import Checked


@checked
def check(
    data: "DataLike",
    *,
    report: PathLike | None = None,
    write_splits: PathLike | None = None,
    recipe: "RecipeLike" = None,
    progress: OnImage = lambda done, total: None,
    **fields: object,
) -> "Checked":
    """Read every file of a data set and find everything that is wrong with it.

    Args:
        data: as for `train`.
        report: an .html file to write what was found to, as a page with images.
        write_splits: a folder to write a text file with the names of the images of each split to.
        recipe, fields: as for `train`; only `data` means something here.
        progress: called after each image with the number done and the number of all.

    >>> import streetseg
    >>> found = streetseg.check(data)
    >>> found.ok, found.splits.to_dict()
    (True, {'train': 4, 'val': 2})
    """
    from streetseg.data.auto_split import split_names
    from streetseg.data.check.check import examine
    from streetseg.data.splits import write_new_lists
    from streetseg.recipe.load import CHECK_FIELDS
    from streetseg.report.dataset import check_page, write_data_report
    from streetseg.request import open_data, request
    from streetseg.results import Checked

    report = None if report is None else Path(report)
    if report is not None:
        check_page(report)
    config = request(data, recipe, {}, fields, only=("check", CHECK_FIELDS)).data
    source = open_data(data, config)
    lists = {} if write_splits is None else write_new_lists(Path(write_splits), source.splits)
    total, done = sum(len(samples) for samples in source.splits.values()), 0

    def on_file() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    used = list(dict.fromkeys((config.train_split, config.val_split, *config.splits)))
    findings = examine(source, list(source.splits), used=used, divisible=split_names(config), on_file=on_file)
    if report is not None:
        write_data_report(findings, source, report, trained_on=config.train_split)
    return Checked(findings, report, lists)


@checked
def init(folder: PathLike, out: PathLike, *, images: str | None = None, masks: str | None = None) -> Path:
    """Write the data.yaml of a folder of images and masks, as streetseg reads it, with a comment on each line.

    Args:
        folder: a folder of images and masks, in any layout.
        out: the YAML file to write; it must not exist.
        images: a glob of the files that may be images, relative to `folder`; None: all.
        masks: a glob of the files that may be masks; None: all.

    Returns:
        The file, for `check`, `train` and `study`.

    Raises:
        DataError: no images pair with masks, or the folder can be read in two ways; the hint names both.
        RequestError: `out` exists or cannot be written.

    >>> import streetseg
    >>> file = streetseg.init(data.partition(":")[2], folder / "data.yaml")
    >>> print(file.read_text().splitlines()[3].partition("#")[0].strip())
    val: {images: "camvid/val/*.png", masks: "camvid/valannot/*.png"}
    """
    from streetseg.data.recognize.write import write_description

    return write_description(Path(folder), Path(out), images=images, masks=masks)


@checked
def convert(
    data: PathLike,
    to: str,
    out: PathLike,
    *,
    space: str | None = None,
    recipe: "RecipeLike" = None,
    progress: OnImage = lambda done, total: None,
    **fields: object,
) -> "Converted":
    """Write a data set in another format; none of its files is changed.

    Args:
        data: as for `train`, but no object.
        to: cityscapes, coco, folder, shards or yolo.
        out: a folder that is missing or empty.
        space: label space to map the data to; None keeps the classes of its masks.
        recipe, fields: as for `train`; only `data` means something here.
        progress: called after each image with the number done and the number of all.

    Raises:
        RequestError: the format cannot hold the classes, or `out` holds files.
        DataError: files of the data set cannot be used; one error names them all.

    >>> import streetseg
    >>> converted = streetseg.convert(data, "folder", folder / "converted")
    >>> converted.splits, converted.copied, converted.lost
    ({'train': 4, 'val': 2}, 6, {})
    """
    from streetseg.data.convert.convert import convert as convert_source
    from streetseg.data.convert.convert import require_possible
    from streetseg.data.open import open_source
    from streetseg.data.source import with_own_classes
    from streetseg.recipe.load import CHECK_FIELDS
    from streetseg.request import request

    require_possible(to, Path(out))
    config = request(data, recipe, {"data.space": space}, fields, only=("convert", CHECK_FIELDS), by_kind=False)
    source = open_source(config.data)
    if config.data.space is None:
        source = with_own_classes(source)
    return convert_source(source, to, Path(out), on_image=progress)


@checked
def fetch(
    name: str,
    out: PathLike,
    *,
    mirror: str | None = None,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> "Fetched":
    """Download a data set, check it, and unpack it; a download that was cut is continued by the same call.

    Args:
        name: camvid, camvid-full, cityscapes, "gdrive:LINK", or scenes, which are drawn and need no network.
        out: a new folder, or one that a cut download left.
        mirror: the same archive at another address.
        progress: called with the bytes that are there and the bytes in all.

    Raises:
        FetchError: the download failed; what has arrived is kept.

    >>> import streetseg
    >>> streetseg.fetch("camvit", folder / "camvid")
    Traceback (most recent call last):
        ...
    streetseg.errors.RequestError: unknown data set 'camvit'
    hint:  did you mean camvid?
    """
    from streetseg.data.fetch import fetch as fetch_dataset

    return fetch_dataset(name, Path(out), mirror=mirror, on_bytes=progress)


@checked
def networks() -> "pd.DataFrame":
    """List the trained networks that are published: one row each with its scores, files, license and condition.

    >>> import streetseg
    >>> streetseg.networks().loc["scenes", "decoder"]
    'fast'
    """
    import pandas as pd

    from streetseg.pretrained.networks import cards

    return pd.DataFrame(list(cards().values())).set_index("name")


@checked
def get_network(
    name: str,
    out: PathLike,
    *,
    mirror: str | None = None,
    accept: bool = False,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> "FetchedNetwork":
    """Fetch a trained network that is published, and check it; a failure leaves nothing behind.

    Args:
        name: as in `networks`; that of the network in the box needs no connection.
        out: a new folder.
        mirror: a folder or an address with the folder `name` in it, or "hub:OWNER/NAME"; None for the repository of
            streetseg.
        accept: you accept the condition of use, if the network has one.
        progress: called with the bytes that are there and the bytes in all.

    Raises:
        RequestError: there is no such network, or its condition is not accepted.
        FetchError: it cannot be downloaded, or is not the published one.

    >>> import streetseg
    >>> fetched = streetseg.get_network("scenes", folder / "scenes")
    >>> fetched.model.name, fetched.condition
    ('scenes.onnx', None)
    """
    from streetseg.data.fetch_network import fetch_network

    return fetch_network(name, Path(out), mirror=mirror, accept=accept, on_bytes=progress)


@checked
def encoders(pattern: str | None = None) -> "pd.DataFrame":
    """List encoders: one row each with parameters, multiply-accumulates, strides, weights and license.

    Args:
        pattern: part of a name, or a pattern such as "resnext*"; None for the usual ones.

    Raises:
        RequestError: no encoder has such a name.

    >>> import streetseg
    >>> streetseg.encoders("mobilenetv2_100").loc["mobilenetv2_100", "strides"]
    (2, 4, 8, 16, 32)
    """
    import pandas as pd

    from streetseg.models.catalog import encoder_facts, encoder_names

    return pd.DataFrame(encoder_facts(encoder_names(pattern))).set_index("name")
