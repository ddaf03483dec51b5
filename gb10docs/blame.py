"""Where in a snippet a command failed, in words: file, line, command, and the part of a pipe."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from gb10docs.sessions import Ending, Failure, signal_name
from gb10docs.snippets import Snippet

_CONTINUES = ("\\", "|", "&&", "||")


def why(ending: Ending, snippet: Snippet, copy: Path) -> str:
    """Why a command failed, empty if it did not.

    A trailing `[[ x ]] && y` leaves status 1 and no failure: what counts is a command that failed inside the file,
    or an explicit `exit` or `return`.
    """
    shown = f"snippets/{snippet.name}"
    if ending.guard_removed:
        return f"{shown}: it took away the trap or the options by which the runner sees failures: leave them alone"
    if snippet.language == "python":
        return f"{shown}: exited with {_status(ending.exit_code)}" if ending.exit_code else ""
    if ending.failures:
        return _failure(ending, snippet, copy)
    if ending.exit_code == 0:
        return ""
    if ending.closed:
        return f"{shown}: the shell exited with {_status(ending.exit_code)}"
    if not _parses(copy):
        return f"{shown}: bash cannot parse it"
    return f"{shown}: returned {_status(ending.exit_code)}" if _returns(snippet) else ""


def _failure(ending: Ending, snippet: Snippet, copy: Path) -> str:
    inside = next((failure for failure in ending.failures if failure.file == str(copy)), None)
    innermost = ending.failures[0]
    failure = inside or innermost
    command = _command(snippet, failure.line) if inside else Path(failure.file).name
    part = f", part {failure.part} of the pipe (`{_part(command, failure)}`)" if failure.parts > 1 else ""
    elsewhere = "" if inside is innermost else f" (in {innermost.file}:{innermost.line})"
    return f"snippets/{snippet.name}:{failure.line}: `{command}` failed with {_status(ending.exit_code)}{part}{elsewhere}"


def _command(snippet: Snippet, line: int) -> str:
    """The command that a line belongs to, its continuation lines joined."""
    lines = snippet.text.splitlines()
    first = last = min(line, len(lines)) - 1
    while first > 0 and lines[first - 1].rstrip().endswith(_CONTINUES):
        first -= 1
    while last < len(lines) - 1 and lines[last].rstrip().endswith(_CONTINUES):
        last += 1
    return " ".join(part.strip().removesuffix("\\").strip() for part in lines[first : last + 1])


def _part(command: str, failure: Failure) -> str:
    parts = split_pipe(command)
    return parts[failure.part - 1] if len(parts) == failure.parts else "?"


def split_pipe(command: str) -> list[str]:
    """The parts of a pipe; `||` and a `|` within quotes or brackets separate nothing."""
    parts = [""]
    quote = ""
    depth = 0
    for position, letter in enumerate(command):
        before = command[position - 1] if position else ""
        around = before + command[position + 1 : position + 2]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "({":
            depth += 1
        elif letter in ")}":
            depth -= 1
        elif letter == "|" and depth == 0 and "|" not in around:
            parts.append("")
            continue
        parts[-1] += letter
    return [part.strip().removeprefix("&").strip() for part in parts]


def _returns(snippet: Snippet) -> bool:
    return re.search(r"(^|[;&|{(]|\bthen|\belse|\bdo)\s*(builtin\s+)?return\b", snippet.body, re.MULTILINE) is not None


def _parses(copy: Path) -> bool:
    return subprocess.run(["bash", "-n", str(copy)], capture_output=True, check=False).returncode == 0


def _status(exit_code: int) -> str:
    name = signal_name(exit_code)
    return f"status {exit_code}" + (f" ({name})" if name else "")
