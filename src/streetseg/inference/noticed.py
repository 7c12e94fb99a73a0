"""What the image files of a prediction turned out to be, said once for all of them."""

from collections import Counter
from collections.abc import Iterator

from streetseg.data.images import Stored, joined_range, range_cure, range_words
from streetseg.recipe.reading import ImageReading


class Noticed:
    """Collects how images are stored.

    Args:
        reading: how the model has them read.
    """

    def __init__(self, reading: ImageReading) -> None:
        self._reading = reading
        self._ways: Counter[str] = Counter()
        self._values: list[tuple[int, int]] = []

    def add(self, stored: Stored) -> None:
        """One image that was read."""
        self._ways[stored.words] += 1
        if stored.values is not None:
            self._values.append(stored.values)

    def warnings(self) -> Iterator[str]:
        """A sentence for each thing that may make the labels worse."""
        for way, count in self._ways.items():
            if "dropped" in way:
                yield f"{_images(count)} read without all bands: {way}"
        if self._values:
            whole = joined_range(self._values)
            if words := range_words(whole, self._reading):
                rule = f"the model reads them with data.range={self._reading.range}"
                cure = f"train with {range_cure(whole)}, or scale the images to 8 bits"
                yield f"{_images(len(self._values))} of 16 bits {words}; {rule}: {cure}"


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
