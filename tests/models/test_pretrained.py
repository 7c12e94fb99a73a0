"""Pretrained weights without a network: those on this machine are found, others are refused soon and quietly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from streetseg.errors import ModelError
from streetseg.models.encoder import Encoder

NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there

LOAD = """
import sys
import torch
from safetensors.torch import save_file
from streetseg.errors import ModelError
from streetseg.models.encoder import Encoder

save_file(Encoder("test_resnet", pretrained=True).body.state_dict(), sys.argv[1])
try:
    Encoder("test_efficientnet", pretrained=True)
except ModelError as error:
    print(error)
"""


def test_offline_the_hub_s_cache_is_used_and_what_is_not_there_is_refused_quietly(tmp_path: Path) -> None:
    torch.manual_seed(5)
    published = timm.create_model("test_resnet")
    repository = timm.get_pretrained_cfg("test_resnet").hf_hub_id
    in_the_cache(tmp_path / "hub", repository, published)
    environment = os.environ | {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_ENDPOINT": NOBODY, "HF_HUB_OFFLINE": "0"}

    done = subprocess.run(
        (sys.executable, "-c", LOAD, tmp_path / "body.safetensors"),
        env=environment, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip

    encoder = Encoder("test_resnet")
    encoder.body.load_state_dict(load_file(tmp_path / "body.safetensors"))
    torch.testing.assert_close(
        encoder(torch.ones(2, 3, 32, 32))[-1], published.train().forward_features(torch.ones(2, 3, 32, 32))
    )
    assert done.stdout.startswith("the pretrained weights of test_efficientnet are not on this machine")
    assert "--weights none" in done.stdout
    assert done.stderr == ""


def test_with_the_hub_switched_off_nothing_is_tried() -> None:
    with pytest.raises(ModelError, match=r"could not be fetched \(OfflineModeIsEnabled") as refused:
        Encoder("test_resnet", pretrained=True)
    assert "--weights FILE.safetensors" in str(refused.value.hint)


def test_a_model_that_was_never_trained_is_refused() -> None:
    with pytest.raises(ModelError, match="No pretrained weights exist for ghostnet_050"):
        Encoder("ghostnet_050", pretrained=True)


def in_the_cache(cache: Path, repository: str, network: torch.nn.Module) -> None:
    """A repository of the hub, as its client leaves it behind after a download."""
    commit = "0123456789" * 4
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "snapshots" / commit).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    save_file(network.state_dict(), folder / "snapshots" / commit / "model.safetensors")
