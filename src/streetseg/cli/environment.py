"""The environment variables that the program reads or sets: for `streetseg doctor`, and for their page."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from streetseg.recipe.layers import ENVIRONMENT_PREFIX, is_field

HIDDEN = "(hidden)"


@dataclass(frozen=True)
class Variable:
    """An environment variable.

    Args:
        name: its name; a recipe has a variable for each field, which one entry stands for.
        meaning: what it does.
        reader: who reads it.
        secret: its value is never printed.
    """

    name: str
    meaning: str
    reader: str
    secret: bool = False


FIELD = Variable(
    f"{ENVIRONMENT_PREFIX}SECTION__FIELD",
    "a value of the recipe, e.g. `STREETSEG_OPTIM__LR=3e-4`; the command line wins",
    "every command with a recipe",
)
# Title -> the variables of a group.
VARIABLES = {
    "Set by a person": (
        FIELD,
        Variable("STREETSEG_CACHE", "folder for decoded images and other files kept between commands", "every command"),
        Variable("STREETSEG_TOKEN", "what clients must send as Bearer token, as `--token`", "serve", secret=True),
        Variable("NO_COLOR", "any text: no colors on the terminal (no-color.org)", "every command"),
        Variable("TERM", "`dumb`: no colors on the terminal", "every command"),
        Variable("OMP_NUM_THREADS", "threads of a process (default: the cores that it may use)", "every command"),
        Variable("CUDA_VISIBLE_DEVICES", "GPUs that the program may use, by number", "torch"),
        Variable("XDG_CACHE_HOME", "cache folder of the user on Linux (default: `~/.cache`)", "every command"),
        Variable("HF_HOME", "weights and models of the Hub (default: `~/.cache/huggingface`)", "timm, `hub:`"),
        Variable("HF_HUB_OFFLINE", "`1`: take both from that folder alone, without the network", "timm, `hub:`"),
        Variable("HF_TOKEN", "account of the Hub, to push and to read", "timm, `hub:`, push", secret=True),
        Variable("TORCH_HOME", "folder of weights that torch downloads (default: `~/.cache/torch`)", "torch"),
        Variable("AWS_PROFILE", "account for `s3://` addresses", "commands that read images or shards"),
        Variable("AWS_ACCESS_KEY_ID", "key of that account", "the same", secret=True),
        Variable("AWS_SECRET_ACCESS_KEY", "secret of that key", "the same", secret=True),
        Variable("AWS_ENDPOINT_URL", "server of `s3://` addresses, for MinIO and others", "the same"),
    ),
    "Set by torchrun in each process": (
        Variable("WORLD_SIZE", "number of processes; 1 or missing: this process is alone", "train, evaluate, study"),
        Variable("RANK", "number of this process; 0 writes the files and messages", "train, evaluate, study"),
        Variable("LOCAL_RANK", "number of this process on its machine, and of its GPU", "train, evaluate, study"),
        Variable("LOCAL_WORLD_SIZE", "number of processes on this machine", "train, evaluate, study"),
        Variable("MASTER_ADDR", "address of the process with number 0", "train, evaluate, study"),
        Variable("MASTER_PORT", "port of the process with number 0", "train, evaluate, study"),
        Variable("TORCHELASTIC_ERROR_FILE", "file for the report of an error", "every command"),
    ),
    "Set by the program for itself": (
        Variable("STREETSEG_LAUNCHED", "the typed command, in the processes of `--devices N`", "train, evaluate"),
        Variable("PROMETHEUS_MULTIPROC_DIR", "folder of the metrics of all workers", "serve"),
        Variable("ORT_DISABLE_TELEMETRY", "`1` unless it is set: ONNX Runtime sends nothing anywhere", "onnxruntime"),
        Variable("RAY_USAGE_STATS_ENABLED", "`0` unless it is set: Ray sends nothing anywhere", "predict --ray"),
        Variable("USER", "a name where the system has none, for libraries that require one", "torch"),
    ),
}  # fmt: skip


def variables_set(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables of VARIABLES that are set, fields of the recipe included -> value; a secret is hidden."""
    known = {variable.name: variable for group in VARIABLES.values() for variable in group}
    found = {name: environ[name] for name in known if name in environ}
    found |= {name: value for name, value in sorted(environ.items()) if is_field(name)}
    return {name: HIDDEN if name in known and known[name].secret else value for name, value in found.items()}
