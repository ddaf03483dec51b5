from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sample import report

from gb10docs.results import report_json
from gb10docs.site import schemas

ROOT = Path(__file__).parents[2]


def published(name: str) -> Any:
    """A schema as the package carries it."""
    return json.loads(files("gb10docs").joinpath(f"schemas/{name}.schema.json").read_text())


def valid(instance: Any, name: str) -> bool:
    """Whether it fits."""
    return jsonschema.Draft202012Validator(published(name)).is_valid(instance)


@pytest.mark.parametrize("name", ["report", "ledger", "header", "inspection", "bench"])
def test_published_schemas_are_those_of_the_models(name: str) -> None:
    text = (schemas.FOLDER / f"{name}.schema.json").read_text()
    assert text == schemas.generate()[f"{name}.schema.json"], "run python -m gb10docs.site.schemas"
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


def test_a_report_fits_its_schema() -> None:
    table = json.loads(report_json.text([report()]))
    assert valid(table, "report")
    assert table["schema"] == "gb10docs.report/1"
    assert table["started"] == "2026-03-01T12:00:00.000+00:00"
    assert table["summary"] == {"passed": 2, "failed": 2, "replaced": 1, "skipped": 2}
    assert table["steps"][2]["stand_ins"][0] == {
        "kind": "engine",
        "name": "llama.cpp",
        "instead_of": "trtllm",
    }


def test_reports_of_several_pages_are_a_list() -> None:
    tables = json.loads(report_json.text([report(), report(lesson="lesson-01")]))
    assert valid(tables, "report")
    assert [table["lesson"] for table in tables] == ["lesson-03", "lesson-01"]


@pytest.mark.parametrize(
    "change",
    [{"schema": 1}, {"unknown": 1}, {"steps": [{}]}, {"summary": {"passed": "many"}}, {"started": None}],
)
def test_what_is_no_report_does_not_fit(change: dict[str, Any]) -> None:
    table = json.loads(report_json.text([report()]))
    assert valid(table, "report")
    assert not valid(table | change, "report")


@pytest.mark.parametrize(
    ("header", "fits"),
    [
        (
            {
                "needs": ["docker", "memory:16GB"],
                "timeout": "15m",
                "expect": {"contains": ["204"], "chat": True},
            },
            True,
        ),
        ({"timeout": 90}, False),
        ({"needs": [{"kind": "docker"}]}, False),
        ({"need": ["docker"]}, False),
    ],
)
def test_the_header_schema_takes_what_authors_write(header: dict[str, Any], fits: bool) -> None:
    assert valid(header, "header") is fits
