"""Where the fenced blocks of a Markdown page begin and end.

A line scanner, not a Markdown parser. It finds what a reader sees as a fence under Python-Markdown with
pymdown-extensions: at top level and in lists, tabs, admonitions and details. Text that only looks like one is
passed over: longer fences that quote one, and comments. Where the site would draw something else than the
author means, or nobody can tell (a bash or python fence in a block quote, on the line of a list marker, in
indented code, with an opening line that the site does not know), the page is refused, so that no command is
shown and not run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gb10docs.errors import GB10DocsError

_OPENING = re.compile(
    r"""(?x) (?P<marks>`{3,}|~{3,})
    (?:[ ]*\.?(?P<language>[\w#.+-]+)(?=[ ]|$))?
    (?:[ ]*\{(?P<attributes>.*)\} | (?P<options>(?:[ ]*[a-zA-Z]\w*(?:=(?:"[^"]*"|'[^']*'))?(?=[ ]|$))+))?
    [ ]*$"""
)
_LOOKS_LIKE_ONE = re.compile(
    r"^(?P<before>[ >]*(?:(?:[-*+]|\d+\.) +[ >]*)*)(?P<marks>`{3,}|~{3,})(?P<rest>.*)$"
)
_OPTIONS = frozenset({"title", "title_mode", "hl_lines", "linenums"})
_BLOCK = re.compile(
    r"""(?x)(?P<tab>===[!+]?[ ]+".*"[ ]*$) | !!![ ]?[\w-]+(?:[ ]+[\w-]+)*(?:[ ]+".*")?[ ]*$
    | \?\?\?\+?[ ]?(?:[\w-]+(?:[ ]+[\w-]+)*)?(?:[ ]+".*")?[ ]*$"""
)
_ITEM = re.compile(r"(?:[-*+]|\d+\.) +")
_DIVIDER = re.compile(r"#|<!--.*-->\s*$|(?:-+|(?:_ {0,2}){3,}) *$|(?:- {0,2}){3,}$|(?:\* {0,2}){3,}$")
_RULE = re.compile(r"(?:- {0,2}){3,}$|(?:\* {0,2}){3,}$")
_QUOTED = re.compile(r""" "[^"]*"|'[^']*' """.strip())
_INLINE_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")

ALIASES = {
    **dict.fromkeys(("bash", "sh", "shell", "zsh", "console", "shell-session"), "bash"),
    **dict.fromkeys(("python", "python3", "py", "py3", "pycon", "ipython"), "python"),
}
"""What a fence may call the languages that run; a transcript counts, since a reader types what it shows."""


class BadPage(GB10DocsError):
    """A page that cannot be read; the message begins with file:line."""


class Fence(NamedTuple):
    """A fenced block on a page; lines are counted from 1."""

    line: int
    language: str
    """`bash` or `python` for all of `ALIASES`, else as written; empty where the page names none."""
    body: tuple[str, ...]
    tabs: int
    """How many content tabs it is in."""
    marks: str = "```"
    """What closes it."""

    @property
    def runs(self) -> bool:
        """Whether it is in a language that the runner runs."""
        return self.language in ALIASES


def fences(text: str, path: Path) -> Iterator[Fence]:
    """Every fenced block that a reader sees as one, outermost only, in page order.

    Raises:
        BadPage: A fence or a comment is never closed, or a block cannot be told for certain.
    """
    lines = page_lines(text)
    place = _Place(path)
    at = front_matter_length(lines)
    while at < len(lines):
        opening = _opening(lines[at], path, at + 1)
        if opening is None:
            place.read(lines, at)
            at += 1
            continue
        end = _end_of_fence(lines, at, opening["marks"], path)
        indent = place.arrive(lines[at])
        fence = Fence(at + 1, _language(opening), tuple(lines[at + 1 : end]), place.tabs, opening["marks"])
        if place.shows(fence, indent):
            yield fence
        at = end + 1


def page_lines(text: str) -> list[str]:
    """The lines of a page as Python-Markdown counts them: ended by LF, CR or both, tabs of four."""
    return text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4).split("\n")


