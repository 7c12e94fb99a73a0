"""Models on the Hugging Face Hub: `hub:OWNER/NAME[/FILE][@REVISION]` becomes files in the cache of its client.

Only the named files of a model are downloaded, by names of our own, never by those that a repository chooses.
"""

import errno
import logging
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from streetseg.errors import ModelError, RequestError, StreetsegError
from streetseg.models.description import LARGEST, read_model_json, require_same_weights
from streetseg.models.formats import bundle_folder, format_of, is_exported
from streetseg.pretrained.networks import BOX, box_model
from streetseg.text import one_line, size_text

log = logging.getLogger("streetseg")

PREFIX = "hub:"
BUNDLE = ("model.json", "weights.safetensors")  # model.json first: what it says is checked before the weights come
MOST = 8 * 2**30  # bytes of a file of a model; the weights of the largest encoders of timm have about half of it

NAME = r"[A-Za-z0-9_][\w.-]*"
_ADDRESS = re.compile(rf"hub:({NAME}/{NAME})(?:/({NAME}))?(?:@({NAME}(?:/{NAME})*))?", re.ASCII)
_IN_CACHE = re.compile(r".*/models--(.+?)--(.+)/snapshots/([0-9a-f]{40})(?:/([^/]+))?", re.DOTALL)
_DISK = {
    getattr(errno, name) for name in ("EACCES", "EDQUOT", "EFBIG", "ENOSPC", "ENOTDIR", "EROFS") if hasattr(errno, name)
}
LOGIN = "log in with `hf auth login`, or set HF_TOKEN: huggingface.co/settings/tokens"


class HubError(StreetsegError):
    """The Hub did not do what was asked: it cannot be reached, or the connection was cut."""


@dataclass(frozen=True)
class Address:
    """The place of a model on the Hub.

    Args:
        repository: OWNER/NAME.
        file: an exported model in the repository; None for its bundle, or for its only exported model.
        revision: a branch, a tag or a commit; None for the main branch.
    """

    repository: str
    file: str | None = None
    revision: str | None = None

    def __str__(self) -> str:
        file = f"/{self.file}" if self.file else ""
        return f"{PREFIX}{self.repository}{file}{f'@{self.revision}' if self.revision else ''}"


def is_on_hub(model: str | Path) -> bool:
    """Return whether a model is named as one on the Hub."""
    return str(model).startswith(PREFIX)


def is_box(model: str | Path) -> bool:
    """Return whether a model is named as the network in the box, and no model on disk has that name."""
    return str(model) == BOX and bundle_folder(Path(model)) is None


def address_of(model: str | Path) -> Address:
    """Return the parts of `hub:OWNER/NAME[/FILE][@REVISION]`. Raise RequestError for another text."""
    text = Path(model).as_posix()
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise RequestError("this is no address of a model on the Hub", where=text, hint="hub:OWNER/NAME[@REVISION]")
    return Address(*match.groups())


def located(model: str | Path) -> Path:
    """Return where a model is on this machine; one on the Hub is downloaded, or found in the cache.

    Returns:
        The path as it is given; for `scenes` the ONNX file of the network in the box; for `hub:` the bundle folder or
        the exported file in the cache of the Hub's client.

    Raises:
        RequestError: the address is wrong, there is no such repository or revision, or access is refused.
        ModelError: the repository holds no model, or a damaged one.
        HubError: the Hub cannot be reached and the cache does not hold the model, or the connection was cut.
        ModuleNotFoundError: the extra `hub` is not installed.
    """
    if is_box(model):
        return box_model()
    if not is_on_hub(model):
        return Path(model)
    address = address_of(model)
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    with explained(str(address)):
        try:
            info = HfApi().model_info(address.repository, revision=address.revision, files_metadata=True)
        except HfHubHTTPError:
            raise
        except Exception as failure:  # no answer, by whichever HTTP library the client is built on
            return _from_cache(address, failure)
        sizes = {file.rfilename: file.size for file in info.siblings or ()}
        names = files_of_model(address, sizes)
        _require_sizes(address, {name: sizes[name] for name in names})
        return _downloaded(address, str(info.sha), names, sizes)


