"""The end of a run: its best network is calibrated, scored in full and measured, and the bundle gets the scores."""

import copy
from pathlib import Path
from typing import TYPE_CHECKING

from streetseg.atomic import atomic_write_json
from streetseg.data.store import Store
from streetseg.evaluation.calibration import fit_calibration
from streetseg.evaluation.evaluate import Evaluation, evaluate
from streetseg.evaluation.files import scores_json, write_error_maps, write_evaluation
from streetseg.evaluation.protocol import protocol
from streetseg.inference.cost import measure_cost
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.parts import count_parts
from streetseg.inference.predictor import Predictor
from streetseg.metrics.bootstrap import interval
from streetseg.metrics.scores import scores
from streetseg.metrics.validation_counts import ValidationCounts
from streetseg.models.bundle import load_bundle, save_bundle
from streetseg.models.own import NO_MODULES, OwnModules
from streetseg.runtime.disk import free_space_for
from streetseg.text import counted
from streetseg.training.recorder import RunRecorder

if TYPE_CHECKING:
    from streetseg.json_files.scores import Protocol


def finish_run(
    recorder: RunRecorder, val: Store, test: Store | None = None, *, dataset: str, modules: OwnModules = NO_MODULES
) -> float:
    """Calibrate the best bundle, score it in fp32, measure its cost on this machine, and write all of it down.

    The calibration is fitted on the validation split, which chose the best epoch, too.

    Args:
        recorder: of a trained run; all of its ranks score, rank 0 reads and writes.
        val: the validation split at the labels' own resolution.
        test: a split that had no part in the choice of the epoch, to be scored once; None for none.
        dataset: what a person typed, for the protocol.
        modules: of the caller's own, which the network was made with.

    Returns:
        Mean IoU on the validation split, 0..1.
    """
    folder, journal, state = recorder.folder, recorder.journal, recorder.train_state
    device, ranks, progress = state.device, state.ranks, recorder.progress
    # Ranks that do not read the bundle get its weights in a copy of their network.
    best, description = load_bundle(folder.best, modules) if ranks.is_main else (copy.deepcopy(state.network), {})
    predictor = Predictor(TorchEngine(best, device))
    ranks.broadcast_network(best)
    progress.say(f"training is done; the best network is calibrated and scored on {counted(len(val), 'image')} in fp32")
    progress.begin("calibration", len(val))
    best.calibration = fit_calibration(
        predictor, val, dataset=dataset, split=val.split, ranks=ranks, on_image=lambda done, _: progress.show("", done)
    )
    progress.begin("scoring", len(val))
    evaluation = evaluate(predictor, val, keep=True, ranks=ranks, progress=lambda done, total: progress.show("", done))
    overall = scores(evaluation.counts.total)
    tested = None if test is None else score_test(recorder, predictor, test)
    if not ranks.is_main:
        return overall.mean["iou"]
    journal.write("evaluation", images=len(val), seconds=evaluation.seconds)
    place = folder.path / "evaluation"
    progress.say("its latency and memory are measured on this machine")
    weights, kept = best.state_dict().values(), evaluation.predictions or ()
    with free_space_for(place, evaluation.counts.counts.nbytes + sum(t.nbytes for t in weights) + sum(map(len, kept))):
        terms = write_scores(place, evaluation, predictor, val, dataset=dataset)
        save_bundle(
            folder.best,
            best,
            initial_weights=description["initial_weights"],
            protocol=terms,
            scores={"mean": overall.mean, "pixel_accuracy": overall.pixel_accuracy},
            validation=ValidationCounts.of(evaluation.counts).pack(),
        )
        size = best.size or evaluation.label_sizes[0]
        cost = measure_cost(best, size, device, "fp32") | {"parts": count_parts(best, size, device)}
        atomic_write_json(folder.path / "cost.json", cost)
        if test is not None and tested is not None:
            write_scores(folder.test, tested, predictor, test, dataset=dataset)
            journal.write("test", images=len(test), mean_iou=scores(tested.counts.total).mean["iou"])
    return overall.mean["iou"]


def score_test(recorder: RunRecorder, predictor: Predictor, test: Store) -> Evaluation:
    """Return the counts of the best network on the test split; all ranks take part."""
    progress = recorder.progress
    progress.begin(f"scoring {test.split}", len(test))
    ranks = recorder.train_state.ranks
    return evaluate(predictor, test, ranks=ranks, progress=lambda done, total: progress.show("", done))


def write_scores(
    place: Path, evaluation: Evaluation, predictor: Predictor, store: Store, *, dataset: str
) -> "Protocol":
    """Write the evaluation folder of a split, with error maps. Return the protocol of the scores."""
    terms = protocol(evaluation, predictor, dataset=dataset, split=store.split)
    intervals = interval(evaluation.counts)
    write_evaluation(place, evaluation, intervals, scores_json(evaluation, intervals, terms))
    write_error_maps(place, evaluation, predictor, store)
    return terms