def front_matter_length(lines: list[str]) -> int:
    """How many lines the front matter takes with its marks; 0 where there is none."""
    if lines[0].rstrip() != "---":
        return 0
    return next((n + 1 for n, line in enumerate(lines[1:], start=1) if line.rstrip() in {"---", "..."}), 0)


class _Container(NamedTuple):
    """A list item, tab, admonition or details: text that is indented belongs to it."""

    line: int
    indent: int
    """Columns that its text is indented by."""
    is_list: bool
    is_tab: bool
    certain: bool
    """Whether Python-Markdown sees one too: a list that follows text without a blank line is none."""


@dataclass(slots=True)
class _Place:
    """What is around the line that the scanner is at."""

    path: Path
    containers: list[_Container] = field(default_factory=list)
    comment: int = 0
    """The line on which the comment began that the scanner is in; 0 outside."""
    hides: bool = False
    """Whether that comment hides what is in it for certain."""
    quoted: bool = False
    """Whether a '<!--' in inline code is still open: the site sees no comment begin before its end."""
    after_blank: bool = True
    fresh: bool = True
    """Whether a list may begin here: after a blank line, a heading, or the line that opens a container."""

    in_code: bool = False
    """Whether the lines since the last blank one may be indented code, which ends at the next one."""

    @property
    def tabs(self) -> int:
        return sum(container.is_tab for container in self.containers)

    def arrive(self, line: str) -> int:
        """Leave the containers that a line is not indented for; returns its indentation.

        Plain text right below a list item belongs to the item, however little it is indented.
        """
        indent = len(line) - len(line.lstrip(" "))
        text = line[indent:]
        plain = not self.after_blank and not any(kind.match(text) for kind in (_ITEM, _DIVIDER, _BLOCK))
        for depth, container in enumerate(self.containers):
            if indent < container.indent and not (plain and container.is_list):
                del self.containers[depth:]
                break
        return indent

    def read(self, lines: list[str], at: int) -> None:
        """Take note of a line outside fences."""
        line = lines[at]
        if self.comment and self.hides:
            self._end_comment(line, lines, at)
            return
        if not line.strip():
            self.after_blank = self.fresh = True
            return
        below = not self.after_blank and any(container.is_list for container in self.containers)
        certain = all(one.certain for one in self.containers)
        indent = self.arrive(line)
        text = line[indent:]
        if self.comment:
            self._end_comment(line, lines, at)
        else:
            self._begin_comment(text, lines, at, hides=indent < 4 and not self.containers)
        relative = indent - self._indent
        divides = relative < (1 if text[0] == "#" else 4) and _DIVIDER.match(text) is not None
        breaks = below and (divides or (text[0] == ">" and relative < 0) or _BLOCK.match(text) is not None)
        if breaks:
            self.containers = [container._replace(certain=False) for container in self.containers]
        self.in_code = relative >= 4 or (self.in_code and not self.after_blank) or breaks
        enters = relative < 4 and self._enter(text, relative, at + 1, below, certain)
        self.fresh = enters or (divides and not below)
        self.after_blank = False

    def shows(self, fence: Fence, indent: int) -> bool:
        """Whether a reader sees a fence; BadPage if it is one that runs and nobody can tell."""
        doubtful = next((container for container in self.containers if not container.certain), None)
        problem = ""
        if self.comment:
            problem = (
                f"in the comment from line {self.comment}, which the site may show: begin it on its own line"
            )
        elif indent - self._indent >= 4:
            problem = (
                "indented so far that it is code: indent it less, or quote it in a fence of four backticks"
            )
        elif self.in_code and not self.after_blank:
            problem = "right below indented code: put a blank line above it"
        elif indent < self._indent:
            problem = "right below a list item that it is not part of: put a blank line above it"
        elif doubtful:
            problem = (
                f"in a list or block right below other text: put a blank line above line {doubtful.line}"
            )
        hidden = self.comment and self.hides
        if self.comment and any("-->" in line for line in fence.body):
            raise BadPage(
                f"{self.path}:{fence.line}: this fence is in a comment and holds '-->': take it out"
            )
        if problem and fence.runs and not hidden:
            raise BadPage(f"{self.path}:{fence.line}: this {fence.language} fence is {problem}")
        self.in_code = indent - self._indent >= 4 or (self.in_code and not self.after_blank)
        self.after_blank = self.fresh = False
        return not problem

    @property
    def _indent(self) -> int:
        return self.containers[-1].indent if self.containers else 0

    def _enter(self, text: str, relative: int, line: int, below_item: bool, certain: bool) -> bool:
        """Whether the line opens a container whose text may begin with a list."""
        block = _BLOCK.match(text) if relative == 0 else None
        item = _ITEM.match(text) if not _RULE.match(text) else None
        if not block and not item:
            return False
        certain = self.fresh or (below_item and certain) if item else not below_item
        tab = block is not None and block["tab"] is not None
        self.containers.append(_Container(line, self._indent + 4, not block, tab, certain))
        return block is not None and certain

    def _begin_comment(self, text: str, lines: list[str], at: int, *, hides: bool) -> None:
        """Take note of a comment that goes on below its line."""
        visible = _INLINE_CODE.sub("", text)
        begins = visible.rfind("<!--")
        if begins < 0 or "-->" in visible[begins:]:
            opened, closed = text.rfind("<!--"), text.rfind("-->")
            self.quoted = opened > closed or (self.quoted and closed < 0)
            return
        if not any("-->" in line for line in lines[at + 1 :]):
            raise BadPage(
                f"{self.path}:{at + 1}: the comment is never closed: end it with '-->', "
                "or put '<!--' in backticks if it is none"
            )
        self.comment, self.hides, self.quoted = at + 1, hides and begins == 0 and not self.quoted, False

    def _end_comment(self, line: str, lines: list[str], at: int) -> None:
        _, closed, rest = line.partition("-->")
        if closed:
            if self.hides:
                self.after_blank = self.fresh = not rest.strip()
                self.in_code = True
            self.comment = 0
            self._begin_comment(rest, lines, at, hides=False)


