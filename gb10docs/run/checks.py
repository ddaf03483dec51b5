"""Checks on what a step printed.

They look at the text itself, as a reader would see it: without colours, and with a line end wherever a terminal
begins to write a line anew. What they say of it is masked, since reports are public.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from gb10docs.pages.header import Checks, Expect
from gb10docs.pages.printing import without_sequences
from gb10docs.results.result import Check

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

FINISH_REASONS = frozenset({"stop", "length"})
_BLOCK = re.compile(
    r"^finish_reason: (?P<finish>\S+)[ \t]*\n"
    r"usage: prompt_tokens=(?P<prompt>[0-9]+) completion_tokens=(?P<completion>[0-9]+)[ \t]*$",
    re.MULTILINE,
)
_LIMIT = re.compile(r"""["']?max_tokens["']?\s*[:=]\s*(\d+)""")
_LINE_ENDS = re.compile(r"\r+\n|\r")
Mask = Callable[[str], str]
"""What takes secrets and names out of a text; a message masks before it cuts, since half a secret is none to it."""
_TICK_S = 0.1
"""How often a check that takes long looks at its time."""


class _TooLong(BaseException):
    """A check that is not decided in time; no `except Exception` on the way may take it for its own."""


@dataclass(frozen=True, slots=True)
class _Printed:
    """What a step printed, as a reader sees it."""

    text: str
    mask: Mask

    def __str__(self) -> str:
        """How it begins, for a message."""
        return f"begins {self.quote(self.text)}" if self.text.strip() else "is empty"

    def quote(self, text: str) -> str:
        """Some of it for a message."""
        return repr(self.mask(text).strip()[:120])


def as_read(text: str) -> str:
    """Output as its reader sees it: no colours, and a line for each state of a line that is written anew."""
    return _LINE_ENDS.sub("\n", without_sequences(text))


def check(
    expect: Expect,
    stdout: str,
    body: str,
    *,
    real: bool,
    deadline: float = math.inf,
    mask: Mask = str,
    checkpoint: Callable[[], None] = lambda: None,
) -> list[Check]:
    """Every expectation of a step, held or not. Call it in the main thread: it takes SIGALRM meanwhile.

    Args:
        expect: What the header declares.
        stdout: What the step printed, as it printed it.
        body: The snippet's text; the `chat` check reads its `max_tokens`.
        real: No stand-in is involved, so `expect.real` counts too.
        deadline: When a check that is not decided yet counts as broken, as `time.monotonic` tells it.
        mask: Takes what nobody may see out of a message.
        checkpoint: Called about ten times a second while a check takes long; what it raises ends the checks.
    """
    wanted = [expect, expect.real] if real and expect.real else [expect]
    printed = _Printed(as_read(stdout), mask)
    return [
        Check(name, held=not message, message=mask(message))
        for checks in wanted
        for name, find in _checks(checks, printed, body)
        for message in [_in_time(find, deadline, checkpoint)]
    ]


def _checks(checks: Checks, printed: _Printed, body: str) -> Iterator[tuple[str, Callable[[], str]]]:
    """The name of each check, and what finds what is wrong: empty if nothing."""
    for text in checks.contains:
        yield f"contains '{text}'", partial(_lacks, text, printed)
    for pattern in checks.matches:
        yield f"matches '{pattern}'", partial(_unmatched, pattern, printed)
    if checks.json is not None:
        # The first import may take longer than a short timeout: it is none of the check's time.
        yield "json", partial(_json, _validator(checks.json), printed)
    if checks.chat:
        yield "chat", partial(_chat, printed, body)


def _in_time(find: Callable[[], str], deadline: float, checkpoint: Callable[[], None]) -> str:
    try:
        with _alarm(deadline, checkpoint):
            return find()
    except _TooLong:
        return (
            "not decided within the step's timeout: it takes too long on this output; "
            "write a pattern without one repetition in another"
        )


@contextlib.contextmanager
def _alarm(deadline: float, checkpoint: Callable[[], None]) -> Iterator[None]:
    """Raise at the deadline whatever runs: `re` looks for signals while it searches."""

    def disarm() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    def look(_: int, __: FrameType | None) -> None:
        # What is raised here may be raised within `finally` below: nothing must be left to do there.
        try:
            checkpoint()
            if time.monotonic() >= deadline:
                raise _TooLong
        except BaseException:
            disarm()
            raise

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _TICK_S, _TICK_S)
    try:
        yield
    finally:
        disarm()


def _lacks(text: str, printed: _Printed) -> str:
    return "" if as_read(text) in printed.text else f"standard output {printed}"


def _unmatched(pattern: str, printed: _Printed) -> str:
    return "" if re.search(pattern, printed.text, re.MULTILINE) else f"standard output {printed}"


def _validator(schema: dict[str, object]) -> Draft202012Validator:
    import jsonschema
    import referencing

    return jsonschema.Draft202012Validator(schema, registry=referencing.Registry())


def _json(validator: Draft202012Validator, printed: _Printed) -> str:
    from referencing.exceptions import Unresolvable

    try:
        told = json.loads(printed.text, parse_constant=_no_constant)
        wrong = next(iter(validator.iter_errors(told)), None)
    except RecursionError:
        return "standard output is nested too deeply for a check"
    except Unresolvable as error:
        return f"the schema cannot be followed: {error}"
    except ValueError as error:
        return f"standard output is no JSON: {error}; it {printed}"
    return f"{printed.mask(wrong.json_path)[:200]}: {printed.mask(wrong.message)[:200]}" if wrong else ""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no value of JSON")


def _chat(printed: _Printed, body: str) -> str:
    """What is wrong with sampled text, empty if nothing."""
    start = 0
    answers = 0
    limit = max((int(number) for number in _LIMIT.findall(body)), default=None)
    for block in _BLOCK.finditer(printed.text):
        wrong = _answer(printed.text[start : block.start()], block, limit)
        if wrong:
            return f"answer {answers + 1}: {wrong}"
        start = block.end()
        answers += 1
    if answers == 0:
        return f"no 'finish_reason:' and 'usage:' lines; standard output {printed}"
    rest = printed.text[start:].strip()
    return (
        f"after answer {answers} comes text without its finish reason and usage: {printed.quote(rest)}"
        if rest
        else ""
    )


def _answer(text: str, block: re.Match[str], limit: int | None) -> str:
    words = [line for line in text.splitlines() if line.strip() and not line.startswith("--- ")]
    if not words:
        return "the text is empty"
    if block["finish"] not in FINISH_REASONS:
        return f"finish_reason is '{block['finish']}', not one of {', '.join(sorted(FINISH_REASONS))}"
    if text.count("<think>") > text.count("</think>"):
        return "a think block is cut off before the answer: switch thinking off, or allow more tokens"
    if int(block["completion"]) == 0 or int(block["prompt"]) == 0:
        return "usage counts no tokens"
    if limit is not None and int(block["completion"]) > limit:
        return f"{block['completion']} completion tokens, more than max_tokens = {limit}"
    return ""
