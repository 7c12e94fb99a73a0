"""Whether the labels of a data set can be learned and scored at all."""

from streetseg.data.check.findings import Findings
from streetseg.errors import DataError


def require_labels(findings: Findings, split: str, *, hint: str) -> None:
    """Raise DataError if every pixel of a split is ignored.

    Args:
        findings: of that split, at least.
        hint: how to name another split.
    """
    if not findings.splits[split].counts.any():
        raise DataError(
            f"every pixel of split {split!r} is ignored: there is nothing to train on or to score",
            where=findings.spec,
            hint=f"{hint}; or see which value of the masks is ignored: streetseg check",
        )


def require_two_classes(findings: Findings, split: str) -> None:
    """Raise DataError if a split that is trained on holds one class only: a network that always answers it
    scores 100 %."""
    names = [name for name, pixels in zip(findings.space.names, findings.splits[split].counts, strict=True) if pixels]
    if len(names) == 1:
        raise DataError(
            f"split {split!r} holds one class only ({names[0]}): a network that always answers it scores 100 %",
            where=findings.spec,
            hint="give the other pixels a class of their own and do not ignore them, in a folder:FILE.yaml, each class"
            " with the id that it has in the masks, such as"
            f" classes: [{{name: {names[0]}, id: ID}}, {{name: background, id: 255}}]",
        )
