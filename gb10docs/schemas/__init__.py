"""The JSON Schemas that the package publishes, made from its models by `python -m gb10docs.schemas`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def generate() -> dict[str, str]:
    """File name to text."""
    made = {"report": report_schema(), "ledger": ledger_schema(), "header": header_schema()}
    return {
        f"{name}.schema.json": json.dumps({"$schema": _DRAFT, **schema}, indent=2, ensure_ascii=False) + "\n"
        for name, schema in made.items()
    }


def report_schema() -> dict[str, Any]:
    """What `run --json` writes: a report, or a list of them."""
    from pydantic import TypeAdapter

    from gb10docs.results import Report

    schema = TypeAdapter(Report | list[Report]).json_schema(mode="serialization")
    return {"title": "gb10docs report", **schema}


def ledger_schema() -> dict[str, Any]:
    """What `run --record` keeps under docs/evidence/."""
    from gb10docs.evidence import Ledger

    return Ledger.model_json_schema(mode="serialization")


def header_schema() -> dict[str, Any]:
    """The `[tool.gb10docs]` table of a snippet, as an author writes it: needs and durations are strings."""
    from gb10docs.header import Header

    schema = Header.model_json_schema()
    schema["$defs"]["Need"] = {
        "type": "string",
        "description": "`docker`, `gpu`, `privileged`, `destructive`, or a kind with a value.",
        "examples": ["docker", "memory:16GB", "network:nvcr.io", "command:jq", "server:trtllm"],
    }
    timeout = schema["properties"]["timeout"]
    schema["properties"]["timeout"] = {
        "type": "string",
        "pattern": r"^\d+(\.\d+)?\s*[smh]$",
        "default": "2m",
        "title": timeout["title"],
        "description": "Longest run: `90s`, `15m`, `2h`.",
    }
    return schema
