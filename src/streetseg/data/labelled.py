"""Whether the labels of a data set can be learned and scored at all."""

from streetseg.data.findings import Findings
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
    """Raise DataError if a split that is trained on holds one class only: whatever a network says, it scores 100 %."""
    names = [name for name, pixels in zip(findings.space.names, findings.splits[split].counts, strict=True) if pixels]
    if len(names) == 1:
        raise DataError(
            f"split {split!r} holds one class only ({names[0]}): every network would score 100 % on it",
            where=findings.spec,
            hint="give the other pixels a class of their own and do not ignore them, in a folder:FILE.yaml: "
            f"classes: [{{name: background, id: 0}}, {{name: {names[0]}, id: 1}}] with the ids that the masks hold",
        )
