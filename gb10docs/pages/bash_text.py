"""What bash reads of a script as commands and as comments, told from what is text to it.

A here-document and a quoted string are text, and so is what a script writes into another script; a command
substitution within them is not. Whoever looks for a command asks here, so that a tutorial may write a script
out. It reads far enough to tell these apart, and no further: it knows no aliases, and follows no variables.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import dropwhile, takewhile
from typing import NamedTuple

_HERE_DOCUMENT = re.compile(r"<<(?P<tabs>-?)[ \t]*(?P<mark>(?:\\.|'[^']*'|\"[^\"]*\"|[^\s;&|()<>'\"\\])+)")
_REDIRECTION = re.compile(r"<<<|[<>]&|&>>?|>\||>>|<>|[<>](?!\()")
_BEFORE_A_COMMAND = frozenset(
    ("if", "then", "elif", "else", "while", "until", "do", "!", "{", "time", "builtin", "command")
)
_OPERATOR = re.compile(r"\|\||\|&|&&|;;|[\n;&|()]")
_JOINS = ("|", "|&", "||", "&&")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*(?:\[[^]]*\])?\+?=")


class Command(NamedTuple):
    """One simple command."""

    line: int
    """On which it begins, counted from 1."""
    words: tuple[str, ...]
    """Its name and its arguments, without quotes, keywords and assignments before it."""


class Comment(NamedTuple):
    """One comment, from its `#` to the end of its line."""

    line: int
    text: str


class Operator(NamedTuple):
    """What stands between commands: `|`, `&&`, `;`, a bracket, a line's end; none within quotes or a here-document."""

    position: int
    text: str
    depth: int
    """How many brackets, braces and substitutions are around it."""
    after: int
    """Where reading goes on: for a line's end, behind its here-documents."""


@dataclass(slots=True)
class BashText:
    """The commands, the comments and the operators of a script, in the order in which they stand."""

    commands: list[Command] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)


def read_bash(text: str) -> BashText:
    """Read a script; one that bash could not parse is read as far as it can be."""
    reader = _Reader(text)
    with suppress(RecursionError):
        reader.read_commands(0, until="")
    return reader.found


@dataclass(slots=True)
class _Words:
    """A command that is being read."""

    begun: int
    words: list[str] = field(default_factory=list)
    word: str | None = None
    """The word that is being read; one in quotes may be empty."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it has been read yet."""
        return not self.words and self.word is None

    cases: int = 0
    """How many `case` were open before it."""
    braces: int = 0
    """How many `{` were open before it."""
    redirects: bool = False
    """Whether the next word names a file, and is none of the command's own."""

    @property
    def in_case(self) -> bool:
        """Whether a bracket that closes here ends a pattern of a `case`."""
        return self.cases + self.opens_case() > 0

    def opens_case(self) -> int:
        """1 where it begins a `case`, -1 where it ends one."""
        words = [*self.words, self.word or ""]
        return {"case": 1, "esac": -1}.get(next(dropwhile(_stands_before, words), ""), 0)

    def end_word(self) -> None:
        """What follows is another word."""
        if self.word is not None and not self.redirects:
            self.words.append(self.word)
        self.redirects = self.redirects and self.word is None
        self.word = None


