"""A data set whose training split has the images of another data set, too: more streets to train on, none to score."""

from collections.abc import Iterable
from copy import copy
from dataclasses import replace

from streetseg.data.issues import Survey
from streetseg.data.source import Sample, Source, SourceView, reader_of, short_name
from streetseg.data.sources.joined import ReadsFromSeveral, renamed
from streetseg.errors import DataError, RequestError
from streetseg.text import counted

EXTRA = "data.extra"  # `Sample.origin` of the images of the other data set, and the first part of their names
_SPLIT = "train"  # of the other data set: what it keeps for validation or a test is not trained on


class WithExtra(ReadsFromSeveral, SourceView):
    """The samples of a source, and in its training split also those of the split "train" of another source.

    Args:
        source: what is trained on and scored. Its samples keep their names.
        extra: what is trained on only, with the same classes in the same order.
        split: the training split of `source`.

    Raises:
        RequestError: the classes differ.
        DataError: `extra` has no split "train".
    """

    def __init__(self, source: Source, extra: Source, split: str) -> None:
        if extra.space.names != source.space.names:
            raise RequestError(
                "the extra data set has other classes than the data set",
                where=[
                    f"{short_name(one.spec)}: {one.space.num_classes} classes ({', '.join(one.space.names)})"
                    for one in (source, extra)
                ],
                hint="data.space=NAME maps both, where it can; a folder:FILE.yaml gives it the same classes in the "
                "same order",
            )
        own = extra.splits.get(_SPLIT, ())
        if not own:
            found = ", ".join(extra.splits) or "no splits"
            raise DataError(f"the extra data set has no split {_SPLIT!r} (found {found})", where=extra.spec)
        added = [renamed(sample, EXTRA) for sample in own]
        super().__init__(
            source, space=source.space, splits={**source.splits, split: (*source.splits.get(split, ()), *added)}
        )
        self.extra = extra
        self._own = {new.name: old for new, old in zip(added, own, strict=True)}
        self.survey.failures += [
            replace(failure, name=f"{EXTRA}/{failure.name}", splits=frozenset({split}))
            for failure in extra.survey.failures_of([_SPLIT])
        ]
        self.survey.note(f"{counted(len(own), 'image')} of {short_name(extra.spec)} are trained on, too")

    def _of(self, sample: Sample) -> tuple[Source, Sample]:
        return (self.extra, self._own[sample.name]) if sample.origin == EXTRA else (self.source, sample)

    def reader(self) -> "WithExtra | None":
        """Return the source without its lists, for another process; None if one of the two exists in this one only."""
        source, extra = reader_of(self.source), reader_of(self.extra)
        if source is None or extra is None:
            return None
        copied = copy(self)
        copied.source, copied.extra, copied.splits, copied.survey = source, extra, {}, Survey()
        return copied


def without_extra(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    """Return the samples of the data itself."""
    return tuple(sample for sample in samples if sample.origin != EXTRA)
