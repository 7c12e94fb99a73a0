"""The format `folder`: images, masks of ids, and the data.yaml that describes them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from streetseg.data.convert.layout import Item, Labels, Layout, write
from streetseg.data.formats import SUFFIXES
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import is_built_in
from streetseg.png import encode_png

FILE = "data.yaml"


class FolderLayout(Layout):
    """images/SPLIT/NAME, masks/SPLIT/NAME.png as gray ids, and data.yaml."""

    suffixes, turns = SUFFIXES, True

    def write_labels(self, folder: Path, item: Item, image: str, labels: Labels) -> Counter[str]:
        """Write the labels as a gray PNG whose values are the ids."""
        write(folder / f"masks/{item.split}/{item.key}.png", encode_png(labels))
        return Counter()

    def write_description(self, folder: Path, items: Sequence[Item]) -> None:
        """Write data.yaml."""
        splits = dict.fromkeys(item.split for item in items)
        description = {
            **_classes(self.space),
            "ignore": self.space.ignore_index,
            "splits": {split: {"images": f"images/{split}", "masks": f"masks/{split}"} for split in splits},
        }
        text = yaml.safe_dump(description, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
        (folder / FILE).write_text(text, encoding="utf-8")


def _classes(space: LabelSpace) -> dict[str, Any]:
    """Return the label space as data.yaml says it. No two classes there may have one color: only the first keeps it."""
    if len(set(space.colors)) < space.num_classes and is_built_in(space):
        return {"space": space.name}
    classes = [
        {"name": name, "id": i} | ({"color": list(color)} if space.colors.index(color) == i else {})
        for i, (name, color) in enumerate(zip(space.names, space.colors, strict=True))
    ]
    return {"name": space.name, "classes": classes}