class _Reader:
    """Reads one text; each method takes a position and returns the one behind what it has read."""

    def __init__(self, text: str, first_line: int = 1) -> None:
        self._text, self._first_line = text, first_line
        self._here_documents: list[re.Match[str]] = []
        """Those that the line has opened: their bodies begin on the next one."""
        self._around = 0
        """How many substitutions are around what is read."""
        self.found = BashText()

    def read_commands(self, at: int, until: str) -> int:
        """Read commands up to the bracket that closes them, or to the end."""
        text, depth = self._text, 0
        line = _Words(at)
        while at < len(text):
            letter = text[at]
            if line.is_empty:
                line.begun = at
            if letter == until and not depth and not line.in_case:
                self._keep(line)
                return at + 1
            if letter == "#" and line.word is None:
                at = self._comment(at)
            elif letter in " \t":
                line.end_word()
                at += 1
            elif end := self._not_a_word(at, line):
                at = end
            elif operator := _OPERATOR.match(text, at):
                depth += (letter == "(") - (letter == ")" and depth > 0)
                at = self._operator(operator, line, depth)
            else:
                piece, at = self._piece(at)
                line.word = (line.word or "") + piece
        self._keep(line)
        return at

    def _operator(self, operator: re.Match[str], line: _Words, depth: int) -> int:
        """End the command before it; a line's end after `|` or `&&` is none, since the command goes on."""
        text, at = operator[0], operator.end()
        goes_on = line.is_empty and self.found.operators and self.found.operators[-1].text in _JOINS
        self._keep(line)
        if text == "\n":
            at = self._skip_here_documents(at)
        if text != "\n" or not goes_on:
            around = self._around + depth + line.braces
            self.found.operators.append(Operator(operator.start(), text, around, at))
        return at

    def _not_a_word(self, at: int, line: _Words) -> int:
        """Behind an arithmetic command, an array, a redirection or a line's continuation; 0 where there is none."""
        text = self._text
        if text.startswith("\\\n", at):
            return at + 2
        if text[at] == "(" and line.word and line.word.endswith("="):
            return self._array(at + 1)
        if text.startswith("((", at):
            return _arithmetic(text, at) if line.is_empty else 0
        if text[at] not in "<>&":
            return 0
        opening, redirection = _HERE_DOCUMENT.match(text, at), _REDIRECTION.match(text, at)
        if opening:
            self._here_documents.append(opening)
        if opening or redirection:
            line.word = None if line.word and line.word.isdigit() else line.word
            line.end_word()
        if redirection and not opening:
            line.redirects = True
        return opening.end() if opening else redirection.end() if redirection else 0

    def _array(self, at: int) -> int:
        """Behind the bracket that closes `NAME=(`: words, of which none is a command."""
        text = self._text
        while at < len(text) and text[at] != ")":
            begins_word = text[at - 1] in " \t\n("
            at = self._comment(at) if text[at] == "#" and begins_word else self._piece(at)[1]
        return at + 1

    def _comment(self, at: int) -> int:
        end = self._text.find("\n", at)
        end = len(self._text) if end < 0 else end
        self.found.comments.append(Comment(self._line(at), self._text[at:end]))
        return end

    def _piece(self, at: int) -> tuple[str, int]:
        """One letter or one quoted or expanded part of a word, and where it ends."""
        text, letter = self._text, self._text[at]
        if letter == "\\":
            return ("" if text[at + 1 : at + 2] == "\n" else text[at + 1 : at + 2]), at + 2
        if letter == "'":
            end = text.find("'", at + 1)
            end = len(text) if end < 0 else end
            return text[at + 1 : end], end + 1
        if text.startswith("$'", at):
            escaped = re.compile(r"\$'((?:\\.|[^'\\])*)'?", re.DOTALL).match(text, at)
            return (escaped[1], escaped.end()) if escaped else ("", at + 2)
        if letter == '"':
            operators = len(self.found.operators)
            quoted, at = self.read_quoted(at + 1, until='"')
            del self.found.operators[operators:]
            return quoted, at
        if letter in "$`":
            return self._expansion(at)
        return letter, at + 1

    def read_quoted(self, at: int, until: str) -> tuple[str, int]:
        """Text in which only expansions are read, as between double quotes or in a here-document."""
        text, begun = self._text, at
        while at < len(text) and text[at] != until:
            expands = text[at] in "$`"
            at = self._expansion(at)[1] if expands else at + 1 + (text[at] == "\\")
        return text[begun:at], at + 1

    def _expansion(self, at: int) -> tuple[str, int]:
        """What `$` or a backtick begins: the commands in it are commands, the rest is text."""
        text = self._text
        if text[at] == "`":
            inner = re.compile(r"`((?:\\.|[^`\\])*)`?", re.DOTALL).match(text, at)
            end = inner.end() if inner else at + 1
            self._read_apart(re.sub(r"\\([`$\\])", r"\1", inner[1]) if inner else "", at)
        elif text.startswith("$((", at) and (after := _arithmetic(text, at + 1)):
            end = after
        elif text.startswith("$(", at):
            self._around += 1
            end = self.read_commands(at + 2, until=")")
            self._around -= 1
        elif text.startswith("${", at):
            end = self._braces(at + 2)
        else:
            end = at + 1
        return text[at:end], end

    def _braces(self, at: int) -> int:
        """Behind the brace that closes `${`."""
        while at < len(self._text) and self._text[at] != "}":
            at = self._piece(at)[1]
        return at + 1

    def _skip_here_documents(self, at: int) -> int:
        """Behind the bodies of the here-documents that a line has opened; one is expanded unless its mark is quoted."""
        while self._here_documents:
            one = self._here_documents.pop(0)
            mark = re.sub(r"""\\(.)|['"]""", r"\1", one["mark"])
            indent = r"\t*" if one["tabs"] else ""
            closed = re.compile(rf"^{indent}{re.escape(mark)}$", re.MULTILINE).search(self._text, at)
            end = closed.start() if closed else len(self._text)
            if mark == one["mark"]:
                inner = _Reader(self._text[at:end], self._line(at))
                inner.read_quoted(0, until="")
                self.found.commands += inner.found.commands
            at = min(closed.end() + 1, len(self._text)) if closed else end
        return at

    def _read_apart(self, text: str, at: int) -> None:
        inner = _Reader(text, self._line(at))
        inner.read_commands(0, until="")
        self.found.commands += inner.found.commands
        self.found.comments += inner.found.comments

    def _keep(self, line: _Words) -> None:
        """Note the command that ends here; what `eval` is given is commands too."""
        line.end_word()
        line.cases += line.opens_case()
        opened = list(takewhile(_stands_before, line.words)).count("{")
        line.braces = max(0, line.braces + opened - (line.words[:1] == ["}"]))
        words = tuple(dropwhile(_stands_before, line.words))
        line.words.clear()
        if words:
            self.found.commands.append(Command(self._line(line.begun), words))
        if words[:1] == ("eval",):
            self._read_apart(" ".join(words[1:]), line.begun)

    def _line(self, at: int) -> int:
        return self._first_line + self._text.count("\n", 0, at)


def _stands_before(word: str) -> bool:
    """Whether a command's name is still to come after this word."""
    return word in _BEFORE_A_COMMAND or _ASSIGNMENT.match(word) is not None


def _arithmetic(text: str, at: int) -> int:
    """Behind the `))` that closes the `((` at a position; 0 where it is a subshell in a subshell."""
    depth = 0
    for position in range(at, len(text)):
        depth += (text[position] == "(") - (text[position] == ")")
        if depth == 0:
            return position + 1 if text[position - 1] == ")" else 0
    return 0
