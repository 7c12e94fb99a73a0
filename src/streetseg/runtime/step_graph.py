"""Training steps as CUDA graphs: their kernels are recorded once for each shape, and started by one call from then on.

A step of a small network is a thousand short kernels. To start them one by one takes the processor longer than the GPU
needs to run them: MobileNetV2 with a batch of 4 on an H100 takes 25.7 ms, of which the GPU computes for 5.3 ms.
"""

import gc
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, partial

import torch
from torch import Tensor, nn

from streetseg.runtime.memory import available_bytes

log = logging.getLogger("streetseg")

# Before a shape is recorded: cuDNN and cuBLAS get ready in the first step, which cannot be recorded.
EAGER_STEPS = 3

Results = tuple[Tensor, Tensor, dict[str, Tensor]]  # logits, loss and its terms, without a gradient
Compute = Callable[[Tensor, Tensor], Results]  # images, labels -> results; adds the gradient of the loss to `.grad`


class StepGraph:
    """Forward and backward pass for one shape, recorded.

    Args:
        compute: what is recorded; it does not make the processor wait for the GPU.
        parameters: those that `compute` makes gradients of.
        images: uint8 (B, 3, H, W), an example.
        labels: uint8 (B, H, W), an example.
        recorder: records it.

    Raises:
        RuntimeError: it cannot be recorded.
    """

    def __init__(
        self, compute: Compute, parameters: Iterable[nn.Parameter], images: Tensor, labels: Tensor, recorder: "Recorder"
    ) -> None:
        parameters = list(parameters)
        self._images = images.clone(memory_format=torch.channels_last)
        self._labels = labels.clone()
        for parameter in parameters:
            parameter.grad = None  # recorded like this, each replay writes the gradients and adds to none
        self._results, self._replay = recorder.record(partial(compute, self._images, self._labels))
        self._gradients = [(parameter, parameter.grad) for parameter in parameters]

    def __call__(self, images: Tensor, labels: Tensor) -> Results:
        """Return the results of a batch of this shape; the parameters get its gradients.

        All of these tensors are the same ones each time: the next call of any graph writes over them.
        """
        self._images.copy_(images)
        self._labels.copy_(labels)
        self._replay()
        for parameter, gradient in self._gradients:  # since then it may have got one of another graph or eager step
            parameter.grad = gradient
        return self._results


class StepGraphs:
    """The graphs of a training, one for each shape of its batches.

    Args:
        parameters: those that train.
        recorder: records them.

    The results of a graph are those of an eager step: it runs the same kernels in the same order. So it makes no
    difference that a resumed run takes its eager steps again.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], recorder: "Recorder") -> None:
        self._parameters = list(parameters)
        self._recorder = recorder
        self._eager: Counter[torch.Size] = Counter()
        self._graphs: dict[torch.Size, StepGraph] = {}
        self._failed = False

    def replay(self, compute: Compute, images: Tensor, labels: Tensor) -> Results | None:
        """Return what the graph of this shape makes of a batch, as `StepGraph` does; None: take an eager step.

        The first steps of a shape are eager ones, and all steps are after a shape could not be recorded.
        """
        if self._failed:
            return None
        shape = images.shape
        if shape not in self._graphs:
            self._eager[shape] += 1
            if self._eager[shape] <= EAGER_STEPS:
                return None
            self._record(compute, images, labels)
        return None if self._failed else self._graphs[shape](images, labels)

    def _record(self, compute: Compute, images: Tensor, labels: Tensor) -> None:
        """Record the graph of a shape. If that fails, say so, and replay nothing from now on."""
        try:
            self._graphs[images.shape] = StepGraph(compute, self._parameters, images, labels, self._recorder)
            return
        except RuntimeError as error:
            # Of two errors the second only says that the recording was broken off.
            reason = next(iter(str(error.__context__ or error).splitlines()), "no reason given")
        # Here, not in the handler: the traceback of an error keeps the tensors of the step.
        self._failed = True
        self._graphs.clear()
        for parameter in self._parameters:
            parameter.grad = None
        self._recorder.recover()
        log.warning("training steps cannot be recorded as CUDA graphs and go on without, which is slower (%s)", reason)


class Recorder:
    """Records CUDA graphs.

    Args:
        device: the GPU.

    All graphs share one pool of memory, as no two run at once: a graph may write over the results of another, but
    never over what is read from one replay to the next.
    """

    def __init__(self, device: torch.device) -> None:
        with torch.cuda.device(device):
            self._device = torch.cuda.current_device()
        self._pool = torch.cuda.graph_pool_handle()
        # The peak is taken for that of a step: a larger network that this process trained before must not count.
        torch.cuda.reset_peak_memory_stats(self._device)

    def record(self, work: Callable[[], Results]) -> tuple[Results, Callable[[], None]]:
        """Record the kernels that `work` starts, and run none.

        Returns:
            What `work` returned, and a function that runs the kernels, which write into the same tensors each time.

        Raises:
            RuntimeError: they cannot be recorded; then call `recover`.
        """
        self._require_memory()
        graph = torch.cuda.CUDAGraph()
        gc.collect()  # autograd nodes of an eager step in a cycle would tie the graph to the stream of that step
        with (
            torch.cuda.device(self._device),
            torch.cuda.stream(torch.cuda.current_stream(self._device)),  # torch leaves its own one after a failure
            torch.cuda.graph(
                graph,
                pool=self._pool,
                stream=recording_stream(self._device),
                capture_error_mode="thread_local",  # the reader's thread allocates page-locked memory meanwhile
            ),
        ):
            results = work()
        return results, graph.replay

    def _require_memory(self) -> None:
        """Raise RuntimeError unless a step fits twice into the free memory: graphs keep theirs, eager steps need it."""
        torch.cuda.empty_cache()
        of_step = torch.cuda.max_memory_allocated(self._device) - torch.cuda.memory_allocated(self._device)
        free = available_bytes(torch.device("cuda", self._device))
        if free < 2 * of_step:
            raise RuntimeError(f"too little memory: {2 * of_step:,} bytes are needed, {free:,} are available")

    def recover(self) -> None:
        """Put right what a failed recording leaves behind: a memory pool in use, and a generator that draws nothing."""
        with suppress(RuntimeError):  # the recording did end: then torch has put it right
            torch._C._cuda_endAllocateToPool(self._device, self._pool)
            torch._C._cuda_releasePool(self._device, self._pool)
        generator = torch.cuda.default_generators[self._device]
        generator.graphsafe_set_state(generator.clone_state())  # the same numbers, but no recording
        torch.cuda.synchronize(self._device)
        torch.cuda.empty_cache()


@cache
def recording_stream(device: int) -> torch.cuda.Stream:
    """Return the one stream of this process on which graphs are recorded: cuBLAS keeps memory for each stream."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
