"""The JSON Schemas that the package publishes, made from its models by `python -m gb10docs.site.schemas`."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).parents[1] / "schemas"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def generate() -> dict[str, str]:
    """File name to text."""
    made = {
        "report": report_schema(),
        "ledger": ledger_schema(),
        "inspection": inspection_schema(),
        "header": header_schema(),
        "bench": bench_schema(),
    }
    return {
        f"{name}.schema.json": json.dumps({"$schema": _DRAFT, **schema}, indent=2, ensure_ascii=False) + "\n"
        for name, schema in made.items()
    }


def report_schema() -> dict[str, Any]:
    """What `run --json` writes: a report, or a list of them."""
    from pydantic import TypeAdapter

    from gb10docs.results import result

    schema = TypeAdapter(result.Report | list[result.Report], config={"extra": "forbid"}).json_schema(
        mode="serialization"
    )
    return _documented({"title": "gb10docs report", **schema}, result)


def ledger_schema() -> dict[str, Any]:
    """What `run --record` keeps under docs/evidence/."""
    from gb10docs.evidence import ledger
    from gb10docs.results import result

    return _documented(ledger.Ledger.model_json_schema(mode="serialization"), result, ledger)


def bench_schema() -> dict[str, Any]:
    """What `bench --json` writes."""
    from pydantic import TypeAdapter

    from gb10docs.bench import conditions, identity, metrics, workload
    from gb10docs.bench import results as bench
    from gb10docs.results import result

    schema = TypeAdapter(bench.Result).json_schema(mode="serialization")
    return _documented({"title": "Result", **schema}, result, conditions, identity, metrics, workload, bench)


def inspection_schema() -> dict[str, Any]:
    """What `inspect --json` writes."""
    from gb10docs.models.inspection import model

    return _documented(model.Inspection.model_json_schema(mode="serialization"), model)


def _documented(schema: dict[str, Any], *modules: ModuleType) -> dict[str, Any]:
    """The schema with the docstrings below the fields of its models, which pydantic would read at every start."""
    said = {model: fields for module in modules for model, fields in _field_docstrings(module)}
    for model, table in {schema.get("title"): schema, **schema["$defs"]}.items():
        for field, text in said.get(model, {}).items():
            if field in table.get("properties", {}):
                table["properties"][field]["description"] = text
    return schema


def _field_docstrings(module: ModuleType) -> Iterator[tuple[str | None, dict[str, str]]]:
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef):
            pairs = itertools.pairwise(node.body)
            yield (
                node.name,
                {
                    field.target.id: inspect.cleandoc(text.value.value)
                    for field, text in pairs
                    if isinstance(field, ast.AnnAssign)
                    and isinstance(field.target, ast.Name)
                    and isinstance(text, ast.Expr)
                    and isinstance(text.value, ast.Constant)
                    and isinstance(text.value.value, str)
                },
            )


def header_schema() -> dict[str, Any]:
    """The `[tool.gb10docs]` table of a snippet, as an author writes it: needs and durations are strings."""
    from pydantic import TypeAdapter

    from gb10docs.pages.header import Checks, Expect, Header

    schema = TypeAdapter(Header).json_schema()
    _declared(schema, Header)
    for kind in (Checks, Expect):
        _declared(schema["$defs"][kind.__name__], kind)
    schema["$defs"]["Need"] = {
        "type": "string",
        "description": "`docker`, `gpu`, `privileged`, `destructive`, or a kind with a value.",
        "examples": ["docker", "memory:16GB", "network:nvcr.io", "command:jq", "server:trtllm"],
    }
    schema["properties"]["timeout"] |= {
        "type": "string",
        "pattern": r"^\d+(\.\d+)?\s*[smh]$",
        "default": "2m",
        "description": "Longest run: `90s`, `15m`, `2h`.",
    }
    return schema


def _declared(schema: dict[str, Any], kind: type) -> None:
    """Add what the fields of a header's table say of themselves."""
    from gb10docs.pages.header import KEYS

    schema["additionalProperties"] = False
    for name, key in KEYS[kind].items():
        described = schema["properties"][name]
        described["description"] = key["means"]
        if "pattern" in key:
            described["pattern"] = key["pattern"]


if __name__ == "__main__":
    for name, text in generate().items():
        (FOLDER / name).write_text(text)
