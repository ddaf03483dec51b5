"""A machine with another NVIDIA GPU: vLLM as a process with the page's arguments, models from a local folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gb10docs.engines import ON_GPU
from gb10docs.engines.compose import Service
from gb10docs.machine import environments
from gb10docs.pages.need import Need
from gb10docs.pages.page import Step
from gb10docs.plan.target import Met, Unmet
from gb10docs.plan.targets.real import Real
from gb10docs.results.result import StandIn
from gb10docs.standins.catalog import HUB, HUB_FOLDER, MARK, REAL_ON_GPU
from gb10docs.standins.supply import Order, Supply

FOLDER = "GB10DOCS_HUB"
"""Names a folder of checkpoints that stands in for the hub: `FOLDER/nvidia/Qwen3-8B-NVFP4/config.json`."""


class Nvidia(Real):
    """A machine whose GPU is not a GB10's; no containers are started."""

    vllm = ON_GPU

    def __init__(self, allow: frozenset[str]) -> None:
        super().__init__("nvidia", allow)

    def meet(self, need: Need, step: Step, /) -> Met | Unmet:
        """A step that serves needs no container, and memory of the GPU's own; a folder may stand in for the hub."""
        header = step.snippet.header
        if header.serves and need.kind in {"docker", "memory"}:
            return Met()
        folder = hub_folder()
        if folder and need == Need("network", HUB):
            absent = [made.value for made in header.makes if not (folder / made.value).is_dir()]
            if absent:
                return Unmet(f"network: {FOLDER} holds no {', '.join(absent)}; put it there")
            return Met(StandIn(kind="hub", name=HUB_FOLDER, instead_of=HUB))
        return super().meet(need, step)

    def engine(self, service: Service, /) -> StandIn | Unmet | None:
        """vLLM, if this machine has it; no other engine runs without its container here."""
        if service.engine != "vllm":
            return Unmet(f"engine: {service.engine} runs in its container only; run it on a GB10")
        if not environments.python_with((self.vllm,)):
            return Unmet(f"engine: {environments.missing((self.vllm,))}")
        return StandIn(kind="engine", name=REAL_ON_GPU.label, instead_of=service.name)

    def model(self, name: str, step: Step, /) -> StandIn | None:
        """What the folder holds under the model's name, where that is another model."""
        folder = hub_folder()
        mark = folder / name / MARK if folder else None
        if mark is None or Need("network", HUB) not in step.snippet.header.needs or not mark.is_file():
            return None
        return StandIn(kind="model", name=str(json.loads(mark.read_text())["name"]), instead_of=name)

    def supply(self, order: Order, /) -> Callable[[], Supply] | None:
        """VLLM as a process, and the folder as a hub."""
        from gb10docs.standins.nvidia import FolderSupply

        return partial(FolderSupply, hub_folder(), order.scratch, vllm=self.vllm)


def hub_folder() -> Path | None:
    """The folder that stands in for the hub, if one is named."""
    named = os.environ.get(FOLDER)
    return Path(named) if named else None
