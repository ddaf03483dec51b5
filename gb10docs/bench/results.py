"""A benchmark's result: its runs, and everything that has to be known to believe them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gb10docs.bench.conditions import Conditions
from gb10docs.bench.identity import Identity
from gb10docs.bench.metrics import Run
from gb10docs.bench.workload import Workload
from gb10docs.results.result import Machine

SCHEMA = "gb10docs.bench/2"


@dataclass(frozen=True)
class Result:
    """One call of `gb10docs bench`: levels measured against one server, one after the other."""

    label: str
    """What tables call it; the engine's name unless told."""

    started: str
    """UTC, ISO 8601."""

    gb10docs: str
    """Version of the program that measured."""

    workload: Workload
    server: Identity
    machine: Machine
    quantization: str
    """Format of the weights, where the model's name or folder says it."""

    kv_cache: str
    """Format of the KV cache that MBU counts with: as the server's flags say, else as its checkpoint does."""

    before: Conditions
    after: Conditions
    runs: tuple[Run, ...]
    interrupted: bool = False
    """Whether it was stopped before the last run was complete."""

    schema: str = SCHEMA

    @property
    def when(self) -> str:
        """When it was started, UTC, to the minute."""
        return self.started[:16].replace("T", " ")

    @property
    def stand_in(self) -> str | None:
        """The stand-in that answered, if one answered any of the requests."""
        return self.server.stand_in


def to_json(result: Result) -> dict[str, Any]:
    """Plain values, as they are kept and written."""
    from pydantic import TypeAdapter

    return TypeAdapter(Result).dump_python(result, mode="json")  # type: ignore[no-any-return]


def from_json(data: object) -> Result:
    """Read what `to_json` wrote.

    Raises:
        ValueError: It is no such result, or of another schema.
    """
    from pydantic import TypeAdapter, ValidationError

    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        raise ValueError(f"its schema is {schema!r}, this gb10docs reads {SCHEMA!r}")
    try:
        return TypeAdapter(Result).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
