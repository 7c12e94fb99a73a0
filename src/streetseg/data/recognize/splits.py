"""Find the splits of a folder: in the names of its folders, or in text files that list samples."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from streetseg.data.recognize.find import Pair
from streetseg.data.recognize.names import Folder, words
from streetseg.data.splits import TEST_NAMES, TRAIN_NAMES, VAL_NAMES
from streetseg.errors import DataError
from streetseg.text import read_text

# A word in the name of a folder or list -> the split.
_SPLITS = {
    **dict.fromkeys((*TRAIN_NAMES, "tr"), "train"),
    **dict.fromkeys(VAL_NAMES, "val"),
    **dict.fromkeys((*TEST_NAMES, "ts"), "test"),
}
_COVERED = 0.9  # least share of the lines of a list that name an image


def is_split(name: str) -> bool:
    """Return whether a name is that of a split."""
    return name.lower() in _SPLITS


def splits_by_folder(pairs: Sequence[Pair]) -> dict[Pair, str]:
    """Return the split of each pair by the folder of its image, or of its mask; {} if the folders name no splits.

    A folder may be named after a split, then the folders beside it are splits, too. Or its name may hold the word, as
    in images_train.
    """
    for side in (0, 1):
        folders = [pair[side].folder for pair in pairs]
        if names := _by_position(folders) or _by_word(folders):
            return dict(sorted(zip(pairs, names, strict=True), key=lambda item: _place(item[1])))
    return {}


def _by_position(folders: Sequence[Folder]) -> list[str]:
    """Return the splits if the folders at one position are named after splits; [] otherwise."""
    for i in range(min(map(len, folders))):
        if any(folder[i].lower() in _SPLITS for folder in folders):
            return [_SPLITS.get(folder[i].lower(), folder[i]) for folder in folders]
    return []


def _by_word(folders: Sequence[Folder]) -> list[str]:
    """Return the splits if the path of every folder holds the word of one split, and there are several; else []."""
    found = [{_SPLITS[word] for part in folder for word in words(part) if word in _SPLITS} for folder in folders]
    several = len(set().union(*found)) > 1
    return [names.pop() for names in found] if several and all(len(names) == 1 for names in found) else []


def _place(split: str) -> tuple[int, str]:
    """Return the place of a split in the order train, val, test, others."""
    names = list(dict.fromkeys(_SPLITS.values()))
    return (names.index(split) if split in names else len(names)), split


def lists_of_splits(root: Path, names: Sequence[str], pairs: Sequence[Pair]) -> dict[str, str]:
    """Return split -> the text file that lists its samples; {} if there is none.

    Args:
        root: the folder that is recognized.
        names: the relative paths of its files that are no images.
        pairs: the images and masks.
    """
    stems = {file.stem for pair in pairs for file in pair}
    texts = [PurePosixPath(name) for name in names if name.lower().endswith((".txt", ".lst"))]
    found: dict[str, str] = {}
    for path in texts:
        split = _SPLITS.get(path.stem.lower())
        if split and split not in found and _lists(root / path, stems):
            found[split] = str(path)
    return dict(sorted(found.items(), key=lambda item: _place(item[0])))


def _lists(path: Path, stems: set[str]) -> bool:
    """Return whether the lines of a text file name images."""
    try:
        lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    except DataError:
        return False
    firsts = [line.replace("\\", "/").split()[0].split(",")[0] for line in lines]
    known = [PurePosixPath(first).stem in stems or PurePosixPath(first).name in stems for first in firsts]
    return bool(known) and sum(known) >= _COVERED * len(known)
