"""A streamed chat completion as it arrived: pieces of bytes with their times, read after the last has come.

Reading later keeps the clock honest: at many streams at once, parsing one would make the others late.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gb10docs.bench.metrics import Request
from gb10docs.errors import GB10DocsError

Arrival = tuple[float, bytes]
"""Reading of `perf_counter`, and what arrived."""

TEXT_KEYS = ("content", "reasoning_content", "reasoning")
"""Where engines put text in a delta: reasoning is output too, and has gone by two names."""


class BrokenStreamError(GB10DocsError):
    """The stream ended early, is not what the protocol says, or holds no token counts."""

    exit_code = 1


def read(t0: float, arrivals: Iterable[Arrival], stand_in: str | None) -> Request:
    """The request that a whole stream shows; its times count from `t0`.

    Raises:
        BrokenStreamError: There is no finish reason, no text or no `usage`, or what came is no such stream.
    """
    seen = _Seen()
    try:
        for now, event in _events(arrivals):
            seen.take(now, event)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise BrokenStreamError(f"it does not answer as a chat completion does: {error!r}.") from error
    return seen.request(t0, stand_in)


def complaint(text: str) -> str:
    """The message in an error body, whichever of the usual shapes it has, in one line."""
    try:
        body = json.loads(text)
    except ValueError:
        body = text
    for key in ("error", "message", "detail"):
        if isinstance(body, dict) and key in body:
            body = body[key]
    line = " ".join((body if isinstance(body, str) else json.dumps(body)).split())
    return line[:500] or "no message"


@dataclass
class _Seen:
    """What a stream has shown so far; times are readings of `perf_counter`."""

    first: float | None = None
    last: float | None = None
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    first_chunk_tokens: int = 1

    def take(self, now: float, event: dict[str, Any]) -> None:
        usage = event.get("usage")
        self.usage = usage or self.usage
        for choice in event.get("choices") or []:
            delta = choice.get("delta") or {}
            text = any(delta.get(key) for key in TEXT_KEYS)
            if text and self.first is None:
                self.first = now
                self.first_chunk_tokens = int((usage or {}).get("completion_tokens") or 1)
            if text or choice.get("finish_reason"):
                self.last = now
                self.finish_reason = choice.get("finish_reason") or self.finish_reason

    def request(self, t0: float, stand_in: str | None) -> Request:
        if self.finish_reason is None:
            raise BrokenStreamError("the stream ended without a finish reason; see the server's log.")
        if self.first is None or self.last is None:
            raise BrokenStreamError("the stream held no text, so there is nothing to time.")
        if self.usage is None:
            raise BrokenStreamError("the stream held no `usage`, and tokens are not guessed from events.")
        return Request(
            t_first=self.first - t0,
            t_last=self.last - t0,
            prompt_tokens=int(self.usage["prompt_tokens"]),
            output_tokens=int(self.usage["completion_tokens"]),
            finish_reason=self.finish_reason,
            first_chunk_tokens=self.first_chunk_tokens,
            stand_in=stand_in,
        )


def _events(arrivals: Iterable[Arrival]) -> Iterator[tuple[float, dict[str, Any]]]:
    """The `data:` lines of a server-sent event stream, each with the time at which its last byte came."""
    for now, line in lines(arrivals):
        if not line.startswith(b"data:"):
            continue
        data = line.removeprefix(b"data:").strip()
        if data == b"[DONE]":
            continue
        try:
            event = json.loads(data)
        except ValueError:
            shown = data[:80].decode(errors="replace")
            raise BrokenStreamError(f"an event of the stream is no JSON: {shown!r}") from None
        if not isinstance(event, dict):
            shown = data[:80].decode(errors="replace")
            raise BrokenStreamError(f"an event of the stream is no JSON object: {shown!r}")
        if error := event.get("error"):
            raise BrokenStreamError(
                f"the server reported an error in its stream: {complaint(json.dumps(error))}"
            )
        yield now, event


def lines(arrivals: Iterable[Arrival]) -> Iterator[tuple[float, bytes]]:
    """The lines of a stream, each with the time at which its last byte came."""
    now, rest = 0.0, b""
    for now, piece in arrivals:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield now, line
    if rest:
        yield now, rest
