"""timm's pretrained weights: from this machine where they are, else from the model hub, else refused within seconds."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import timm
from huggingface_hub import get_session, try_to_load_from_cache
from huggingface_hub.constants import ENDPOINT

from streetseg.errors import ModelError

PATIENCE = 5.0  # seconds for the hub to say anything at all


def with_pretrained_weights(name: str) -> Any:
    """timm's feature network with its default pretrained weights.

    A file that is on this machine already is taken as it is. Only what is missing is asked for, and only if the hub
    answers: left alone, its client tries for a minute.

    Raises:
        ModelError: if the weights are not here and cannot be fetched, or do not fit.
    """
    config = timm.get_pretrained_cfg(name)
    cached = cached_file(config)
    if cached is None and config is not None and config.hf_hub_id:
        refuse_silent_hub(name)
    try:
        with quiet("huggingface_hub"):
            overlay = {"file": cached} if cached else None
            return timm.create_model(name, pretrained=True, features_only=True, pretrained_cfg_overlay=overlay)
    except Exception as error:  # of the network, the hub, the file, or timm
        raise cannot_be_had(name, error) from error


def cached_file(config: Any) -> str | None:
    """The safetensors file of a timm pretrained configuration in the hub's cache, if it is there."""
    if config is None or not config.hf_hub_id or config.custom_load:
        return None
    repository, _, revision = config.hf_hub_id.partition("@")
    found = try_to_load_from_cache(repository, config.hf_hub_filename or "model.safetensors", revision=revision or None)
    return found if isinstance(found, str) and found.endswith(".safetensors") else None


def refuse_silent_hub(name: str) -> None:
    """Raises ModelError unless the hub answers; through its own session, so that proxies, mirrors and its offline
    switch are respected."""
    try:
        get_session().head(ENDPOINT, timeout=PATIENCE)
    except Exception as error:  # whichever HTTP library the hub's client is built on
        raise cannot_be_had(name, error) from error


def cannot_be_had(name: str, error: Exception) -> ModelError:
    reason = next(iter(str(error).splitlines()), "no reason given")
    return ModelError(
        f"the pretrained weights of {name} are not on this machine and could not be fetched "
        f"({type(error).__name__}: {reason})",
        where=f"timm model {name}",
        hint="name a local file with --weights FILE.safetensors, or start from random weights with --weights none",
    )


@contextmanager
def quiet(logger: str) -> Iterator[None]:
    """Only errors of that logger are seen meanwhile."""
    chatty = logging.getLogger(logger)
    level = chatty.level
    chatty.setLevel(logging.ERROR)
    try:
        yield
    finally:
        chatty.setLevel(level)