def _opening(line: str, path: Path, number: int) -> re.Match[str] | None:
    """The parts of a fence's opening line; BadPage for one that the site would not take for a fence."""
    like = _LOOKS_LIKE_ONE.match(line)
    if like is None or like["marks"][:3] in like["rest"]:
        return None
    if like["before"].strip():
        raise BadPage(
            f"{path}:{number}: a fence begins within a block quote or on the line of a list marker: "
            "give it a line of its own, outside of quotes (an admonition can hold one)"
        )
    match = _OPENING.fullmatch(line, len(like["before"]))
    options = re.findall(r"\w+", _QUOTED.sub("", match["options"] or "")) if match else []
    if match is None or not _OPTIONS.issuperset(options):
        raise BadPage(
            f"{path}:{number}: the site takes this line for no fence: write a language, "
            f'and after it only {", ".join(sorted(_OPTIONS))} as in title="…"'
        )
    return match


def _language(opening: re.Match[str]) -> str:
    classes = re.findall(r"(?:^| )\.([^ =}]+)", _QUOTED.sub("", opening["attributes"] or ""))
    named = (opening["language"] or (classes[0] if classes else "")).lower()
    return ALIASES.get(named, named)


def _end_of_fence(lines: list[str], start: int, marks: str, path: Path) -> int:
    indent = len(lines[start]) - len(lines[start].lstrip(" "))
    for number in range(start + 1, len(lines)):
        line = lines[number]
        if not line.strip():
            continue
        if len(line) - len(line.lstrip(" ")) < indent:
            raise BadPage(
                f"{path}:{number + 1}: indented less than the fence that begins on line {start + 1}: "
                f"indent it alike, or close the fence above with '{marks}'"
            )
        if line[indent:].rstrip(" ") == marks:
            return number
    raise BadPage(
        f"{path}:{start + 1}: the fence is never closed: end it with a line '{marks}', indented alike"
    )
