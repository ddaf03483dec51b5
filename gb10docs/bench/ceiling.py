"""How much of the memory bandwidth decoding used: model bandwidth utilization (MBU)."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from gb10docs import roofline
from gb10docs.bench.identity import Identity
from gb10docs.bench.metrics import Run
from gb10docs.results import Machine as Here
from gb10docs.roofline import catalog, machines


@dataclass(frozen=True)
class Ceiling:
    """A known model on a known machine."""

    model: roofline.Model
    machine: roofline.Machine

    @property
    def quantization(self) -> str:
        """Format of the weights."""
        return self.model.format

    def mbu(self, run: Run) -> float | None:
        """Bytes that a step must read, over its time, over the bandwidth; None where no token was timed.

        The cache counts as it is half-way through the answer.
        """
        times = [request.tpot_s for request in run.samples if request.tpot_s]
        if not times:
            return None
        depth = sum(request.prompt_tokens + request.output_tokens // 2 for request in run.samples)
        made = roofline.estimate(
            self.model,
            roofline.FORMATS[self.model.format],
            self.machine,
            batch=run.concurrency,
            context=depth // len(run.samples),
        )
        return made.bytes_per_step / median(times) / self.machine.bytes_s


def find(server: Identity, here: Here) -> Ceiling | None:
    """The ceiling for a server's model on this machine; None for a stand-in, or where either is not known."""
    machine = machines.of_gpu(here.gpu)
    names = (server.root, server.root.rpartition("/")[2], server.model)
    model = next((found for name in names if name and (found := catalog.known(name))), None)
    return Ceiling(model, machine) if model and machine and not server.stand_in else None
