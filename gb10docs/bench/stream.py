"""A streamed chat completion as it arrived: pieces of bytes with their times, read after the last has come.

Reading later keeps the clock honest: at many streams at once, parsing one would make the others late.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

from gb10docs.bench import sse, words
from gb10docs.bench.metrics import ANSWERS, Request
from gb10docs.bench.sse import Arrival
from gb10docs.errors import GB10DocsError

TEXT_KEYS = ("content", "reasoning_content", "reasoning", "tool_calls")
"""Where engines put what a model wrote in a delta: reasoning is output too, and has gone by two names."""

_REASONING_KEYS = ("reasoning_content", "reasoning")

MOST_TOKENS = 10**8
"""In one request: more than any model holds."""

_SPARE, _SPARE_SHARE = 1, 0.05
"""Tokens beyond one an event that need no explanation: the end of the text, characters of several tokens."""

_NEXT_WORD = re.compile(r"\w\s+\w")
"""Where a second word begins, which no tokenizer puts into the same token."""

_WORDS_PER_TOKEN = 0.25
"""At least so many of the tokens that share an event begin a word; in English it is more than half."""

_NEARLY = 0.8
"""Share of the time that hidden tokens would have taken at the pace of the others, from which on they are believed."""

_SILENCE = 3
"""So many times as long as it then took to write, a silence is long enough for any number of them."""


class BrokenStream(GB10DocsError):
    """The stream ended early, is not what the protocol says, or holds no token counts."""

    exit_code = 1


class NoText(BrokenStream):
    """An answer of which nothing was shown: there is nothing to time, but the prompt has been counted."""

    def __init__(self, output_tokens: int, prompt_tokens: int, stand_in: str | None) -> None:
        super().__init__(f"the stream held no text: none of its {output_tokens} tokens was shown.")
        self.prompt_tokens, self.stand_in = prompt_tokens, stand_in


def read(
    t0: float, arrivals: Iterable[Arrival], stand_in: str | None = None, content_type: str = ""
) -> Request:
    """The request that a whole stream shows; its times count from `t0`.

    Args:
        t0: When it was sent.
        arrivals: All that came.
        stand_in: What its header says that answered.
        content_type: What its header says that came, for the message where it is no event stream.

    Raises:
        BrokenStream: It is no answer: no text, no finish reason or one that is none, no true `usage`,
            an error, or no such stream.
    """
    arrivals = list(arrivals)
    seen = _Seen()
    try:
        for at, event in _chunks(arrivals):
            seen.take(at, event)
        return seen.request(t0, stand_in)
    except _NoEvent:
        raise BrokenStream(_no_stream(arrivals, content_type)) from None
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        told = words.shown(repr(error))
        raise BrokenStream(f"it does not answer as a chat completion does: {told}.") from error


class _NoEvent(Exception):
    """There was no event in what came."""


@dataclass
class _Seen:
    """What a stream has shown so far; times are readings of `perf_counter`."""

    events: int = 0
    first: float | None = None
    last: float | None = None
    finish_reason: str = ""
    usage: object = None
    """The last that was given: counts may run along."""

    at_first: int | None = None
    """Tokens that were counted when the first text came; None where the server did not count along then."""

    at_last: int | None = None
    """The same for the last."""

    chunks: int = 0
    """Events with text."""

    together: int = 0
    """How many of them came at once with the first."""

    next_words: int = 0
    """How often a second word began within an event."""

    reasoned: bool = False
    """Whether reasoning was shown."""

    other: dict[str, Any] | None = None
    """The last event that was no part of an answer: perhaps it says why there is none."""

    def take(self, at: float, event: dict[str, Any]) -> None:
        self.events += 1
        usage = event.get("usage")
        self.usage = usage or self.usage
        choices = event.get("choices")
        if not choices and not usage:
            self.other = event
        for choice in choices or ():
            delta = choice.get("delta") or {}
            text = next((delta[key] for key in TEXT_KEYS if delta.get(key)), None)
            if text:
                self._text(at, delta, text, usage)
            if reason := choice.get("finish_reason"):
                if reason not in ANSWERS:
                    raise BrokenStream(
                        f"the server ended the answer with finish reason {words.shown(str(reason))!r}: "
                        f"only {', '.join(ANSWERS)} are answers."
                    )
                self.last, self.finish_reason = at, reason
                self.at_last = _count(usage, "completion_tokens") or self.at_last

    def _text(self, at: float, delta: dict[str, Any], text: object, usage: object) -> None:
        self.first = at if self.first is None else self.first
        self.last, self.at_last = at, _count(usage, "completion_tokens")
        self.chunks += 1
        if at == self.first:
            self.together, self.at_first = self.chunks, self.at_last
        self.reasoned |= any(delta.get(key) for key in _REASONING_KEYS)
        self.next_words += len(_NEXT_WORD.findall(text)) if isinstance(text, str) else 0

    def request(self, t0: float, stand_in: str | None) -> Request:
        if not self.events:
            raise _NoEvent
        if not self.finish_reason:
            why = (
                f" Its last event that was none of an answer: {words.sentence(self.other)}"
                if self.other
                else ""
            )
            raise BrokenStream(f"the stream ended without a finish reason; see the server's log.{why}")
        output, prompt = self._counted("completion_tokens"), self._counted("prompt_tokens")
        if self.first is None or self.last is None:
            raise NoText(output, prompt, stand_in)
        return Request(
            t_first=self.first - t0,
            t_last=self.last - t0,
            prompt_tokens=prompt,
            output_tokens=output,
            finish_reason=self.finish_reason,
            first_chunk_tokens=self._first_chunk(output),
            hidden=self._hides(output, self.first - t0, self.last - self.first),
            stand_in=stand_in,
        )

    def _counted(self, key: str) -> int:
        if self.usage is None:
            raise BrokenStream("the stream held no `usage`, and tokens are not guessed from events.")
        count = _count(self.usage, key)
        if count is None:
            said = self.usage.get(key) if isinstance(self.usage, dict) else self.usage
            told = words.shown(json.dumps(said, ensure_ascii=False), 40)
            raise BrokenStream(f"its `usage` says {told} for {key}, which is no count of tokens.")
        return count

    def _first_chunk(self, output: int) -> int:
        """Tokens that were there with the first text.

        Where nobody counts along, its event holds as many as all of them on average: rounded up, as the last is the
        one that is not full.
        """
        if self.at_first and self.at_last:
            return self.at_first
        return self.together * (ceil(output / self.chunks) if _unexplained(output, self.chunks) else 1)

    def _hides(self, output: int, before: float, took: float) -> bool:
        """Whether tokens were counted that no event showed, of which nobody knows how fast they were made.

        Where the server counts along, they come on top of its last count. Else the server says that it reasoned and
        shows none of it, or there are more tokens than events, too few words for the events to hold several each, and
        a silence before the first that was long enough.
        """
        if self.at_first and self.at_last:
            return bool(_unexplained(output, self.at_last))
        details = self.usage.get("completion_tokens_details") if isinstance(self.usage, dict) else None
        told = 0 if self.reasoned else _count(details, "reasoning_tokens") or 0
        if told and output - self.chunks >= min(told, 2):
            return True
        beyond = _unexplained(output, self.chunks)
        if not beyond:
            return False
        long_enough = took * min(_NEARLY * beyond / self.chunks, _SILENCE)
        return self.next_words < _WORDS_PER_TOKEN * beyond and before >= long_enough


def _unexplained(output: int, seen: int) -> int:
    """Tokens beyond those that were seen, less what needs no explanation."""
    beyond = output - seen
    return beyond if beyond > _SPARE + _SPARE_SHARE * seen else 0


def _count(usage: object, key: str) -> int | None:
    """A whole number of tokens above 0; None where there is none. JSON does not tell 8 from 8.0."""
    said = usage.get(key) if isinstance(usage, dict) else None
    whole = int(said) if isinstance(said, float) and said.is_integer() else said
    return whole if type(whole) is int and 0 < whole <= MOST_TOKENS else None


def _chunks(arrivals: Iterable[Arrival]) -> Iterator[tuple[float, dict[str, Any]]]:
    """The objects in the events of a stream, each with the time at which its last byte came."""
    for at, data, kind in sse.events(arrivals):
        if not data.strip() or data == "[DONE]":
            continue
        event = _object(data, kind)
        if event.get("error"):
            raise BrokenStream(f"the server reported an error: {words.sentence(event['error'])}")
        if "error" in (kind, event.get("object"), event.get("type")):
            raise BrokenStream(f"the server reported an error: {words.sentence(event)}")
        yield at, event


def _object(data: str, kind: str) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except RecursionError:
        raise BrokenStream("an event of the stream is nested too deeply.") from None
    except ValueError:
        if kind == "error":
            raise BrokenStream(f"the server reported an error: {words.shown(data)}") from None
        raise BrokenStream(f"an event of the stream is no JSON: {words.shown(data, 80)!r}") from None
    if not isinstance(event, dict):
        raise BrokenStream(f"an event of the stream is no JSON object: {words.shown(data, 80)!r}")
    return event


def _no_stream(arrivals: list[Arrival], content_type: str) -> str:
    """What came instead of an event stream: its type and its words."""
    said = b"".join(piece for _, piece in arrivals).decode(errors="replace")
    kind = words.shown(content_type, 80) or "no content type"
    if not said.strip():
        return f"it answered with {kind} and nothing in it, where an event stream was asked for."
    return f"it answered with {kind}, which holds no event of a stream: {words.complaint(said)}"
