"""The label tools whose files are read: how a path is recognized, and what opens it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streetseg.data.source import Source
from streetseg.data.sources.shapes.coco import is_coco, open_coco
from streetseg.data.sources.shapes.labelme import is_labelme, open_labelme


@dataclass(frozen=True)
class ToolKind:
    """A kind of data that a label tool writes.

    Args:
        open: opens a file or folder.
        recognize: returns whether a file or folder is of this kind.
    """

    open: Callable[[Path], Source]
    recognize: Callable[[Path], bool]


TOOL_KINDS: dict[str, ToolKind] = {
    "coco": ToolKind(open_coco, is_coco),
    "labelme": ToolKind(open_labelme, is_labelme),
}
