"""Describe what was found in a folder as a data.yaml, with a comment on each line."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from streetseg.data.recognize.classes import Class, Classes
from streetseg.data.recognize.find import Pair, Reading
from streetseg.data.recognize.names import File, Folder, Group, Role
from streetseg.data.sources.folder_file import FolderFile
from streetseg.errors import DataError
from streetseg.labels.space import Color
from streetseg.recipe.plain_yaml import invalid, parse, value_of
from streetseg.text import counted, one_line

_PLAIN = re.compile(r"(?!(?:true|false|yes|no|on|off|null|y|n)$)[A-Za-z][\w-]*(?: [\w-]+)*", re.IGNORECASE | re.ASCII)
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")  # no YAML text holds these as they are


@dataclass(frozen=True)
class Description:
    """The findings in a folder.

    Args:
        name: the name of the folder.
        reading: its images and masks.
        splits: the split of each pair; {} if the folders name none.
        lists: split -> text file that lists its samples; {} if there is none.
        classes: the classes of the masks.
        files: all files that could be images or masks.
        same: other readings that show the same areas, which are left out.
    """

    name: str
    reading: Reading
    splits: Mapping[Pair, str]
    lists: Mapping[str, str]
    classes: Classes
    files: Sequence[File]
    same: Sequence[Reading] = ()

    def as_file(self) -> FolderFile:
        """Return the content of the data.yaml. Raise DataError if it cannot say what was found."""
        root = parse(self.text())
        assert root is not None
        try:
            return FolderFile.model_validate(value_of(root))
        except ValidationError as error:
            raise DataError(f"what was found is no description of data: {invalid(error)}", where=self.name) from error

    def text(self, base: str = "") -> str:
        """Return the data.yaml.

        Args:
            base: the path from its folder to the folder that is described, with slashes; "" if both are one.
        """
        prefix = f"{escaped(base).rstrip('/')}/" if base else ""
        others = [glob for one in self.same for side in globs_of(one) for glob in side]
        kept = {glob for side in globs_of(self.reading) for glob in side}
        left_out = [one_line(glob) for glob in dict.fromkeys(others) if glob not in kept]
        lines = [f"# left out, as it shows the same areas: {', '.join(left_out)}"] if left_out else []
        lines += [*self._files(prefix, base), *_classes(self.classes)]
        name, why = (self.classes.space, "the label space") if self.classes.space else (self.name, "the folder")
        return "\n".join([f"name: {quoted(name)}  # {why}", *lines, ""])

    def _files(self, prefix: str, base: str) -> Iterator[str]:
        """Yield the lines on files and splits."""
        if self.splits:
            yield "splits:  # by the names of the folders"
            for split in dict.fromkeys(self.splits.values()):
                pairs = [pair for pair, name in self.splits.items() if name == split]
                images, masks = (_one_or_many(globs, prefix) for globs in globs_of(self.reading, {*pairs}, self.files))
                yield f"  {quoted(split)}: {{images: {images}, masks: {masks}}}  # {counted(len(pairs), 'pair')}"
            return
        images, masks = (_one_or_many(globs, prefix) for globs in globs_of(self.reading, (), self.files))
        yield f"images: {images}  # {counted(len(self.reading.pairs), 'image')}"
        yield f"masks: {masks}  # their names pair with those of the images, their pixels have few values in areas"
        if self.lists:
            yield "splits:  # by the lists in the folder"
            folder = f"{base.rstrip('/')}/" if base else ""
            yield from (f"  {quoted(split)}: {quoted(folder + path)}" for split, path in self.lists.items())


def globs_of(reading: Reading, pairs: Collection[Pair] = (), files: Sequence[File] = ()) -> tuple[list[str], list[str]]:
    """Return the globs of images, and of masks, that pair them.

    Args:
        reading: the images and masks.
        pairs: the pairs that the globs are for; none: all.
        files: all files that could be images or masks, which the globs must not match.
    """
    images: list[str] = []
    masks: list[str] = []
    others = {*files} - reading.images - reading.masks
    alike: dict[tuple[Group, Group], list[Pair]] = {}  # pairs whose marks differ in the ending alone
    for pairing in reading.pairings:
        groups = replace(pairing.image, ending=""), replace(pairing.mask, ending="")
        alike.setdefault(groups, []).extend(pair for pair in pairing.pairs if not pairs or pair in pairs)
    for (image, mask), own in alike.items():
        if own:
            core = _core(image, [image for image, _ in own], others)
            images += _globs(image, [image for image, _ in own], core)
            masks += _globs(mask, [mask for _, mask in own], core)
    return [*dict.fromkeys(images)], [*dict.fromkeys(masks)]


def _core(group: Group, images: Sequence[File], others: Collection[File]) -> str:
    """Return the wildcard for the part of the name that an image and its mask share.

    It is `*[0-9]` if `*` also matches other files of the same folders, and all images end with a digit.
    """
    marks = len(group.prefix + group.suffix)
    if all(len(file.stem) == marks for file in images):
        return ""
    folders = {file.folder for file in images}
    endings = {file.ending for file in images}
    beside = [file for file in others if file.folder in folders and file.ending in endings]
    matched = [file for file in beside if file.stem.startswith(group.prefix) and file.stem.endswith(group.suffix)]
    digits = [file.stem.removesuffix(group.suffix)[-1:].isdigit() for file in images]
    more = [file.stem.removesuffix(group.suffix)[-1:].isdigit() for file in matched]
    return "*[0-9]" if all(digits) and not all(more) else "*"


def _globs(group: Group, files: Sequence[File], core: str) -> list[str]:
    """Return the globs of files of one group; `core` stands for the part of the name that an image and mask share."""
    stem = f"{escaped(group.prefix)}{core}{escaped(group.suffix)}"
    folders = sorted({file.folder for file in files})
    paths = [[*map(escaped, folder)] for folder in folders] if group.role.below else [_parts(folders, group.role)]
    return ["/".join([*path, stem + ending]) for path in paths for ending in sorted({file.ending for file in files})]


def _parts(folders: Sequence[Folder], role: Role) -> list[str]:
    """Return the parts of a glob that matches all folders of a role: `*` where they differ, `**` where depths do."""
    depths = {len(folder) for folder in folders}
    fixed = min(depths)
    if len(depths) > 1:
        same = [len({folder[i] for folder in folders}) == 1 for i in range(fixed)]
        fixed = max(role.position + 1, same.index(False) if False in same else fixed)
    parts = [{folder[i] for folder in folders} for i in range(fixed)]
    return [escaped(names.pop()) if len(names) == 1 else "*" for names in parts] + ["**"] * (len(depths) > 1)


def _classes(classes: Classes) -> Iterator[str]:
    """Yield the lines on classes and what is ignored."""
    yield f"classes:  # {one_line(classes.source)}"
    yield from (f"  - {_class(one)}  # {_share(one.share)}" for one in classes.classes)
    if classes.ignore:
        yield f"ignore: {list(classes.ignore)}  # {one_line(classes.ignored)}"
    if classes.ignore_colors:
        yield f"ignore_color: {[list(color) for color in classes.ignore_colors]}  # {one_line(classes.ignored)}"


def _class(one: Class) -> str:
    fields = [f"name: {quoted(one.name)}"]
    if one.ids:
        fields.append(f"id: {one.ids[0] if len(one.ids) == 1 else list(one.ids)}")
    if one.colors:
        fields.append(f"color: {_color(one.colors)}")
    return f"{{{', '.join(fields)}}}"


def _color(colors: Sequence[Color]) -> list[int] | list[list[int]]:
    return list(colors[0]) if len(colors) == 1 else [list(color) for color in colors]


def _share(share: float) -> str:
    return f"{100 * share:.2f} % of the pixels" if share else "not in the masks looked at"


def _one_or_many(globs: Sequence[str], prefix: str) -> str:
    texts = [quoted(prefix + glob) for glob in globs]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def quoted(text: str) -> str:
    """Return a text as YAML reads it back: as it is if it is plain, otherwise in double quotes."""
    if _PLAIN.fullmatch(text):
        return text
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))


def escaped(text: str) -> str:
    """Return a name as a glob that matches it alone."""
    return re.sub(r"[*?\[]", r"[\g<0>]", text)
