"""Audit a data set with a network: gather the evidence, write the tables and the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from streetseg.arguments import OnImage
from streetseg.atomic import atomic_write_json, atomic_write_text
from streetseg.auditing.evidence import Part, gather
from streetseg.auditing.files import classes_csv, images_csv, next_csv, regions_coco, regions_csv
from streetseg.auditing.findings import Findings
from streetseg.auditing.label_next import Ranking, rank_unlabeled
from streetseg.auditing.page import PAGE, render
from streetseg.data.check.check import check_source
from streetseg.data.check.findings import require_labels
from streetseg.data.source import Source, SourceView, short_name
from streetseg.data.store import Store, default_cache
from streetseg.evaluation.evaluate import require_same_classes
from streetseg.inference.predictor import Predictor
from streetseg.runs.finished import is_finished, read_run
from streetseg.text import counted

REGIONS, COCO, IMAGES, CLASSES, NEXT = "regions.csv", "regions.json", "images.csv", "classes.csv", "next.csv"


@dataclass(frozen=True, eq=False)
class Audited:
    """A finished audit.

    Args:
        findings: what was found.
        ranking: the images that are most worth labeling; None where no folder of them was named.
        out: the folder of the files.
    """

    findings: Findings
    ranking: Ranking | None
    out: Path


def parts_of(predictor: Predictor, source: Source, splits: Sequence[str]) -> list[Part]:
    """Return the images of some splits, to be judged by one network.

    Raises:
        RequestError: model and data have different classes.
        DataError: files of the splits cannot be used.
    """
    masks = source.source.space if isinstance(source, SourceView) else source.space
    require_same_classes(predictor.space, source.space, masks=masks)
    findings = check_source(source, splits)
    for split in splits:
        require_labels(findings, split, hint="--split NAME chooses another")
    return [part_of(predictor, source, split) for split in splits]


def part_of(predictor: Predictor, source: Source, split: str) -> Part:
    """Return the images of a split, to be judged by a network."""
    size = None if predictor.tta else predictor.size
    store = Store.open(source, split, size=size, resize_labels=False, cache=default_cache())
    return Part(predictor, store, {sample.name: split for sample in store.samples})


def audit(
    parts: Sequence[Part],
    source: Source,
    out: Path,
    *,
    judged: str,
    unlabeled: tuple[Predictor, Sequence[Path]] | None = None,
    on_image: OnImage = lambda done, total: None,
    on_unlabeled: Callable[[int, int], None] = lambda done, total: None,
) -> Audited:
    """Audit a data set and write the files.

    Args:
        parts: the images and the networks that judge them.
        source: the images at their own size, for the page.
        out: the folder; created if missing.
        judged: in words, which network judged the images.
        unlabeled: images without labels, and the network that ranks them.
        on_image, on_unlabeled: called after each image with the number done and the number of all.

    Raises:
        DataError: no image has a labeled pixel.
    """
    evidence = gather(parts, on_image)
    findings = Findings(evidence, short_name(source.spec), judged)
    ranking = None if unlabeled is None else rank_unlabeled(*unlabeled, on_unlabeled)
    out.mkdir(parents=True, exist_ok=True)
    atomic_write_text(out / REGIONS, regions_csv(findings))
    atomic_write_json(out / COCO, regions_coco(findings))
    atomic_write_text(out / IMAGES, images_csv(findings))
    atomic_write_text(out / CLASSES, classes_csv(findings))
    if ranking is not None:
        atomic_write_text(out / NEXT, next_csv(ranking))
    page = render(findings, parts, source, ranking)
    atomic_write_text(out / PAGE, page)
    return Audited(findings, ranking, out)


def judged_by(model: Path, source: Source, splits: Sequence[str]) -> str:
    """Return which network judged the images, and whether it was trained on them, in words."""
    name = short_name(source.spec)
    run = model.parent if model.name == "best" else model
    if run.is_dir() and is_finished(run):
        finished = read_run(run)
        spec, split = short_name(str(finished.data["spec"])), finished.recipe.data.train_split
        if spec != name:
            return f"The network was trained on {spec}, not on {name}."
        if split not in splits:
            return f"The network was trained on the split {split}, which is not audited."
        return (
            f"The network was trained on the split {split}. It hardly contradicts labels that it was trained on, "
            f"incorrect ones included: many stay unfound there. --folds 5 has each image judged by a network that has "
            f"not seen it."
        )
    return (
        "It is not known which images the network was trained on. It hardly contradicts labels that it was trained on; "
        "--folds 5 with the run folder has each image judged by a network that has not seen it."
    )


def summary(audited: Audited) -> str:
    """Return the result in one sentence."""
    findings = audited.findings
    suspicious = len({suspect.region.image for suspect in findings.listed})
    images = counted(len(findings.evidence.samples), "image")
    needing = sum(bool(state.needs) for state in findings.classes)
    return (
        f"{counted(len(findings.ranked), 'region')} in {suspicious} of {images} to look at; "
        f"{needing} of {len(findings.classes)} classes need more images."
    )
