"""Markdown tables, and those of a JSON Schema: one section a model, one row a field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from gb10docs.pages import markdown_text

Schema = dict[str, Any]

_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "table",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, less columns without content."""
    cells = list(rows)
    filled = [n for n in range(len(head)) if not cells or any(row[n].strip() for row in cells)]
    return markdown_text.table([head[n] for n in filled], ([row[n] for n in filled] for row in cells)) + "\n"


def sections(schema: Schema, title: str) -> str:
    """The model of a JSON Schema and those that it mentions, in the order of first mention."""
    found: dict[str, Schema] = {}
    _mentioned(schema, schema.get("$defs", {}), found)
    return "\n".join(_section(name, model) for name, model in {title: schema, **found}.items())


def _mentioned(part: Any, known: dict[str, Schema], found: dict[str, Schema]) -> None:
    if isinstance(part, list):
        for one in part:
            _mentioned(one, known, found)
    elif isinstance(part, dict):
        name = _model_name(part)
        if name and name not in found:
            found[name] = known[name]
            _mentioned(known[name], known, found)
        for key, one in part.items():
            if key != "$defs":
                _mentioned(one, known, found)


def _section(title: str, model: Schema) -> str:
    lines = [f"## {title}\n"]
    description = model.get("description", "")
    if description:
        lines.append(f"{_in_one_line(description)}\n")
    if "enum" in model:
        lines.append(f"One of {_kind(model)}.\n")
    if "properties" in model:
        required = model.get("required", [])
        rows = (
            (f"`{name}`", _kind(field), _default(name, field, required), field.get("description", ""))
            for name, field in model["properties"].items()
        )
        lines.append(table(("Field", "Type", "Default", "Meaning"), rows))
    elif "enum" not in model and model.get("type") != "object":
        lines.append(f"{_kind(model).capitalize()}.{_examples(model)}\n")
    return "\n".join(lines)


def _kind(field: Schema) -> str:
    """What a value is, for a reader."""
    name = _model_name(field)
    if name:
        return f"[{name}](#{name.lower()})"
    for key in ("anyOf", "oneOf", "allOf"):
        if key in field:
            return " or ".join(_kind(one) for one in field[key])
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_kind(field.get('items', {}))}"
    if isinstance(field.get("additionalProperties"), dict):
        return f"table of {_kind(field['additionalProperties'])}"
    if field.get("format") == "date-time":
        return "date and time"
    return _TYPES.get(str(field.get("type", "")), "anything")


def _default(name: str, field: Schema, required: Sequence[str]) -> str:
    if name in required:
        return "required"
    default = field.get("default")
    if default in (None, "", []) or isinstance(default, dict):
        return ""
    return f"`{json.dumps(default, ensure_ascii=False)}`"


def _examples(model: Schema) -> str:
    examples = ", ".join(f"`{example}`" for example in model.get("examples", []))
    return f" Examples: {examples}." if examples else ""


def _model_name(field: Schema) -> str:
    return str(field.get("$ref", "")).rpartition("/")[2]


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
