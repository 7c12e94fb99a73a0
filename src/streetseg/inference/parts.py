"""Count a network part by part: the stages of its encoder, the blocks of its decoder, and the head.

The counts are taken from the network while it runs, so they hold for every encoder and for modules of the caller's own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils.flop_counter import FlopCounterMode

from streetseg.arrays import Size
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.latency import noise
from streetseg.inference.predictor import Predictor
from streetseg.models.network import SegmentationNetwork


@dataclass(frozen=True)
class Part:
    """One part of a network.

    Args:
        part: "encoder", "decoder" or "head".
        name: "stage 1", "block 1", in the order of computation; "logits" for the head.
        shape: channels, height and width of its output.
        parameters: number of its parameters.
        macs: its multiply-accumulates for one image.
    """

    part: str
    name: str
    shape: tuple[int, ...]
    parameters: int
    macs: int


@dataclass(frozen=True)
class _Output:
    """Shape and memory of a tensor. The weak reference keeps the address of a freed tensor from being used again."""

    shape: tuple[int, ...]
    memory: StorageWeakRef

    @classmethod
    def of(cls, tensor: Tensor) -> "_Output":
        return cls(tuple(tensor.shape[1:]), StorageWeakRef(tensor.untyped_storage()))  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class _Call:
    """A call of a module: its first and last moment, the multiply-accumulates until then, and what it returned."""

    module: nn.Module
    start: int
    end: int
    macs: int
    outputs: tuple[_Output, ...]


@dataclass
class _Record:
    """The calls of all modules during one forward pass, in the order of their ends."""

    calls: list[_Call] = field(default_factory=list)
    running: list[int] = field(default_factory=list)
    now: int = 0

    def moment(self) -> int:
        """Return the present moment; each is returned once."""
        self.now += 1
        return self.now

    def last(self, module: nn.Module) -> _Call:
        """Return the last call of a module."""
        return next(call for call in reversed(self.calls) if call.module is module)


def count_parts(network: SegmentationNetwork, size: Size, device: torch.device) -> list[dict[str, Any]]:
    """Return the parts of a network, each with the fields of `Part`; their sums are the totals of the network.

    Args:
        network: is moved to `device` and put into evaluation mode.
        size: height and width of an image; the network sees it at the size that `input_size` gives.

    A stage of the encoder is all that is computed between two of its maps. The parameters of a module belong to the
    part in which it is first called; those of modules that are never called are a part of their own.
    """
    engine = TorchEngine(network, device)
    record = _recorded(engine, engine.take(noise(1, Predictor(engine).seen_size(size))))
    return [asdict(part) for part in _parts(record, network)]


def _recorded(engine: TorchEngine, images: Tensor) -> _Record:
    """Return the calls of all modules of the engine's network for these images."""
    record = _Record()
    with FlopCounterMode(display=False) as counter:

        def begin(*_: Any) -> None:
            record.running.append(record.moment())

        def end(module: nn.Module, _: Any, result: Any) -> None:
            tensors = result if isinstance(result, (list, tuple)) else [result]
            outputs = tuple(_Output.of(tensor) for tensor in tensors if isinstance(tensor, Tensor))
            macs = int(counter.get_total_flops()) // 2  # torch counts a multiply-accumulate as two operations
            record.calls.append(_Call(module, record.running.pop(), record.moment(), macs, outputs))

        hooks = [
            hook
            for module in engine.network.modules()
            for hook in (module.register_forward_pre_hook(begin), module.register_forward_hook(end))
        ]
        try:
            engine.logits(images)
        finally:
            for hook in hooks:
                hook.remove()
    return record


def _parts(record: _Record, network: SegmentationNetwork) -> Iterator[Part]:
    """Yield the parts: each reaches from the end of the one before it to its own end."""
    first_calls: dict[nn.Module, int] = {}
    for call in record.calls:
        first_calls[call.module] = min(call.start, first_calls.get(call.module, call.start))
    unused = len(record.calls) * 2 + 1
    owners = [(first_calls.get(m, unused), p) for m in network.modules() for p in m.parameters(recurse=False)]
    sizes = {parameter: (moment, parameter.numel()) for moment, parameter in sorted(owners, key=lambda o: -o[0])}

    since, macs = 0, 0
    for part, name, output, end in [*_stages(record, network), *_blocks(record, network)]:
        until = max(since, end.end)
        parameters = sum(number for moment, number in sizes.values() if since < moment <= until)
        yield Part(part, name, output.shape, parameters, max(0, end.macs - macs))
        since, macs = until, max(macs, end.macs)
    if left := sum(number for moment, number in sizes.values() if moment == unused):
        yield Part("encoder", "not used", (), left, 0)


def _stages(record: _Record, network: SegmentationNetwork) -> Iterator[tuple[str, str, _Output, _Call]]:
    """Yield each map of the encoder with the call that ends its stage. The last stage ends with the encoder."""
    encoder = record.last(network.encoder)
    inside = [call for call in record.calls if encoder.start < call.start and call.end < encoder.end]
    end = inside[0]
    for k, output in enumerate(encoder.outputs, start=1):
        end = encoder if k == len(encoder.outputs) else _end_of(output, inside) or end
        yield "encoder", f"stage {k}", output, end


def _end_of(output: _Output, calls: Sequence[_Call]) -> _Call | None:
    """Return the outermost call that returned a map; None if a function computed it and not a module.

    A later module may return the map as it is, such as a dropout in evaluation mode; it starts after the map is made.
    """
    returned = [call for call in calls if len(call.outputs) == 1 and call.outputs[0].memory == output.memory]
    return next((call for call in reversed(returned) if call.start < returned[0].end), None)


def _blocks(record: _Record, network: SegmentationNetwork) -> Iterator[tuple[str, str, _Output, _Call]]:
    """Yield the blocks of the decoder, or the caller's own decoder as one, and the head."""
    blocks = getattr(network.decoder, "blocks", [network.decoder])
    for k, block in enumerate(blocks, start=1):
        call = record.last(block)
        yield "decoder", f"block {k}", call.outputs[0], call
    yield "head", "logits", record.last(network.head).outputs[0], record.last(network)
