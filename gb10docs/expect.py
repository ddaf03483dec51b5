"""Checks on what a step printed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from gb10docs.header import Checks, Expect
from gb10docs.results import Check

FINISH_REASONS = frozenset({"stop", "length"})
_BLOCK = re.compile(
    r"^finish_reason: (?P<finish>\S+)[ \t]*\n"
    r"usage: prompt_tokens=(?P<prompt>[0-9]+) completion_tokens=(?P<completion>[0-9]+)[ \t]*$",
    re.MULTILINE,
)
_LIMIT = re.compile(r"""["']?max_tokens["']?\s*[:=]\s*(\d+)""")


Mask = Callable[[str], str]
"""What takes secrets and names out of a text; a message masks before it cuts, since half a secret is none to it."""


def _as_it_is(text: str) -> str:
    return text


def check(expect: Expect, stdout: str, body: str, *, real: bool, mask: Mask = _as_it_is) -> list[Check]:
    """Every expectation of a step, held or not.

    Args:
        expect: What the header declares.
        stdout: What the step printed, as it is.
        body: The snippet's text; the `chat` check reads its `max_tokens`.
        real: No stand-in is involved, so `expect.real` counts too.
        mask: What messages, which are shown, are put through.
    """
    found = list(_checks(expect, stdout, body, mask))
    if real and expect.real:
        found += _checks(expect.real, stdout, body, mask)
    return [replace(one, message=mask(one.message)) for one in found]


def _checks(checks: Checks, stdout: str, body: str, mask: Mask) -> Iterator[Check]:
    for text in checks.contains:
        held = text in stdout
        yield Check(
            name=f"contains '{text}'",
            held=held,
            message="" if held else f"standard output {_shown(stdout, mask)}",
        )
    for pattern in checks.matches:
        held = re.search(pattern, stdout, re.MULTILINE) is not None
        yield Check(
            name=f"matches '{pattern}'",
            held=held,
            message="" if held else f"standard output {_shown(stdout, mask)}",
        )
    if checks.json is not None:
        message = _json(checks.json, stdout, mask)
        yield Check(name="json", held=not message, message=message)
    if checks.chat:
        message = _chat(stdout, body, mask)
        yield Check(name="chat", held=not message, message=message)


def _json(schema: dict[str, object], stdout: str, mask: Mask) -> str:
    import jsonschema
    import referencing

    try:
        validator = jsonschema.Draft202012Validator(schema, registry=referencing.Registry())
        wrong = next(iter(validator.iter_errors(json.loads(stdout))), None)
    except json.JSONDecodeError as error:
        return f"standard output is no JSON: {error}; it {_shown(stdout, mask)}"
    except RecursionError:
        return "standard output is nested too deeply for a check"
    except referencing.exceptions.Unresolvable as error:
        return f"the schema cannot be followed: {error}"
    return f"{wrong.json_path}: {mask(wrong.message)[:200]}" if wrong else ""


def _chat(stdout: str, body: str, mask: Mask) -> str:
    """What is wrong with sampled text, empty if nothing."""
    start = 0
    answers = 0
    limit = max((int(number) for number in _LIMIT.findall(body)), default=None)
    for block in _BLOCK.finditer(stdout):
        wrong = _answer(stdout[start : block.start()], block, limit)
        if wrong:
            return f"answer {answers + 1}: {wrong}"
        start = block.end()
        answers += 1
    if answers == 0:
        return f"no 'finish_reason:' and 'usage:' lines; standard output {_shown(stdout, mask)}"
    rest = stdout[start:].strip()
    return (
        f"after answer {answers} comes text without its finish reason and usage: {mask(rest)[:120]!r}"
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


def _shown(stdout: str, mask: Mask) -> str:
    if not stdout.strip():
        return "is empty"
    return f"begins {mask(stdout).strip()[:120]!r}"
