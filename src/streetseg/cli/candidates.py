"""Candidates that a shell offers at the Tab key: commands, flags or values, one a line."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from streetseg.cli.values import Candidate, values
from streetseg.errors import RequestError

# The scripts in cli/shells set these variables. SHELL names the shell. WORDS are the words before the one at the
# cursor, one a line; WORD is that one. bash cuts words at : and =: it gives its LINE up to the cursor, and in BREAKS
# the characters at which it cuts.
SHELL, WORDS, WORD = "_STREETSEG_COMPLETE", "_STREETSEG_WORDS", "_STREETSEG_WORD"
LINE, BREAKS = "_STREETSEG_LINE", "_STREETSEG_BREAKS"


def print_candidates(program: Any, environ: Mapping[str, str]) -> None:
    """Print what can stand in place of the last word: for each candidate its kind, value and help, with tabs between.

    In bash the value is only what stands behind the last character at which bash cuts the word.

    Args:
        program: the group of all commands.
        environ: holds the variables that a script of cli/shells sets.
    """
    if environ[SHELL] == "bash":
        (*words, word), cut = split_line(environ[LINE], environ[BREAKS])
        found = [one for one in candidates(program, words[1:], word) if one.value.startswith(word)]
    else:
        words, word, cut = environ[WORDS].split("\n") if environ[WORDS] else [], environ[WORD], 0
        found = [one for one in candidates(program, words, word) if one.value.casefold().startswith(word.casefold())]
    lines = [
        "\t".join((one.kind, one.value[cut:], " ".join(one.help.split()))) for one in found if one.value.isprintable()
    ]
    sys.stdout.buffer.write("".join(f"{line}\n" for line in lines).encode())


def candidates(command: Any, words: list[str], word: str, parent: Any = None) -> Iterator[Candidate]:
    """Yield what can stand behind the words of a command, in place of the word that was begun.

    Args:
        command: a command or a group of commands.
        words: finished words behind its name.
        word: the word at the cursor; may be empty.
        parent: context of the group that the command belongs to.
    """
    ctx = command.context_class(command, info_name=command.name or "streetseg", parent=parent)
    if commands := getattr(command, "commands", None):
        behind = [one for one in words if not one.startswith("-")]
        if behind:
            try:
                _, part, rest = command.resolve_command(ctx, words[words.index(behind[0]) :])
            except RequestError:
                return
            yield from candidates(part, rest, word, ctx)
            return
        if not word.startswith("-"):
            yield from (Candidate(name, part.help or "") for name, part in commands.items())
            return
    flags = {name: param for param in command.get_params(ctx) if _is_flag(param) for name in param.opts}
    flag, equals, value = word.partition("=")
    param = _param_at(command.params, flags, words)
    if "--" not in words and not _is_flag(param) and (word.startswith("-") or param is None):
        if equals and flag in flags:
            yield from (one.behind(f"{flag}=") for one in _values(flags[flag], command, value))
        else:
            yield from _flags(flags, words)
    elif param is not None:
        yield from _values(param, command, word)


def _is_flag(param: Any) -> bool:
    return param is not None and param.param_type_name == "option"


def _param_at(params: Iterable[Any], flags: Mapping[str, Any], words: list[str]) -> Any:
    """Return the flag or argument that takes the word behind `words`; None if there is none."""
    waiting, position = None, 0
    for i, word in enumerate(words):
        if waiting is not None:
            waiting = None
        elif word.startswith("-") and word != "-" and "--" not in words[:i]:
            waiting = None if word not in flags or flags[word].is_flag else flags[word]
        else:
            position += 1
    arguments = [param for param in params if not _is_flag(param)]
    if waiting is not None or not arguments:
        return waiting
    last = arguments[-1]
    return arguments[position] if position < len(arguments) else last if last.nargs == -1 else None


def _flags(flags: Mapping[str, Any], words: list[str]) -> Iterator[Candidate]:
    """Yield the long names of the flags that were not given, with their help."""
    given = {param.name for name, param in flags.items() if any(word.partition("=")[0] == name for word in words)}
    for param, names in groupby(flags, key=lambda name: flags[name]):
        if not param.hidden and (param.multiple or param.name not in given):
            yield Candidate(max(names, key=len), param.help or "")


def _values(param: Any, command: Any, word: str) -> Iterator[Candidate]:
    if not getattr(param, "is_flag", False):
        yield from values(param.name, param.metavar or "", command.name, word)


def split_line(line: str, breaks: str) -> tuple[list[str], int]:
    """Split a command line as a shell does, whose last quote may be open.

    Args:
        line: up to the cursor.
        breaks: further characters at which readline cuts the last word (COMP_WORDBREAKS).

    Returns:
        The words without quotes, of which the last is empty behind a space; and how many characters of the last one
        stand before the part that readline replaces.
    """
    words, quote, escaped, cut, begun = [""], "", False, 0, False
    for char in line:
        if escaped:
            words[-1] += char
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = begun = True
        elif quote:
            if char == quote:
                quote = ""
            else:
                words[-1] += char
        elif char in "'\"":
            quote, begun, cut = char, True, len(words[-1])
        elif char.isspace():
            if begun:
                words.append("")
                begun, cut = False, 0
        else:
            words[-1] += char
            begun = True
            if char in breaks:
                cut = len(words[-1])
    return words, cut
