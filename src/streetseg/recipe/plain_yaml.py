"""YAML that can hold names, lists and plain values, and nothing that runs, repeats itself or never ends.

`invalid` puts what pydantic found wrong with a file into one line.
"""

from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import ValidationError

from streetseg.errors import first

DEEPEST = 20  # levels of nesting; nothing that is read here has more than five
LONGEST = 8 * 2**20  # characters

_OPENING = (
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)
_SPECIAL = {yaml.TagToken: "tag", yaml.AnchorToken: "anchor", yaml.AliasToken: "alias"}
_LISTED = 5  # faults named in one message


class NotPlain(ValueError):  # noqa: N818  # says what is wrong with the text, not with the program
    """What is wrong with a text, and in which line.

    Args:
        problem: one line.
        line: counted from 1; none where it is the whole text.
        cure: what to write instead, where that is known.
    """

    def __init__(self, problem: str, line: int | None = None, cure: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.cure = cure

    def where(self, name: object) -> str:
        """NAME:LINE, as an editor or a terminal takes it."""
        return f"{name}:{self.line}" if self.line else str(name)


def parse(text: str) -> yaml.Node | None:
    """What a text holds as nodes, which know their lines; none where the text says nothing.

    Tags are refused because they can name what is to be run, anchors because a short text can grow to gigabytes
    through them, names that are given twice because one of the two would be lost without a word.

    Raises:
        NotPlain: if the text is no valid YAML, holds more than plain values.
    """
    if len(text) > LONGEST:
        raise NotPlain(f"{len(text):,} characters, no description needs that many")
    try:
        _require_plain_tokens(yaml.scan(text))
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except NotPlain:
        raise
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise NotPlain(f"no valid YAML: {error.problem}", line, _cure(error.problem or "")) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the latter two for characters beyond Unicode
        raise NotPlain(f"no valid YAML: {str(error).splitlines()[0]}") from error
    if root is not None:
        _require_unique_names(root, ())
    return root


def value_of(node: yaml.Node) -> Any:
    """What a node says: dicts by name, lists, texts, numbers, truth values, dates, None. Raises NotPlain."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: value_of(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item) for item in node.value]
    try:
        return yaml.SafeLoader("").construct_document(node)
    except (ValueError, OverflowError, yaml.YAMLError) as error:  # 2001-02-31, numbers of thousands of digits
        problem = f"a value cannot be read: {str(error).splitlines()[0]}"
        raise NotPlain(problem, node.start_mark.line + 1) from error


def _cure(problem: str) -> str | None:
    """What to write instead, for the mistakes that texts from Windows bring."""
    if "escape character" in problem or "escape sequence" in problem:
        return "in double quotes a backslash begins an escape; write paths with /"
    return "indent by spaces; YAML takes no tabs" if r"'\t'" in problem else None


def _require_plain_tokens(tokens: Iterator[yaml.Token]) -> None:
    """Raises NotPlain at the first token of its kind; what comes after is not read, however long it is."""
    depth = 0
    for token in tokens:
        line = token.start_mark.line + 1
        if type(token) in _SPECIAL:
            raise NotPlain(f"only plain values are read, found a YAML {_SPECIAL[type(token)]}", line)
        if isinstance(token, yaml.ScalarToken) and not _is_text(token.value):
            raise NotPlain("a zero byte or half a character in a text", line)
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > DEEPEST:
            raise NotPlain(f"nested more than {DEEPEST} levels deep", line)


def _is_text(value: str) -> bool:
    """Whether it can be a path or stand in a file: no zero byte, and half a character only as Python writes the bytes
    of file names that are no UTF-8 (PEP 383)."""
    try:
        return b"\0" not in value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False


def _require_unique_names(node: yaml.Node, parents: tuple[str, ...]) -> None:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _require_unique_names(item, parents)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise NotPlain("a key is no plain name", key.start_mark.line + 1)
            path = (*parents, key.value)
            if key.value in seen:
                raise NotPlain(f"{'.'.join(path)} is given twice", key.start_mark.line + 1)
            seen.add(key.value)
            _require_unique_names(value, path)


def invalid(error: ValidationError) -> str:
    """`path.to.key: what is wrong`, for the first few."""
    found = error.errors(include_input=False, include_url=False)
    failures = [": ".join(filter(None, (".".join(map(str, failure["loc"])), failure["msg"]))) for failure in found]
    return "; ".join(first(failures, _LISTED))
