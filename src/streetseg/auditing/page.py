"""The page of an audit: one HTML file that loads nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from PIL import Image

from streetseg.auditing.classes import EXAMPLES, RULE, SEVERAL, SYSTEMATIC, ClassState
from streetseg.auditing.evidence import Part
from streetseg.auditing.findings import MOST, Findings
from streetseg.auditing.label_next import Candidate, Ranking
from streetseg.auditing.scoring import Suspect
from streetseg.auditing.shown import WIDEST, Crops, Layer, make_crops
from streetseg.data.source import Source
from streetseg.inference.inputs import require_image
from streetseg.machine import program_version
from streetseg.report.charts.svg import chart_css
from streetseg.report.page import generator_mark, jpeg_uri, page_asset, page_environment
from streetseg.text import counted

PAGE = "audit.html"
REGIONS, PER_IMAGE = 40, 3  # regions on the page, and of one image
IMAGES = 12  # images on the page
WORST = 2  # images of a class on the page
NEXT = 12  # images without labels on the page


@dataclass(frozen=True)
class Exhibit:
    """Something to look at: a title, its figures, and its images."""

    title: str
    figures: str
    layers: Sequence[Layer]


@dataclass(frozen=True)
class ClassRow:
    """One class in the table, and its worst images."""

    state: ClassState
    color: str
    exhibits: Sequence[Exhibit]


@dataclass(frozen=True)
class MixupRow:
    """One confusion and its examples."""

    title: str
    figures: str
    exhibits: Sequence[Exhibit]


def render(findings: Findings, parts: Sequence[Part], source: Source, ranking: Ranking | None) -> str:
    """Return the page as HTML."""
    evidence = findings.evidence
    names = evidence.space.names
    shown = shown_regions(findings.ranked)
    suspicious = [i for i in findings.images_ranked[:IMAGES] if findings.image_scores[i]]
    crops = make_crops(
        parts,
        evidence,
        source,
        regions=[suspect.region for _, suspect in shown]
        + [suspect.region for mixup in findings.mixups for suspect in mixup.examples],
        images=suspicious + [i for state in findings.classes for i, _ in state.worst[:WORST]],
    )
    return (
        page_environment()
        .get_template("audit.html.j2")
        .render(
            generator=generator_mark("audit"),
            version=program_version(),
            spec=findings.spec,
            headline=headline(findings),
            judged=findings.judged,
            legend=[(name, _css(color)) for name, color in zip(names, evidence.space.colors, strict=True)],
            regions=[_region(findings, rank, suspect, crops) for rank, suspect in shown],
            listed=len(findings.listed),
            found=len(findings.ranked),
            most=MOST,
            per_image=PER_IMAGE,
            images=[_image(findings, i, crops) for i in suspicious],
            mixups=[
                MixupRow(
                    f"labels {names[mixup.label]}, network {names[mixup.predicted]}",
                    f"{100 * mixup.share:.1f} % of {names[mixup.label]}, in {counted(mixup.images, 'image')}",
                    [_region(findings, None, suspect, crops) for suspect in mixup.examples],
                )
                for mixup in findings.mixups
            ],
            mixup_rule=f"The network gives {100 * SYSTEMATIC:.0f} % or more of one class to one other class, in "
            f"{SEVERAL} images or more. Up to {EXAMPLES} examples each.",
            classes=[_class(findings, k, crops) for k in range(len(names))],
            rule=RULE,
            ranking=ranking,
            next=[] if ranking is None else _next(ranking, parts[0]),
            chart_css=Markup(chart_css()),
            page_css=Markup(page_asset("report.css")),
        )
    )


def headline(findings: Findings) -> str:
    """Return the result in one sentence."""
    images = counted(len(findings.evidence.samples), "image")
    if not findings.ranked:
        return f"The network contradicts the labels of {images} nowhere with confidence."
    regions, suspicious = len(findings.ranked), len({suspect.region.image for suspect in findings.ranked})
    return f"{counted(regions, 'region')} in {suspicious} of {images} where labels and network disagree."


def shown_regions(ranked: Sequence[Suspect]) -> list[tuple[int, Suspect]]:
    """Return rank and region of the first regions, at most PER_IMAGE of one image and REGIONS in all."""
    of_image: dict[int, int] = {}
    shown = []
    for rank, suspect in enumerate(ranked, start=1):
        image = suspect.region.image
        of_image[image] = of_image.get(image, 0) + 1
        if of_image[image] <= PER_IMAGE:
            shown.append((rank, suspect))
        if len(shown) == REGIONS:
            break
    return shown


def _region(findings: Findings, rank: int | None, suspect: Suspect, crops: Crops) -> Exhibit:
    region, evidence = suspect.region, findings.evidence
    names = evidence.space.names
    pair = f"labels {names[region.label]}, network {names[region.predicted]}"
    return Exhibit(
        pair if rank is None else f"{rank}. {pair}",
        f"{evidence.samples[region.image].name} ({evidence.splits[region.image]}), {counted(region.pixels, 'pixel')} "
        f"at x {region.left}, y {region.top}; confidence {100 * region.confidence:.0f} %",
        crops.regions[region],
    )


def _image(findings: Findings, number: int, crops: Crops) -> Exhibit:
    counts = findings.evidence.counts.counts[number]
    agreement = 100 * np.trace(counts) / max(counts.sum(), 1)
    title = f"{findings.evidence.samples[number].name} ({findings.evidence.splits[number]})"
    return Exhibit(title, f"{agreement:.1f} % of the labeled pixels agree", crops.images[number])


def _class(findings: Findings, k: int, crops: Crops) -> ClassRow:
    state, evidence = findings.classes[k], findings.evidence
    exhibits = [
        Exhibit(evidence.samples[i].name, f"IoU of {state.name} {100 * iou:.1f} %", crops.images[i])
        for i, iou in state.worst[:WORST]
    ]
    return ClassRow(state, _css(evidence.space.colors[k]), exhibits)


def _next(ranking: Ranking, part: Part) -> list[tuple[Candidate, Layer]]:
    shown = []
    for candidate in ranking.candidates[:NEXT]:
        image = Image.fromarray(require_image(candidate.path, part.predictor.engine.reading))
        image.thumbnail((WIDEST, WIDEST))
        caption = f"{candidate.path.name}, uncertainty {candidate.uncertainty:.3f}"
        layer = Layer(jpeg_uri(np.asarray(image)), candidate.path.name, caption, image.width, image.height)
        shown.append((candidate, layer))
    return shown


def _css(color: tuple[int, int, int]) -> str:
    return f"rgb({color[0]} {color[1]} {color[2]})"
