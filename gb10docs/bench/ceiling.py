"""How much of the memory bandwidth decoding used: model bandwidth utilization (MBU)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from gb10docs.bench import cache
from gb10docs.bench.identity import Identity
from gb10docs.bench.metrics import Request, Run
from gb10docs.errors import GB10DocsError
from gb10docs.models import roofline
from gb10docs.models.roofline import catalog, machines
from gb10docs.results.result import Machine as Here


@dataclass(frozen=True)
class Ceiling:
    """A known model on a known machine."""

    model: roofline.Model
    machine: roofline.Machine
    cache: str = "bf16"
    """Format of the KV cache, which need not be one whose bytes are known."""

    @property
    def quantization(self) -> str:
        """Format of the weights."""
        return self.model.format

    def mbu(self, run: Run) -> float | None:
        """Bytes that a step must read, over its time, over the bandwidth.

        None where no token was timed, or where it is not known how many bytes the cache takes.

        The cache counts as it is half-way through the answer, for as many streams as wrote at once.
        """
        times = [request.tpot_s for request in run.samples if request.tpot_s]
        if not times or self.cache not in roofline.CACHES:
            return None
        depth = sum(request.prompt_tokens + request.output_tokens // 2 for request in run.samples)
        made = roofline.estimate(
            self.model,
            roofline.FORMATS[self.model.format],
            self.machine,
            batch=batch(run.samples),
            context=depth // len(run.samples),
            cache=self.cache,
        )
        return made.bytes_per_step / median(times) / self.machine.bytes_s


def batch(requests: Sequence[Request]) -> int:
    """How many streams wrote at once, on average over the time in which any did.

    Where some queued, that is fewer than were open.
    """
    spans = sorted((one.t0 + one.t_first, one.t0 + one.t_last) for one in requests)
    busy, end = 0.0, float("-inf")
    for first, last in spans:
        busy += max(0.0, last - max(first, end))
        end = max(end, last)
    written = sum(last - first for first, last in spans)
    return max(1, round(written / busy)) if busy else 1


def find(server: Identity, here: Here) -> Ceiling | None:
    """The ceiling for a server's model on this machine; None for a stand-in, elsewhere, or where one is not known."""
    if server.stand_in or not server.local:
        return None
    machine = machines.of_gpu(here.gpu)
    names = (server.root, server.root.rpartition("/")[2], server.model)
    model = next((found for name in names if name and (found := catalog.known(name))), None)
    return Ceiling(model, machine, cache.format_of(server, model)) if model and machine else None


def other_model(server: Identity) -> str | None:
    """What the folder that is served holds, where that is not the model whose name it is served under."""
    named, folder = catalog.known(server.model), Path(server.root)
    if not named or not server.local or not (folder / "config.json").is_file():
        return None
    try:
        held = catalog.find(str(folder))
    except GB10DocsError:
        return "a model of another kind"
    return None if held.values == named.values else f"a model of {held.total / 1e6:,.0f} million parameters"
