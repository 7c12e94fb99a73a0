"""Push a model to the Hugging Face Hub: its own files and a model card, and nothing else of its run."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streetseg.atomic import sha256 as sha256_of_file
from streetseg.comparison.compare import compare_runs
from streetseg.comparison.groups import Group
from streetseg.errors import ModelError, RequestError
from streetseg.models.description import find_bundle, read_model_json, require_same_weights, to_share
from streetseg.models.formats import format_of
from streetseg.models.hub import BUNDLE, LOGIN, NAME, Address, bars_on_terminal, explained, quiet_client
from streetseg.report.hub_card import hub_card

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo

CARD = "README.md"
SHARED_TEXTS = ("initial_weights", "protocol", "confidence")  # parts of a description that may name files


@dataclass(frozen=True)
class Pushed:
    """What `push` has written.

    Args:
        model: hub:OWNER/NAME@COMMIT, which every command takes as MODEL.
        url: the page of the repository.
        commit: the commit that holds the files.
        revision: the branch.
        private: whether only its owner can see the repository.
        license: of the model, as it was stated; None where none was.
        files: name -> SHA-256 of its content.
    """

    model: str
    url: str
    commit: str
    revision: str
    private: bool
    license: str | None
    files: Mapping[str, str]


def push(
    model: Path,
    repository: str,
    *,
    private: bool = False,
    message: str | None = None,
    revision: str | None = None,
    license: str | None = None,
) -> Pushed:
    """Push a model in one commit: all of its files, or after a failure none.

    Beside a bundle an exported file leaves the card as it is: it is that of the bundle.

    Args:
        model: a run folder (its best bundle), a bundle folder, or an exported file.
        repository: OWNER/NAME; it is made where it is missing.
        private: only its owner can see the repository.
        message: of the commit.
        revision: a branch, made where it is missing; None for main.
        license: of the model, as the Hub names it, for the card.

    Raises:
        RequestError: the run is not finished, a name or the token is wrong, or the repository is public although
            `private` was asked for.
        ModelError: there is no model, or it is damaged.
        HubError: the Hub cannot be reached, or the connection was cut. The repository is as it was.
    """
    if not re.fullmatch(f"{NAME}/{NAME}", repository, re.ASCII):
        raise RequestError("this is no name of a repository", where=repository, hint="OWNER/NAME: me/street")
    contents, description, group = _contents(model)
    from huggingface_hub import CommitOperationAdd, HfApi, get_token

    if get_token() is None:
        raise RequestError("the Hub needs to know who you are", where=repository, hint=LOGIN)
    api, branch = HfApi(), revision or "main"
    address = Address(repository, None if BUNDLE[0] in contents else model.name, revision)
    with explained(str(address)), quiet_client(), bars_on_terminal():
        page = _made_ready(api, repository, branch, private=private)
        if BUNDLE[0] in contents or BUNDLE[0] not in {file.rfilename for file in page.siblings or ()}:
            contents[CARD] = hub_card(address, description, group, license).encode()
        commit = api.create_commit(
            repository,
            [CommitOperationAdd(name, content) for name, content in contents.items()],
            commit_message=message or f"Push {description['encoder']} by streetseg",
            revision=branch,
        )
    digests = {
        name: sha256(content).hexdigest() if isinstance(content, bytes) else sha256_of_file(content)
        for name, content in contents.items()
    }
    pushed = replace(address, revision=commit.oid)
    is_private = bool(page.private)
    return Pushed(str(pushed), str(commit.repo_url), commit.oid, branch, is_private, license, digests)


def _made_ready(api: "HfApi", repository: str, branch: str, *, private: bool) -> "ModelInfo":
    """Make repository and branch where they are missing. Return what the Hub says of them.

    Raises:
        RequestError: the repository is public although `private` was asked for.
    """
    api.create_repo(repository, private=private, exist_ok=True)
    if private and not api.model_info(repository).private:
        hint = "make it private on its page, or leave --private out"
        raise RequestError("the repository is there, and public", where=repository, hint=hint)
    if branch != "main":
        api.create_branch(repository, branch=branch, exist_ok=True)
    return api.model_info(repository, revision=branch)


def _contents(model: Path) -> tuple[dict[str, bytes | Path], dict[str, Any], Group | None]:
    """Return name -> content of the files of a model, its description, and the group of its run, if there is one.

    Raises:
        RequestError, ModelError: as `push`.
    """
    if form := format_of(model):
        return _exported(model, form.files(model))
    bundle = find_bundle(model)
    description = read_model_json(bundle)
    weights = bundle / BUNDLE[1]
    require_same_weights(weights, description)
    shared = _without_folders(description)
    about = bundle / BUNDLE[0]
    content = about if shared == description else json.dumps(shared, indent=2, ensure_ascii=False).encode()
    run = bundle.parent
    is_run = bundle.name == "best" and (run / "recipe.yaml").is_file()
    group = compare_runs([run]).groups[0] if is_run else None
    return {BUNDLE[0]: content, BUNDLE[1]: weights}, shared, group


def _exported(model: Path, files: list[Path]) -> tuple[dict[str, bytes | Path], dict[str, Any], None]:
    """Return the same for an exported model."""
    if missing := [file for file in files if not file.is_file()]:
        raise ModelError("no such file", where=missing)
    if names := [file.name for file in files if not re.fullmatch(NAME, file.name, re.ASCII)]:
        raise RequestError("the name holds characters that an address cannot", where=names, hint="street.onnx")
    from streetseg.inference.engines.engine import ExportedEngine
    from streetseg.inference.engines.open import engines_here, open_engine

    engine = open_engine(model, engines_here(model)[0])
    assert isinstance(engine, ExportedEngine)
    description = engine.description
    if _without_folders(description) != description:
        hint = "push the run or bundle folder, whose description is written anew"
        raise RequestError("the description inside the file names folders of this machine", where=model, hint=hint)
    return {file.name: file for file in files}, description, None


def _without_folders(description: dict[str, Any]) -> dict[str, Any]:
    """Return a description without folders of this machine, which model.json of an earlier version may name."""
    return description | {part: to_share(description[part]) for part in SHARED_TEXTS if description.get(part)}
