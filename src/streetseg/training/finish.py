"""The end of a run: the best network scored in full, measured, and its bundle told so."""

import copy

import torch

from streetseg.atomic import atomic_write_json
from streetseg.data.store import Store
from streetseg.evaluation.evaluate import evaluate
from streetseg.evaluation.files import scores_json, write_error_maps, write_evaluation
from streetseg.evaluation.protocol import protocol
from streetseg.inference.cost import measure_cost
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.predictor import Predictor
from streetseg.metrics.bootstrap import interval
from streetseg.metrics.scores import scores
from streetseg.models.bundle import load_bundle, save_bundle
from streetseg.models.network import SegmentationNetwork
from streetseg.runs.folder import Journal, RunFolder
from streetseg.runtime.disk import free_space_for
from streetseg.runtime.distributed import Ranks


def finish_run(
    folder: RunFolder,
    network: SegmentationNetwork,
    val: Store,
    journal: Journal,
    *,
    dataset: str,
    device: torch.device,
    ranks: Ranks,
) -> float:
    """Score the best bundle in fp32, measure what it costs here, and write both down.

    Args:
        folder: of a trained run.
        network: of the bundle's shape, in any state; ranks that do not read the bundle get its weights in a copy of it.
        val: the validation split at the labels' own resolution.
        journal: gets a line with the time that scoring took.
        dataset: what a person typed, for the protocol.
        ranks: all of them score, rank 0 reads and writes.

    Returns:
        Mean IoU, 0..1.
    """
    best, description = load_bundle(folder.best) if ranks.is_main else (copy.deepcopy(network), {})
    predictor = Predictor(TorchEngine(best, device))
    ranks.broadcast_network(best)
    evaluation = evaluate(predictor, val, ranks=ranks)
    overall = scores(evaluation.counts.total)
    if not ranks.is_main:
        return overall.mean["iou"]
    journal.write("evaluation", images=len(val), seconds=evaluation.seconds)
    terms = protocol(evaluation, predictor, dataset=dataset, split=val.split)
    intervals = interval(evaluation.counts)
    place = folder.path / "evaluation"
    with free_space_for(place, evaluation.counts.counts.nbytes + sum(t.nbytes for t in best.state_dict().values())):
        write_evaluation(place, evaluation, intervals, scores_json(evaluation, intervals, terms))
        write_error_maps(place, evaluation, predictor, val)
        save_bundle(
            folder.best,
            best,
            initial_weights=description["initial_weights"],
            protocol=terms,
            scores={"mean": overall.mean, "pixel_accuracy": overall.pixel_accuracy},
        )
        atomic_write_json(
            folder.path / "cost.json",
            measure_cost(best, best.size or evaluation.label_sizes[0], device, "fp32"),
        )
    return overall.mean["iou"]
