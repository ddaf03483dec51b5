"""Speeds that others have measured and published, beside the ceilings that we compute."""

from __future__ import annotations

from dataclasses import dataclass

from gb10docs.models.roofline.catalog import MODELS, bundled
from gb10docs.models.roofline.estimate import Estimate, estimate
from gb10docs.models.roofline.formats import FORMATS
from gb10docs.models.roofline.machines import MACHINES
from gb10docs.models.roofline.tables import read


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
    """Tokens a second of all sequences together; the higher figure where a range was published."""
    date: str
    by: str
    """`vendor` (the maker of the machine), `project` (who writes the engine) or `user`."""
    source: str
    low: float | None = None
    prefill_tok_s: float | None = None
    draft: str = ""
    """What guesses ahead and how far (`MTP, 3 tokens`); empty where every token is written by the model alone."""
    cache: str = "bf16"
    """Format of the KV cache, where the source tells one."""
    note: str = ""

    @property
    def title(self) -> str:
        """The title of the format: ours where we count its bytes, else as the source labels it."""
        return FORMATS[self.format].title if self.format in FORMATS else self.format

    @property
    def bound(self) -> Estimate | None:
        """What we compute for the same model, format, machine, batch and context.

        None where nothing bounds it: a draft writes several tokens for one reading of the weights, and the bytes of a
        model or format that `gb10docs` does not know are not counted.
        """
        if self.draft or self.model not in MODELS or self.format not in FORMATS:
            return None
        return estimate(
            bundled(self.model),
            FORMATS[self.format],
            MACHINES[self.machine],
            batch=self.batch,
            context=self.context,
            cache=self.cache,
        )

    @property
    def share(self) -> float | None:
        """The share of the ceiling that was reached, where there is one; above 1 something is counted wrong."""
        return self.tok_s / self.bound.ceiling_tok_s if self.bound else None


def published() -> tuple[Measurement, ...]:
    """All of them, in the order of `published.toml`."""
    return tuple(Measurement(**row) for row in read("published")["measurement"])
