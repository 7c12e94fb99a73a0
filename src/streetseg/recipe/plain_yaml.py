"""Read plain YAML: mappings, lists and scalars, without tags, anchors or unlimited size.

`invalid` formats the validation errors of pydantic as one line.
"""

from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import ValidationError

from streetseg.errors import first

DEEPEST = 20  # largest depth of nesting; the files of streetseg need at most five levels
LONGEST = 8 * 2**20  # largest number of characters

_OPENING = (
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)
_SPECIAL = {yaml.TagToken: "tag", yaml.AnchorToken: "anchor", yaml.AliasToken: "alias"}
_LISTED = 5  # errors named in one message


class NotPlain(ValueError):  # noqa: N818  # the name describes the text
    """The error of a text that is no plain YAML.

    Args:
        problem: one line.
        line: number of the line, from 1; None if the problem concerns the whole text.
        cure: what to write instead, if known.
    """

    def __init__(self, problem: str, line: int | None = None, cure: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.cure = cure

    def where(self, name: object) -> str:
        """Return NAME:LINE, which editors and terminals can open."""
        return f"{name}:{self.line}" if self.line else str(name)


def parse(text: str) -> yaml.Node | None:
    """Return the root node of a YAML text; None if the text is empty. Nodes hold their line.

    Tags are errors because they can name code to run. Anchors are errors because they let a short text grow to
    gigabytes. Keys given twice are errors because one of the values would be lost silently.

    Raises:
        NotPlain: the text is no valid YAML, or holds more than plain values.
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
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the latter two: escapes beyond Unicode
        raise NotPlain(f"no valid YAML: {str(error).splitlines()[0]}") from error
    if root is not None:
        _require_unique_names(root, ())
    return root


def value_of(node: yaml.Node) -> Any:
    """Return the value of a node: dict, list, str, number, bool, date or None. Raise NotPlain if it is not valid."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: value_of(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item) for item in node.value]
    try:
        return yaml.SafeLoader("").construct_document(node)
    except (ValueError, OverflowError, yaml.YAMLError) as error:  # e.g. 2001-02-31, or a number of thousands of digits
        problem = f"a value cannot be read: {str(error).splitlines()[0]}"
        raise NotPlain(problem, node.start_mark.line + 1) from error


def _cure(problem: str) -> str | None:
    """Return what to write instead, for mistakes that are common with Windows paths and tabs; otherwise None."""
    if "escape character" in problem or "escape sequence" in problem:
        return "in double quotes a backslash begins an escape; write paths with /"
    return "indent by spaces; YAML takes no tabs" if r"'\t'" in problem else None


def _require_plain_tokens(tokens: Iterator[yaml.Token]) -> None:
    """Raise NotPlain at the first token that is not plain. The text behind it is not read."""
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
    """Return whether a text can be a path or be written to a file: it has no zero byte, and no surrogates other than
    those that Python uses for file names that are no UTF-8 (PEP 383)."""
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
    """Return the first few validation errors as one line: `path.to.key: message; ...`."""
    errors = error.errors(include_input=False, include_url=False)
    lines = [": ".join(filter(None, (".".join(map(str, details["loc"])), details["msg"]))) for details in errors]
    return "; ".join(first(lines, _LISTED))
