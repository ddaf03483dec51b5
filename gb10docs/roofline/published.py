"""Speeds that others have measured and published, beside the ceilings that we compute."""

from __future__ import annotations

from dataclasses import dataclass

from gb10docs.roofline.catalog import bundled
from gb10docs.roofline.estimate import Estimate, estimate
from gb10docs.roofline.formats import FORMATS
from gb10docs.roofline.machines import MACHINES
from gb10docs.roofline.tables import read


@dataclass(frozen=True, slots=True)
class Measurement:
    """One published speed."""

    model: str
    format: str
    engine: str
    machine: str
    batch: int
    context: int
    """Tokens in the cache while it was measured; 0 where it is short or not told."""
    tok_s: float
    """Of all sequences together; the higher where a range was published."""
    date: str
    by: str
    """`vendor` (the maker of the machine), `project` (who writes the engine) or `user`."""
    source: str
    low: float | None = None
    prefill_tok_s: float | None = None
    note: str = ""

    @property
    def bound(self) -> Estimate:
        """What we compute for the same model, format, machine, batch and context."""
        return estimate(
            bundled(self.model),
            FORMATS[self.format],
            MACHINES[self.machine],
            batch=self.batch,
            context=self.context,
        )

    @property
    def share(self) -> float:
        """Of the ceiling; above 1 something is counted wrong."""
        return self.tok_s / self.bound.ceiling_tok_s


def published() -> tuple[Measurement, ...]:
    """All of them, in the order of `published.toml`."""
    return tuple(Measurement(**row) for row in read("published")["measurement"])