def files_of_model(address: Address, names: Mapping[str, object]) -> list[str]:
    """Return the files of a model among those of its repository, the one that is opened first.

    Raises:
        ModelError: the repository has no model of streetseg, or several.
    """
    lacking = [name for name in BUNDLE if name not in names]
    if address.file is None and not lacking:
        return list(BUNDLE)
    exported = [name for name in sorted(names) if re.fullmatch(NAME, name, re.ASCII) and is_exported(Path(name))]
    if address.file is None and len(exported) != 1:
        found, hint = f"it lacks {' and '.join(lacking)}", f"streetseg push MODEL {address.repository} writes one"
        if exported:
            found = f"{found}, and has {len(exported)} exported models"
            hint = f"name one: {replace(address, file=exported[0])}"
        raise ModelError(f"there is no bundle of streetseg in the repository: {found}", where=str(address), hint=hint)
    file = address.file or exported[0]
    form = format_of(Path(file))
    needed = [path.name for path in form.files(Path(file))] if form else [file]
    if form is None or any(name not in names for name in needed):
        hint = f"exported models in it: {', '.join(exported)}" if exported else f"{PREFIX}{address.repository}"
        raise ModelError(f"the repository has no exported model {file}", where=str(address), hint=hint)
    return needed


def _require_sizes(address: Address, sizes: Mapping[str, int | None]) -> None:
    """Raise ModelError for a file that is larger than any model, before it is downloaded."""
    for name, size in sizes.items():
        limit = LARGEST if name == BUNDLE[0] else MOST
        if size is None or size > limit:
            found = "no size" if size is None else f"{size:,} bytes"
            problem = f"{name} is announced with {found} (expected at most {limit:,})"
            raise ModelError(problem, where=str(address), hint="this is no model of streetseg; nothing was downloaded")


def _downloaded(address: Address, commit: str, names: list[str], sizes: Mapping[str, int | None]) -> Path:
    """Download the files that the cache lacks, and say so. Return the model, checked."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    def is_here(name: str) -> bool:
        return isinstance(try_to_load_from_cache(address.repository, name, revision=commit), str)

    missing = sum(sizes[name] or 0 for name in names if not is_here(name))
    what = f"{size_text(missing)} to download" if missing else "in the cache already"
    log.info("%s: commit %s, %s", address, commit, what)
    folder = Path()
    with quiet_client(), bars_on_terminal():
        for name in names:
            # By the name of the revision, so that the cache finds it again without a network.
            folder = Path(hf_hub_download(address.repository, name, revision=address.revision)).parent
            if folder.name != commit:
                problem = f"the repository was changed while it was read, from commit {commit} to {folder.name}"
                raise HubError(problem, where=str(address), hint="the same command again")
            if name == BUNDLE[0]:
                read_model_json(folder)
    return _checked(address, folder, names)


def _from_cache(address: Address, failure: Exception) -> Path:
    """Return a model that was downloaded before. Raise HubError where the cache does not hold it."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(address.repository, revision=address.revision, local_files_only=True))
        here = dict.fromkeys(path.name for path in folder.iterdir())
        # What is here may be a part of the repository, so an exported model is taken by its name only.
        names = files_of_model(address, here if address.file else {name: None for name in BUNDLE if name in here})
    except (LocalEntryNotFoundError, ModelError):
        problem = f"the Hub cannot be reached ({reason(failure)}), and the cache does not hold the model"
        hint = "with a network the command downloads it; an exported model is named hub:OWNER/NAME/FILE without one"
        raise HubError(problem, where=str(address), hint=hint) from failure
    log.warning("the Hub cannot be reached (%s); %s is commit %s of the cache", reason(failure), address, folder.name)
    return _checked(address, folder, names)


def _checked(address: Address, folder: Path, names: list[str]) -> Path:
    """Return the model in a folder of the cache. Raise ModelError where its weights are not those of model.json."""
    if tuple(names) != BUNDLE:
        return folder / names[0]
    hint = "the repository is damaged, or its copy here: delete that folder and its files to download it again"
    require_same_weights(folder / BUNDLE[1], read_model_json(folder), where=(str(address), folder), hint=hint)
    return folder


