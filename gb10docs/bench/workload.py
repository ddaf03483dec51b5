"""What is asked of a server: how many requests at once, how long their prompts and answers are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice

from gb10docs.bench import CannotMeasure

PROMPT = "Continue this walk through a railway museum, hall after hall, and do not stop:"
_WORDS = (
    "the old engine stands in a long hall and people walk around it to see the great wheels and the "
    "black iron of its side while a guide tells them how much water and coal it took to cross the land"
)
_COUNT = re.compile(r"(?P<number>\d+)(?P<kilo>[kK]?)")
_KILO = 1024


@dataclass(frozen=True)
class Workload:
    """A closed loop: at each level, `concurrency` requests are open until all have been answered."""

    concurrency: tuple[int, ...] = (1,)
    """Levels, measured one after the other."""

    context: tuple[int, ...] = (0,)
    """Tokens that stand before the prompt; each is measured at each level."""

    prompt_tokens: int = 128
    """About so many tokens a prompt; the true number comes from the server's `usage`."""

    output_tokens: int = 128
    """Tokens an answer: exactly, where the engine can ignore the end of text, else at most."""

    requests: int = 5
    """Requests that count at each level; never fewer than two for each that is open at once."""

    warmup: int = 2
    """Requests of the same shape before them that do not count, at each level."""

    thinking: bool = False
    """Whether a model that can think before it answers is let to."""

    def __post_init__(self) -> None:
        if min(self.concurrency) < 1:
            raise CannotMeasure(f"concurrency {min(self.concurrency)}: at least 1 request has to be open.")

    def levels(self) -> Iterator[Level]:
        """Each combination of context and concurrency, contexts outermost."""
        for context in self.context:
            for concurrency in self.concurrency:
                yield Level(self, concurrency, context)


@dataclass(frozen=True)
class Level:
    """One concurrency at one context."""

    workload: Workload
    concurrency: int
    context: int

    @property
    def requests(self) -> int:
        """How many requests count."""
        return max(self.workload.requests, 2 * self.concurrency if self.concurrency > 1 else 1)

    @property
    def warmup(self) -> int:
        """How many come before them: as many as are open at once, so that their shape is the same."""
        return max(self.workload.warmup, self.concurrency) if self.workload.warmup else 0


def named(concurrency: int, context: int = 0) -> str:
    """A level in words, such as `4 streams, context 4096`."""
    streams = f"{concurrency} stream{'s' if concurrency > 1 else ''}"
    return f"{streams}, context {context}" if context else streams


def prompt(tokens: int, tokens_per_word: float) -> str:
    """A prompt of about `tokens` tokens that opens with a number of its own.

    No prefix cache can answer for the engine then: no two prompts have a first block of tokens in common.
    """
    spare = round(tokens / tokens_per_word) - len(PROMPT.split()) - 2
    words = islice(cycle(_WORDS.split()), max(spare, 0))
    return " ".join([f"[{os.urandom(4).hex()}]", *words, PROMPT])


def counts(text: str) -> tuple[int, ...]:
    """Numbers separated by commas; `k` means 1,024.

    Raises:
        CannotMeasure: A part is no such number.
    """
    found = []
    for part in text.split(","):
        match = _COUNT.fullmatch(part.strip())
        if not match:
            raise CannotMeasure(
                f"{part.strip()!r} in {text!r} is no count; write whole numbers with commas between, "
                "such as 1,2,4 or 0,4k,16k."
            )
        found.append(int(match["number"]) * (_KILO if match["kilo"] else 1))
    return tuple(found)
