"""A small benchmark of one OpenAI-compatible server: requests one at a time, timed as a client sees them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

from gb10docs.bench import report, store
from gb10docs.bench.client import Server
from gb10docs.bench.metrics import Request, Result, Summary

__all__ = ["Request", "Result", "Summary", "measure", "report", "store"]

PROMPT = (
    "Write a long, detailed tour of a railway museum for a visitor who has never seen a steam engine. "
    "Describe each hall in its own paragraph, name what stands there, how it works and why it mattered."
)


def measure(
    url: str,
    model: str,
    *,
    label: str = "",
    requests: int = 5,
    warmup: int = 2,
    max_tokens: int = 128,
    seen: Callable[[Request], None] | None = None,
) -> Result:
    """Send `warmup` requests that do not count, then `requests` that do, one after the other.

    Every prompt opens with a number of its own, so that no prefix cache can answer for the engine.

    Args:
        url: The server, with or without `/v1`.
        model: The served model's name.
        label: What the report calls this row.
        requests: How many requests count.
        warmup: How many of the same shape come first: graph capture, compilation, page cache, clocks.
        max_tokens: Output tokens a request; the end-of-text token is ignored where the server can.
        seen: Called after each request, warm-ups included.

    Raises:
        BenchError: The server is not there, refuses the request, or breaks its stream.
    """
    started = datetime.now(UTC)
    answers: list[Request] = []
    with Server(url) as server:
        for _ in range(warmup + requests):
            answers.append(server.ask(model, f"[{os.urandom(4).hex()}] {PROMPT}", max_tokens))
            if seen:
                seen(answers[-1])
    return Result(
        label=label,
        url=server.url,
        model=model,
        started=started,
        warmup=warmup,
        max_tokens=max_tokens,
        requests=tuple(answers[warmup:]),
    )
