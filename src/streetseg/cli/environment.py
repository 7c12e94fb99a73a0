"""The environment variables that the program reads or sets: for `streetseg doctor`, and for their page."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from streetseg.recipe.layers import ENVIRONMENT_PREFIX, is_field
from streetseg.text import without_secrets

HIDDEN = "(hidden)"
HUB = "timm, push, `hub:OWNER/NAME`"


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
        Variable("HF_HOME", "folder of what comes from the Hugging Face Hub (default: `~/.cache/huggingface`)", HUB),
        Variable("HF_HUB_OFFLINE", "`1`: take it from that folder alone, without the network", HUB),
        Variable("HF_TOKEN", "account of the Hub, to push and to read what is not public", HUB, secret=True),
        Variable("TORCH_HOME", "folder of weights that torch downloads (default: `~/.cache/torch`)", "torch"),
        Variable("AWS_PROFILE", "account for `s3://` addresses", "commands that read images or shards"),
        Variable("AWS_ACCESS_KEY_ID", "key of that account", "the same", secret=True),
        Variable("AWS_SECRET_ACCESS_KEY", "secret of that key", "the same", secret=True),
        Variable("AWS_SESSION_TOKEN", "token of a key that is valid for some hours", "the same", secret=True),
        Variable("AWS_ENDPOINT_URL", "server of `s3://` addresses, for MinIO and others", "the same"),
    ),
    "Set by a person, for trackers": (
        Variable("WANDB_MODE", "`online` sends each run to Weights & Biases (default: `offline`)", "wandb"),
        Variable("WANDB_DIR", "folder of its files", "wandb"),
        Variable("WANDB_BASE_URL", "server in place of `https://api.wandb.ai`", "wandb"),
        Variable("WANDB_API_KEY", "account on that server", "wandb", secret=True),
        Variable("WANDB_PROJECT", "project of the run (default: `streetseg`)", "wandb"),
        Variable("WANDB_NAME", "name of the run (default: that of its folder)", "wandb"),
        Variable("WANDB_SILENT", "`true` unless it is set: W&B prints nothing", "wandb"),
        Variable("MLFLOW_TRACKING_URI", "server or database (default: a file in the run)", "mlflow"),
        Variable("MLFLOW_TRACKING_USERNAME", "account on that server", "mlflow"),
        Variable("MLFLOW_TRACKING_PASSWORD", "password of that account", "mlflow", secret=True),
        Variable("MLFLOW_TRACKING_TOKEN", "token in place of account and password", "mlflow", secret=True),
        Variable("MLFLOW_EXPERIMENT_ID", "experiment of the run, by its id", "mlflow"),
        Variable("MLFLOW_EXPERIMENT_NAME", "experiment of the run, by its name (default: `streetseg`)", "mlflow"),
        Variable("TRACKIO_DIR", "folder of its files", "trackio"),
        Variable("TRACKIO_SPACE_ID", "Space on the Hugging Face Hub that runs are sent to", "trackio"),
        Variable("TRACKIO_SERVER_URL", "server that runs are sent to", "trackio"),
        Variable("DO_NOT_TRACK", "`1` unless it is set: the makers of the trackers get no statistics", "all trackers"),
        Variable("MLFLOW_DISABLE_TELEMETRY", "`true` unless it is set: the same", "mlflow"),
        Variable("WANDB_ERROR_REPORTING", "`false` unless it is set: its makers get no reports of errors", "wandb"),
        Variable("HF_HUB_DISABLE_TELEMETRY", "`1` unless it is set: the Hub gets no statistics", "trackio"),
        Variable("GRADIO_ANALYTICS_ENABLED", "`False` unless it is set: the makers of gradio neither", "trackio"),
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
    "Set by the scripts of `streetseg completion`": (
        Variable("_STREETSEG_COMPLETE", "shell that asks what can stand at its cursor; no command runs", "streetseg"),
        Variable("_STREETSEG_WORDS", "words before the one at the cursor, one a line", "streetseg"),
        Variable("_STREETSEG_WORD", "word at the cursor", "streetseg"),
        Variable("_STREETSEG_LINE", "in bash, in place of both: the line up to the cursor", "streetseg"),
        Variable("_STREETSEG_BREAKS", "characters at which bash cuts words (`COMP_WORDBREAKS`)", "streetseg"),
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
    """Return the variables of VARIABLES that are set, fields of the recipe included -> value.

    A secret is hidden; user and password of an address are left out.
    """
    known = {variable.name: variable for group in VARIABLES.values() for variable in group}
    found = {name: environ[name] for name in known if name in environ}
    found |= {name: value for name, value in sorted(environ.items()) if is_field(name)}
    secret = {name for name, variable in known.items() if variable.secret}
    return {name: HIDDEN if name in secret else without_secrets(value) for name, value in found.items()}