def origin_of(model: Path) -> str | None:
    """Return `hub:OWNER/NAME[/FILE]@COMMIT` of a model in the cache of the Hub's client; None for any other."""
    match = _IN_CACHE.fullmatch(model.absolute().as_posix())
    return str(Address(f"{match[1]}/{match[2]}", match[4], match[3])) if match else None


def named_path(model: Path) -> Path:
    """Return the path that results of a model are named by: its own; for one of the Hub, its name in this folder."""
    origin = origin_of(model)
    if origin is None:
        return model.resolve()
    address = address_of(origin)
    return Path.cwd() / (address.file or address.repository.partition("/")[2])


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn every failure of the Hub's client into an error with problem, where and hint."""
    try:
        yield
    except (StreetsegError, ModuleNotFoundError):
        raise
    except Exception as failure:  # whichever HTTP library the client is built on
        raise _error(failure, where) from failure


def _error(failure: Exception, where: str) -> StreetsegError:
    from huggingface_hub import errors

    match failure:
        case errors.GatedRepoError():
            problem = "the repository is gated: its owner decides who may read it"
            return RequestError(problem, where=where, hint=f"ask for access on its page, then {LOGIN}")
        case errors.RepositoryNotFoundError():
            problem = "there is no such repository, or it is private and this account may not see it"
            return RequestError(problem, where=where, hint=f"is the name correct? If it is private, {LOGIN}")
        case errors.RevisionNotFoundError():
            hint = "a branch, a tag or a commit of the repository; without @REVISION it is main"
            return RequestError("the repository has no such revision", where=where, hint=hint)
        case errors.HfHubHTTPError() if failure.response.status_code == 401:
            return RequestError("the Hub does not accept the token", where=where, hint=LOGIN)
        case errors.HfHubHTTPError() if failure.response.status_code == 403:
            problem = f"the Hub refuses access ({reason(failure)})"
            return RequestError(problem, where=where, hint=f"the token needs the right to it: {LOGIN}")
        case errors.HfHubHTTPError() if failure.response.status_code < 500 and failure.response.status_code != 429:
            return RequestError(f"the Hub refuses the request ({reason(failure)})", where=where)
        case errors.HFValidationError() | ValueError():
            return RequestError(f"the Hub's client refuses the request ({reason(failure)})", where=where)
        case OSError() if failure.errno in _DISK:
            hint = "HF_HOME names another folder for the cache"
            return RequestError(f"the cache cannot be written ({failure.strerror})", where=where, hint=hint)
    hint = "is there a network? What was not written whole does not count: the same command does it again"
    return HubError(f"the connection to the Hub failed ({reason(failure)})", where=where, hint=hint)


def reason(failure: Exception) -> str:
    """Return what a failure says, in one line, without the token."""
    from huggingface_hub import get_token
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    said = str(failure)
    if isinstance(failure, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set"
    if isinstance(failure, HfHubHTTPError):
        answer = failure.response
        said = f"{answer.status_code} {answer.reason_phrase}: {failure.server_message or ''}".rstrip(": ")
    token = get_token()
    said = said.replace(token, "<token>") if token else said
    return one_line(" ".join(said.split()) or type(failure).__name__)[:300]


@contextmanager
def quiet_client() -> Iterator[None]:
    """Silence the warnings of the Hub's client inside: the errors say the same."""
    client = logging.getLogger("huggingface_hub")
    level = client.level
    client.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):  # of a disk that is almost full
            yield
    finally:
        client.setLevel(level)


@contextmanager
def bars_on_terminal() -> Iterator[None]:
    """Show the bars of the Hub's client inside on a terminal only, and not with --quiet."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    hide = not are_progress_bars_disabled() and not (sys.stderr.isatty() and log.isEnabledFor(logging.INFO))
    if hide:
        disable_progress_bars()
    try:
        yield
    finally:
        if hide:
            enable_progress_bars()
