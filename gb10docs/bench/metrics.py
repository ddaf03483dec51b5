"""What a benchmark measures: one request and its figures, a level's requests and their summary.

TTFT begins when the connection stands, so that opening one costs nothing, and ends at the first event with text,
never at one that only names the role. TPOT leaves out the tokens of that first event: they were there before its
clock started. Otherwise both are what vLLM's `bench serve` means by them.
Source: https://github.com/vllm-project/vllm/blob/main/vllm/benchmarks/serve.py
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

ANSWERS = ("stop", "length", "tool_calls")
"""Finish reasons of an answer; with any other the server gave up, and a time until then measures nothing."""

ENOUGH_FOR_P95 = 20
"""Requests below which a 95th percentile is another name for the maximum."""


@dataclass(frozen=True)
class Request:
    """One streaming request that was answered to its end; times are seconds after t0, when it was sent.

    It is sent as soon as its connection stands: the time to open one does not count.
    """

    t_first: float
    """Arrival of the first event with content, reasoning or a tool call."""

    t_last: float
    """Arrival of the last event with text or a finish reason."""

    prompt_tokens: int
    """From the server's `usage`, chat template included."""

    output_tokens: int
    """From the server's `usage`: reasoning and the end-of-text token included. Never counted from events."""

    finish_reason: str
    """`stop`, `length` or `tool_calls`."""

    first_chunk_tokens: int = 1
    """Tokens that came with the first text: as the server counts along, else the mean of events, or one each."""

    t0: float = 0.0
    """When it was sent, seconds after the level began."""

    stand_in: str | None = None
    """What answered in the place of the model that was asked for, as its response header says."""

    hidden: bool = False
    """Whether tokens were counted that no event showed, such as hidden reasoning: then no pace is told."""

    @property
    def ttft_s(self) -> float:
        """Time to first token, seconds: queueing and HTTP included."""
        return self.t_first

    @property
    def tpot_s(self) -> float | None:
        """Time per output token, seconds, without TTFT: (t_last − t_first) / (n_out − n_first_chunk).

        None where no token came after the first event, or no time passed, or tokens were hidden.
        """
        later = 0 if self.hidden else self.output_tokens - self.first_chunk_tokens
        took = self.t_last - self.t_first
        return took / later if later > 0 and took > 0 else None

    @property
    def decode_tok_s(self) -> float | None:
        """Decode speed of this one stream, tokens a second: 1 / TPOT."""
        return 1 / self.tpot_s if self.tpot_s else None

    @property
    def e2e_s(self) -> float:
        """The whole request, seconds."""
        return self.t_last

    @property
    def prefill_tok_s(self) -> float | None:
        """Prompt tokens / TTFT, tokens a second: TTFT holds more than prefill, so prefill is no slower.

        None where TTFT holds the making of hidden tokens too.
        """
        return self.prompt_tokens / self.ttft_s if self.ttft_s > 0 and not self.hidden else None


@dataclass(frozen=True)
class Failure:
    """One request that was not answered to its end, and why, in a sentence."""

    reason: str
    t0: float = 0.0
    """When it was sent, seconds after the level began."""


@dataclass(frozen=True)
class Summary:
    """Median and extremes, and a 95th percentile where there are enough values to have one."""

    median: float
    min: float
    max: float
    p95: float | None = None

    @classmethod
    def of(cls, values: Iterable[float | None], scale: float = 1) -> Summary | None:
        """Summarize the values that exist, times `scale`; None where there is none."""
        known = sorted(value * scale for value in values if value is not None)
        if not known:
            return None
        p95 = known[-(-len(known) * 95 // 100) - 1] if len(known) >= ENOUGH_FOR_P95 else None
        return cls(median(known), known[0], known[-1], p95)


@dataclass(frozen=True)
class Counts:
    """How a level's requests ended."""

    ok: int
    failed: int


@dataclass(frozen=True)
class Run:
    """One level: figures from the requests that were answered, and the count of those that were not."""

    concurrency: int
    """Requests open at once."""

    context: int
    """Tokens asked for before the prompt."""

    requests: Counts
    ttft_ms: Summary | None
    """Time to first token, milliseconds."""

    tpot_ms: Summary | None
    """Time per output token after the first, milliseconds."""

    decode_tok_s: Summary | None
    """Tokens a second of one stream: 1 / TPOT."""

    prefill_tok_s: Summary | None
    """Prompt tokens / TTFT, tokens a second: a lower bound of prefill speed."""

    e2e_ms: Summary | None
    """The whole request, milliseconds."""

    system_tok_s: float | None
    """Output tokens of all streams / time from the first request to the last answer, tokens a second."""

    prompt_tokens: int
    """Sum over the answered requests, from `usage`."""

    output_tokens: int
    """Sum over the answered requests, from `usage`."""

    mbu: float | None
    """Share of the memory bandwidth that decoding used, 0 to 1; null where machine or model are not known."""

    client_load: float | None
    """Share of one processor core that the measuring program itself used; near 1, its times may be late."""

    early_ends: int
    """Answers that the model ended by itself, before the length that was asked for."""

    failures: tuple[str, ...]
    """Why requests failed, each reason once."""

    samples: tuple[Request, ...] = field(repr=False, default=())
    """The answered requests, as measured."""

    @classmethod
    def of(
        cls,
        concurrency: int,
        context: int,
        outcomes: Iterable[Request | Failure],
        *,
        client_load: float | None = None,
    ) -> Run:
        """The figures of one level's outcomes."""
        outcomes = tuple(outcomes)
        ok = tuple(one for one in outcomes if isinstance(one, Request))
        failed = [one.reason for one in outcomes if isinstance(one, Failure)]
        wall = max((r.t0 + r.t_last for r in ok), default=0) - min((r.t0 for r in ok), default=0)
        output = sum(r.output_tokens for r in ok)
        return cls(
            concurrency=concurrency,
            context=context,
            requests=Counts(len(ok), len(failed)),
            ttft_ms=Summary.of((r.ttft_s for r in ok), 1000),
            tpot_ms=Summary.of((r.tpot_s for r in ok), 1000),
            decode_tok_s=Summary.of(r.decode_tok_s for r in ok),
            prefill_tok_s=Summary.of(r.prefill_tok_s for r in ok),
            e2e_ms=Summary.of((r.e2e_s for r in ok), 1000),
            system_tok_s=output / wall if wall > 0 else None,
            prompt_tokens=sum(r.prompt_tokens for r in ok),
            output_tokens=output,
            mbu=None,
            client_load=client_load,
            early_ends=sum(r.finish_reason != "length" for r in ok),
            failures=tuple(dict.fromkeys(failed)),
            samples=ok,
        )
