"""Several data sets as one, in one label space. The names of samples say which data set they are from."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Size
from streetseg.data.issues import Survey
from streetseg.data.source import Look, Sample, Source, SourceView, header_size, reader_of, short_name
from streetseg.errors import RequestError
from streetseg.labels.mappings import mappings_from
from streetseg.labels.space import LabelSpace
from streetseg.recipe.reading import AS_USUAL


class ReadsFromSeveral:
    """Reads each sample from the source that it is from; a subclass says which that is."""

    def _of(self, sample: Sample) -> tuple[Source, Sample]:
        """Return the source of a sample, and the sample as that source knows it."""
        raise NotImplementedError

    def read_image(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the image, uint8 RGB (H, W, 3). Raise DataError if it cannot be read."""
        source, own = self._of(sample)
        return source.read_image(own)

    def read_mask(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the labels, uint8 (H, W), ids of `space` or its ignore_index. Raise DataError on failure."""
        source, own = self._of(sample)
        return source.read_mask(own)

    def look(self, sample: Sample) -> Look:
        """Return image, labels and how both are stored. Raise DataError if one cannot be read."""
        source, own = self._of(sample)
        return source.look(own)

    def header_size(self, sample: Sample) -> Size | None:
        """Return height and width of the image from the header of its file; None if it is no file."""
        return header_size(*self._of(sample))

    def stamp(self, sample: Sample) -> str:
        """Return a short text that changes when the sample's files change."""
        source, own = self._of(sample)
        return source.stamp(own)


class JoinedSource(ReadsFromSeveral):
    """The samples of several sources, split by split. `Sample.origin` names the source of each.

    Args:
        sources: two or more with the same classes in the same order; the first gives the name of the label space.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.spec = "+".join(source.spec for source in sources)
        self.space = sources[0].space
        self.max_pixels = sources[0].max_pixels
        # All are read by the same rules, except drawn scenes, to which none apply.
        self.reading = next((source.reading for source in sources if source.reading != AS_USUAL), AS_USUAL)
        self.survey = Survey()
        self.splits: dict[str, tuple[Sample, ...]] = {}
        self._own: dict[str, tuple[Source, Sample]] = {}  # joined name -> the source, and the sample as it knows it
        for origin, source in zip(origins([source.spec for source in sources]), sources, strict=True):
            for split, samples in source.splits.items():
                own = [renamed(sample, origin) for sample in samples]
                self.splits[split] = (*self.splits.get(split, ()), *own)
                self._own |= {new.name: (source, old) for new, old in zip(own, samples, strict=True)}
            survey = source.survey
            self.survey.notes += survey.notes
            self.survey.skipped |= survey.skipped
            self.survey.unread |= survey.unread
            self.survey.failures += [replace(one, name=f"{origin}/{one.name}") for one in survey.failures]

    def _of(self, sample: Sample) -> tuple[Source, Sample]:
        return self._own[sample.name]

    def reader(self) -> "JoinedSource | None":
        """Return the source without its lists, for another process; None if one of the sources has no reader."""
        sources = {id(source): source for source, _ in self._own.values()}
        readers = {key: reader for key, source in sources.items() if (reader := reader_of(source))}
        if len(readers) < len(sources):
            return None
        copied = copy(self)
        copied.splits, copied.survey = {}, Survey()
        copied._own = {name: (readers[id(source)], sample) for name, (source, sample) in self._own.items()}
        return copied


def joined(sources: Sequence[Source], targets: Sequence[LabelSpace]) -> JoinedSource:
    """Join sources, each mapped to its target.

    Raises:
        RequestError: two sources are one data set, there is no label mapping to a target, the targets have different
            classes, or the images of the sources are converted to 8-bit RGB by different rules.
    """
    specs = [source.spec for source in sources]
    if twice := sorted({spec for spec in specs if specs.count(spec) > 1}):
        hint = "name it once: each image would count twice in every score"
        raise RequestError("a data set is joined with itself", where=twice, hint=hint)
    if len({target.names for target in targets}) > 1:
        raise _no_common_space(sources, targets)
    readings = {source.reading for source in sources if source.spec != "scenes"}
    if len(readings) > 1:
        raise RequestError(
            "the data sets that are joined are read in different ways",
            where=[f"{short_name(source.spec)}: {source.reading}" for source in sources],
            hint="data.exif=… and data.range=… hold for all of them",
        )
    return JoinedSource([_mapped(*pair) for pair in zip(sources, targets, strict=True)])


def origins(specs: Sequence[str]) -> list[str]:
    """Return a short name for each data set: its folder, with a number behind it where an earlier one has that name."""
    names: list[str] = []
    for spec in specs:
        path = Path(spec.partition(":")[2] or spec)
        folder = path.parent.name if path.is_file() else path.name
        name, number = folder, 1
        while name in names:
            number += 1
            name = f"{folder}-{number}"
        names.append(name)
    return names


def renamed(sample: Sample, origin: str) -> Sample:
    """Return a sample with its origin, which its name and its video begin with."""
    sequence = None if sample.sequence is None else f"{origin}/{sample.sequence}"
    return replace(sample, name=f"{origin}/{sample.name}", sequence=sequence, origin=origin)


def _mapped(source: Source, target: LabelSpace) -> Source:
    try:
        return SourceView(source, space=target, splits=source.splits)
    except RequestError as error:
        raise RequestError(error.problem, where=source.spec, hint=error.hint) from None


def _no_common_space(sources: Sequence[Source], targets: Sequence[LabelSpace]) -> RequestError:
    """Return the error for data sets of different classes. It names a label space that all can be mapped to."""
    reachable = [{source.space.name, *mappings_from(source.space)} for source in sources]
    common = sorted(set.intersection(*reachable))
    cure = "no label space holds them all: folder:FILE.yaml can give them the same classes in the same order"
    both = "both" if len(sources) == 2 else "all"
    return RequestError(
        f"the data sets that are joined have different classes ({', '.join(target.name for target in targets)})",
        where=[
            f"{short_name(source.spec)}: {target.name}, {target.num_classes} classes ({', '.join(target.names)})"
            for source, target in zip(sources, targets, strict=True)
        ],
        hint=" or ".join(f"data.space={name}" for name in common) + f" maps {both}" if common else cure,
    )
