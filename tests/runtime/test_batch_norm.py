"""Batch norm over ranks, compared with torch's over the whole batch."""

import pytest
import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn

from processes import fork_ranks
from streetseg.runtime.batch_norm import SharedBatchNorm, share_batch_norm
from streetseg.runtime.distributed import Ranks

SHARES = ([0, 1, 2], [3])  # of the batch, by rank


def network() -> nn.Sequential:
    """Return a network with a plain batch norm and one of timm's that includes an activation."""
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(3, eps=1e-3)
    nn.init.normal_(plain.weight)
    return nn.Sequential(plain, nn.Conv2d(3, 4, 1), BatchNormAct2d(4, act_layer=nn.SiLU))


def batch() -> Tensor:
    """Return four different images with values far from zero, where E[x²] - E[x]² would cancel."""
    return torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(1)) + 1000 * torch.arange(4).view(4, 1, 1, 1)


def trained(net: nn.Sequential, share: list[int]) -> dict[str, Tensor]:
    """Return outputs, gradients and running statistics after one pass with a loss that is a sum over images."""
    images = batch()[share].requires_grad_()
    out = net.train()(images)
    out.pow(3).sum().backward()
    gradients = {
        f"gradient of {name}": weight.grad for name, weight in net.named_parameters() if weight.grad is not None
    }
    assert images.grad is not None
    return {"out": out.detach(), "gradient": images.grad, **gradients, **net.state_dict()}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Tensor]]:
    folder = tmp_path_factory.mktemp("ranks")

    def work() -> None:
        net = network()
        share_batch_norm(net)
        with Ranks.from_environment().joined(torch.device("cpu")) as ranks:
            torch.save(trained(net, SHARES[ranks.rank]), folder / f"{ranks.rank}.pt")

    assert fork_ranks(work, folder=folder) == [0, 0], (folder / "0.err").read_text()
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_it_is_the_batch_norm_of_the_whole_batch(results: list[dict[str, Tensor]]) -> None:
    whole = trained(network(), [0, 1, 2, 3])
    assert set(results[0]) == set(results[1]) == set(whole)
    for name, expected in whole.items():
        if name in ("out", "gradient"):
            of_ranks = torch.cat([results[0][name], results[1][name]])
        elif name.startswith("gradient of"):
            of_ranks = results[0][name] + results[1][name]
        else:
            assert torch.equal(results[0][name], results[1][name])
            of_ranks = results[0][name]
        assert torch.allclose(of_ranks.double(), expected.double(), rtol=1e-4, atol=1e-4), name


def test_weights_keep_their_names_and_evaluation_its_numbers() -> None:
    plain, shared = network().eval(), network().eval()
    share_batch_norm(shared)
    assert [type(layer) for layer in shared] == [SharedBatchNorm, nn.Conv2d, SharedBatchNorm]
    assert list(shared.state_dict()) == list(plain.state_dict())
    assert torch.equal(shared(batch()), plain(batch()))
