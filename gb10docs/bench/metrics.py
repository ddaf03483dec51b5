"""What a benchmark measures: one request, its derived figures, and their summary.

TTFT and TPOT are what vLLM's `bench serve` means by them, save for two things. TTFT ends at the first event
with text, never at one that only names the role. TPOT leaves out the tokens of that first event where their
number is known: they were there before its clock started.
Source: https://github.com/vllm-project/vllm/blob/main/vllm/benchmarks/serve.py
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

SCHEMA = "gb10docs.bench/1"
METRICS = ("ttft_s", "tpot_s", "decode_tok_s", "e2e_s", "prefill_tok_s")

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """One streaming request; times are seconds after t0, the moment before it was sent."""

    t_first: float
    """Arrival of the first event with content or reasoning text."""

    t_last: float
    """Arrival of the last event with text or a finish reason."""

    prompt_tokens: int
    """From the server's `usage`, chat template included."""

    output_tokens: int
    """From the server's `usage`: reasoning and the end-of-text token included. Never counted from events."""

    finish_reason: str
    """`stop` or `length`."""

    first_chunk_tokens: int = 1
    """Tokens in the first event with text; 1 unless the server reports usage with every event."""

    stand_in: str | None = None
    """What answered in the place of the model that was asked for, as its response header says."""

    @property
    def ttft_s(self) -> float:
        """Time to first token, seconds: t_first − t0, queueing and HTTP included."""
        return self.t_first

    @property
    def tpot_s(self) -> float | None:
        """Time per output token, seconds, without TTFT: (t_last − t_first) / (n_out − n_first_chunk).

        None where no token came after the first event, or no time passed.
        """
        later = self.output_tokens - self.first_chunk_tokens
        took = self.t_last - self.t_first
        return took / later if later > 0 and took > 0 else None

    @property
    def decode_tok_s(self) -> float | None:
        """Decode speed of this one stream, tokens a second: 1 / TPOT."""
        return 1 / self.tpot_s if self.tpot_s else None

    @property
    def e2e_s(self) -> float:
        """The whole request, seconds: t_last − t0."""
        return self.t_last

    @property
    def prefill_tok_s(self) -> float | None:
        """Prompt tokens / TTFT, tokens a second: TTFT holds more than prefill, so prefill is no slower."""
        return self.prompt_tokens / self.ttft_s if self.ttft_s > 0 else None


@dataclass(frozen=True)
class Summary:
    """N, median and extremes; no mean and no percentile, which a handful of requests cannot carry."""

    n: int
    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Summary | None:
        """Summarize the values that exist; None where there is none."""
        from statistics import median

        known = [value for value in values if value is not None]
        return cls(len(known), median(known), min(known), max(known)) if known else None


@dataclass(frozen=True)
class Result:
    """One benchmark run against one server: its requests, one at a time over one kept-alive connection."""

    label: str
    url: str
    model: str
    started: datetime
    warmup: int
    max_tokens: int
    requests: tuple[Request, ...]

    @property
    def stand_in(self) -> str | None:
        """The stand-in that answered, if one answered any of the requests."""
        return next((request.stand_in for request in self.requests if request.stand_in), None)

    def summary(self, metric: str) -> Summary | None:
        """Summarize a field or property of the requests, such as `ttft_s` or `output_tokens`."""
        return Summary.of(getattr(request, metric) for request in self.requests)

    def to_json(self) -> dict[str, Any]:
        """Plain values: the requests as measured, and the summaries for whoever reads the JSON."""
        summaries = {metric: self.summary(metric) for metric in METRICS}
        return {
            "schema": SCHEMA,
            **asdict(self),
            "started": self.started.isoformat(timespec="seconds"),
            "stand_in": self.stand_in,
            "concurrency": 1,
            "summary": {metric: found and asdict(found) for metric, found in summaries.items()},
        }

    @classmethod
    def from_json(cls, data: object) -> Result:
        """Read what `to_json` wrote; keys it does not know and the summaries are left aside.

        Raises:
            ValueError: A key is missing or of the wrong type, or the schema is another one.
        """
        result = _take({"result": data}, "result", dict)
        if (schema := _take(result, "schema", str)) != SCHEMA:
            raise ValueError(f"its schema is {schema!r}, this gb10docs reads {SCHEMA!r}")
        return cls(
            label=_take(result, "label", str),
            url=_take(result, "url", str),
            model=_take(result, "model", str),
            started=datetime.fromisoformat(_take(result, "started", str)).astimezone(UTC),
            warmup=_take(result, "warmup", int),
            max_tokens=_take(result, "max_tokens", int),
            requests=tuple(map(_request, _take(result, "requests", list))),
        )


def _request(data: object) -> Request:
    request = _take({"requests": data}, "requests", dict)
    return Request(
        t_first=float(_take(request, "t_first", (int, float))),
        t_last=float(_take(request, "t_last", (int, float))),
        prompt_tokens=_take(request, "prompt_tokens", int),
        output_tokens=_take(request, "output_tokens", int),
        finish_reason=_take(request, "finish_reason", str),
        first_chunk_tokens=_take(request, "first_chunk_tokens", int),
        stand_in=_take(request, "stand_in", str) if request.get("stand_in") is not None else None,
    )


def _take(data: Mapping[str, Any], key: str, kind: type[T] | tuple[type[T], ...]) -> T:
    if key not in data:
        raise ValueError(f"the key {key!r} is missing")
    value = data[key]
    if not isinstance(value, kind):
        raise ValueError(f"{key!r} is a {type(value).__name__}")
    return value
