"""Where in a snippet a command failed, in words: file, line, command, and the part of a pipe."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from gb10docs.pages.bash_text import Operator, read_bash
from gb10docs.pages.excerpt import cut
from gb10docs.pages.snippet import Snippet
from gb10docs.run.execution import ExitResult, signal_name

_LONGEST = 160
_PIPES = ("|", "|&")
_FUNCTION = re.compile(
    r"""(?xms) ^([ \t]*) (?: function[ \t]+[^\s(){}]+[ \t]*(?:\(\))? | [^\s(){}=]+[ \t]*\(\) ) \s*
    \{ (?: [^\n}]*\}$ | .*?^\1\} )"""
)


def why(ending: ExitResult, snippet: Snippet, copy: str, stderr: Callable[[], str]) -> str:
    """Why a command failed, empty if it did not; it is asked what went to `stderr` where that tells.

    A trailing `[[ x ]] && y` leaves status 1 and no failure: what counts is a command that failed inside the
    file, or an explicit `exit` or `return`.
    """
    shown = snippet.place
    if ending.guard_removed:
        return f"{shown}: it took away the trap or the options by which failures are seen: leave them alone"
    if ending.speechless:
        return (
            f"{shown}: bash could not report how it ended, so its session was closed: it redefined `builtin`, "
            "closed the shell's descriptors, or lowered their number: leave these alone"
        )
    if snippet.language == "python":
        return f"{shown}: exited with {_status(ending.exit_code)}" if ending.exit_code else ""
    if ending.failures:
        return _failure(ending, snippet, copy, stderr)
    if ending.exit_code == 0:
        return ""
    if ending.closed and (ending.exit_code != 2 or _parses(copy)):
        return f"{shown}: the shell exited with {_status(ending.exit_code)}{_after(snippet, stderr)}"
    if not _parses(copy):
        return f"{shown}: bash cannot parse it{_after(snippet, stderr)}"
    if ending.given_up:
        return f"{shown}: bash gave it up halfway, with {_status(ending.exit_code)}{_after(snippet, stderr)}"
    returned = not ending.strict or _returns(snippet.body)
    return f"{shown}: returned {_status(ending.exit_code)}" if returned else ""


def _failure(ending: ExitResult, snippet: Snippet, copy: str, stderr: Callable[[], str]) -> str:
    inside = next((failure for failure in ending.failures if failure.file == copy), None)
    innermost = ending.failures[0]
    failure = inside or innermost
    status = _status(ending.exit_code)
    elsewhere = "" if inside is innermost else f" (in {innermost.file}:{innermost.line})"
    if inside is None:
        return f"{snippet.place}: `{Path(failure.file).name}` failed with {status}{elsewhere}"
    command, parts = command_at(snippet.text, failure.line), failure.parts
    complaint = _complaint(snippet, stderr()) if inside is innermost else None
    if complaint and (parts == 0 or complaint.line > failure.line):
        # Bash has moved on to a compound command, of which a redirection has failed.
        blamed = command_at(snippet.text, complaint.line)
        command, parts = blamed, parts if blamed == command else 1
    elif parts == 0 or failure.line == 0:
        return f"{snippet.place}: a {'command' if parts else 'redirection'} failed with {status}"
    if parts < 2 or sum(one.text in _PIPES for one in read_bash(command.text).operators) < parts - 1:
        return f"{snippet.place}:{command.line}: `{command}` failed with {status}{elsewhere}"
    part = next(iter(_pipes(command, parts)), [command] * parts)[failure.part - 1]
    where = f"part {failure.part} of {parts} of the pipe"
    return f"{snippet.place}:{part.line}: `{part}` failed with {status}, {where} `{command}`{elsewhere}"


def _complaint(snippet: Snippet, stderr: str) -> Command | None:
    """The last message that bash itself has printed about the snippet, and the line that it names."""
    found = re.findall(rf"^{re.escape(snippet.place)}: \S+ (\d+): (.*)", stderr, re.MULTILINE)
    return Command(int(found[-1][0]), found[-1][1]) if found else None


def _after(snippet: Snippet, stderr: Callable[[], str]) -> str:
    """What bash said last, if nothing else has been printed after it: it may be the cause."""
    said = stderr().rstrip().rpartition("\n")[2]
    complaint = _complaint(snippet, said)
    return f", after bash said 'line {complaint.line}: {complaint}'" if complaint else ""


class Command(NamedTuple):
    """Some text of a snippet, and the line on which it begins, counted from 1."""

    line: int
    text: str

    def __str__(self) -> str:
        text = " ".join(self.text.replace("\\\n", " ").split())
        return cut(text, _LONGEST)


def command_at(text: str, line: int) -> Command:
    """The command that a line belongs to, with the lines that it goes on over and without here-documents."""
    start, end = 0, len(text)
    for one in read_bash(text).operators:
        if one.text != "\n":
            continue
        if text.count("\n", 0, one.after) >= line:
            end = one.position
            break
        start = one.after
    shown = text[start:end]
    return Command(text.count("\n", 0, start + len(shown) - len(shown.lstrip())) + 1, shown.strip())


def _pipes(command: Command, parts: int) -> Iterator[list[Command]]:
    """Every pipe of so many parts in a command line; what is quoted or in brackets separates nothing."""
    text, start = command.text, 0
    pipe: list[Command] = []
    for one in [*read_bash(text).operators, Operator(len(text), ";", 0, len(text))]:
        if one.depth or one.text in "()":
            continue
        pipe.append(_cut(command, start, one.position))
        start = one.after
        if one.text in _PIPES:
            continue
        if len(pipe) == parts:
            yield pipe
        pipe = []


def _cut(command: Command, begin: int, end: int) -> Command:
    piece = command.text[begin:end].replace("\\\n", " \n")
    begin += len(piece) - len(piece.lstrip())
    return Command(command.line + command.text.count("\n", 0, begin), piece.strip())


def _returns(text: str) -> bool:
    """Whether it may return by itself: not in a function, a comment or a here-document; `eval` and `trap` may do it."""
    commands = [command.words for command in read_bash(_FUNCTION.sub("", text)).commands]
    return any(
        words[0] == "return" or (words[0] == "trap" and "return" in " ".join(words)) for words in commands
    )


def _parses(copy: str) -> bool:
    asked = subprocess.run(["bash", "-n", copy], capture_output=True, check=False, start_new_session=True)
    return asked.returncode == 0


def _status(exit_code: int) -> str:
    name = signal_name(exit_code)
    return f"status {exit_code}" + (f" ({name})" if name else "")
