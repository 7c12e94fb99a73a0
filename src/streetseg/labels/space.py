"""A label space: what each id of a mask means."""

from dataclasses import dataclass

Color = tuple[int, int, int]

IGNORE_INDEX = 255


@dataclass(frozen=True)
class LabelSpace:
    """Names and colours of the ids 0..C-1 of a mask.

    Args:
        name: how the space is called in recipes, bundles and reports, e.g. "street-11".
        names: one name per class, in id order.
        colors: one sRGB triple (0..255) per class, in id order.
        ignore_index: the id of pixels that are counted nowhere.

    Raises:
        ValueError: if names and colours differ in number, a name repeats, or there are more classes than ids.
    """

    name: str
    names: tuple[str, ...]
    colors: tuple[Color, ...]
    ignore_index: int = IGNORE_INDEX

    def __post_init__(self) -> None:
        if len(self.names) != len(self.colors):
            raise ValueError(f"{self.name}: {len(self.names)} names but {len(self.colors)} colours")
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"{self.name}: a class name repeats")
        if not 1 <= len(self.names) <= self.ignore_index:
            raise ValueError(f"{self.name}: {len(self.names)} classes, ids 0..{self.ignore_index - 1} are free")

    @property
    def num_classes(self) -> int:
        """C, the number of classes."""
        return len(self.names)
