"""A stand-in for CUDA graphs, which runs on a CPU."""

from collections.abc import Callable

import torch

from streetseg.runtime.step_graph import Results


class Rerun:
    """Stands in for a recorder: a replay runs the work again and fills the tensors of the first time.

    Args:
        network: returns the network whose gradients the work makes.
    """

    def __init__(self, network: Callable[[], torch.nn.Module]) -> None:
        self._network = network
        self.replays: list[tuple[int, ...]] = []
        self.recovered = 0

    def record(self, work: Callable[[], Results]) -> tuple[Results, Callable[[], None]]:
        network = self._network()
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        results = work()
        gradients = [parameter.grad for parameter in network.parameters()]
        network.load_state_dict(before)  # to record changes nothing

        def replay() -> None:
            for parameter in network.parameters():
                parameter.grad = None
            for there, value in zip(tensors(results), tensors(work()), strict=True):
                there.copy_(value)
            for gradient, parameter in zip(gradients, network.parameters(), strict=True):
                if gradient is not None:
                    gradient.copy_(parameter.grad)
                parameter.grad = None  # a replay does not know the parameters
            self.replays.append(tuple(results[0].shape))

        return results, replay

    def recover(self) -> None:
        self.recovered += 1


class Refusing(Rerun):
    """Stands in for a recorder that fails after it has begun."""

    def record(self, work: Callable[[], Results]) -> tuple[Results, Callable[[], None]]:
        super().record(work)
        raise RuntimeError("not permitted\nand a long story")


def tensors(results: Results) -> list[torch.Tensor]:
    """Return logits, loss and terms in one list."""
    logits, loss, terms = results
    return [logits, loss, *terms.values()]
