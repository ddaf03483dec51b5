"""Two results side by side: ratios with their spread, and no difference claimed that the spread does not show.

The ratio is the median of all ratios of one result's requests to the other's (Hodges and Lehmann); its interval is
the one that the rank-sum test gives (Mann and Whitney), which assumes nothing of how the times are distributed.
Source: https://doi.org/10.1214/aoms/1177704172
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import comb
from statistics import median

from gb10docs.bench.metrics import Run
from gb10docs.bench.results import Result
from gb10docs.bench.workload import named

CONFIDENCE = 0.95
FIGURES = {"TTFT": "ttft_s", "TPOT": "tpot_s", "prefill": "prefill_tok_s", "end to end": "e2e_s"}
LIMITS = "The 95 % intervals know the spread from request to request, not that from one start of a server to the next."
SAME = {
    "prompt_tokens": "tokens of the prompt", "output_tokens": "tokens of the answer",
    "thinking": "whether it may think",
}  # fmt: skip
"""What of two workloads has to agree."""


@dataclass(frozen=True)
class Ratio:
    """The second result's figure over the first's."""

    figure: str
    concurrency: int
    context: int
    ratio: float
    low: float | None
    high: float | None
    """Ends of the 95 % interval; None where there are too few requests to have one."""

    @property
    def verdict(self) -> str:
        """What may be said."""
        if self.low is None or self.high is None:
            return "too few requests to say"
        if self.low <= 1 <= self.high:
            return "no difference shown"
        return f"{abs(self.ratio - 1):.0%} {'higher' if self.ratio > 1 else 'lower'}"


def compare(first: Result, second: Result) -> list[Ratio]:
    """Ratios of the levels that both have; rates and times alike, each as it is."""
    pairs = [
        (a, b)
        for a in first.runs
        for b in second.runs
        if (a.concurrency, a.context) == (b.concurrency, b.context)
    ]
    made = [_ratio(name, key, a, b) for a, b in pairs for name, key in FIGURES.items()]
    return [ratio for ratio in made if ratio]


def _ratio(name: str, key: str, first: Run, second: Run) -> Ratio | None:
    below = [value for request in first.samples if (value := getattr(request, key))]
    above = [value for request in second.samples if (value := getattr(request, key))]
    if not below or not above:
        return None
    ratios = sorted(b / a for a in below for b in above)
    cut = outside(len(below), len(above))
    low, high = (ratios[cut - 1], ratios[-cut]) if cut else (None, None)
    return Ratio(name, first.concurrency, first.context, median(ratios), low, high)


def render(first: Result, second: Result) -> str:
    """A line a figure and level, aligned; or why nothing can be compared."""
    found = compare(first, second)
    head = f"{second.label} ({second.when}) over {first.label} ({first.when})"
    if not found:
        return f"{head}: no level was measured in both."
    lines = [
        f"{named(ratio.concurrency, ratio.context):<24}  {ratio.figure:<10}  {_shown(ratio):<21}  {ratio.verdict}"
        for ratio in found
    ]
    return "\n".join([head, *lines, LIMITS, *_doubts(first, second)])


def _doubts(first: Result, second: Result) -> Iterator[str]:
    """What else differs, so that a ratio is not taken for the engines' alone."""
    yield from (f"Answered by a stand-in: {each.label}." for each in (first, second) if each.stand_in)
    pairs = [
        ("the machine", first.machine.hardware, second.machine.hardware),
        ("the model", first.server.model, second.server.model),
        *((told, *(getattr(each.workload, key) for each in (first, second))) for key, told in SAME.items()),
    ]
    yield from (f"Not the same: {what}, {one} and {other}." for what, one, other in pairs if one != other)


def _shown(ratio: Ratio) -> str:
    interval = "" if ratio.low is None else f" ({ratio.low:.3f}–{ratio.high:.3f})"
    return f"{ratio.ratio:.3f} ×{interval}"


@cache
def outside(first: int, second: int) -> int:
    """How many of the sorted ratios lie outside the interval at each end, plus one; 0 where none can."""
    limit = (1 - CONFIDENCE) / 2 * comb(first + second, first)
    total = 0
    for statistic, ways in enumerate(_rank_sums(first, second)):
        total += ways
        if total > limit:
            return statistic
    return 0


def _rank_sums(first: int, second: int) -> list[int]:
    """In how many orders of two samples the rank-sum statistic is 0, 1, 2, …: a Gaussian binomial."""
    ways = [1]
    for size in range(1, first + 1):
        ways = _divided(_multiplied(ways, second + size), size)
    return ways


def _multiplied(ways: list[int], power: int) -> list[int]:
    """Times 1 − q^power."""
    longer = ways + [0] * power
    return [longer[i] - (longer[i - power] if i >= power else 0) for i in range(len(longer))]


def _divided(ways: list[int], power: int) -> list[int]:
    """Over 1 − q^power, which leaves no rest."""
    out = list(ways)
    for i in range(power, len(out)):
        out[i] += out[i - power]
    while out and out[-1] == 0:
        out.pop()
    return out
