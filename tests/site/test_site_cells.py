from __future__ import annotations

import json

import pytest

from gb10docs.site import calculator, notebook_pages
from gb10docs.site.cells import Link, Table, table

SPEEDS = Table(
    ["Model", "tok/s", "Source"],
    [["A & <b>", "1,087.8", Link("theirs", 'https://example.org/?a=1&b="2"')], ["B|C", "4.0–4.2", "–"]],
)


def test_a_table_is_html_that_escapes_what_it_holds() -> None:
    figure = '<td style="text-align: right; white-space: nowrap">'
    assert SPEEDS._repr_html_() == (
        '<table><thead><tr><th scope="col">Model</th>'
        '<th scope="col" style="text-align: right; white-space: nowrap">tok/s</th>'
        '<th scope="col">Source</th></tr></thead><tbody>'
        f"<tr><td>A &amp; &lt;b&gt;</td>{figure}1,087.8</td>"
        '<td><a href="https://example.org/?a=1&amp;b=&quot;2&quot;">theirs</a></td></tr>'
        f"<tr><td>B|C</td>{figure}4.0–4.2</td><td>–</td></tr></tbody></table>"
    )


def test_a_table_is_markdown_in_the_pages_twin() -> None:
    lines = SPEEDS._repr_markdown_().splitlines()
    assert lines[0] == "| Model | tok/s | Source |"
    assert lines[2] == '| A & <b> | 1,087.8 | [theirs](https://example.org/?a=1&b="2") |'
    assert lines[3] == "| B\\|C | 4.0–4.2 | – |"
    output = {
        "output_type": "display_data",
        "data": {"text/html": "<table>", "text/markdown": "| a |", "text/plain": "| a |"},
    }
    cell = {"cell_type": "code", "source": "table(…)", "outputs": [output]}
    assert notebook_pages.as_markdown({"cells": [cell]}) == "```python\ntable(…)\n```\n\n| a |\n"


def test_a_table_is_printed_where_there_is_no_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    table(["Speed"], [["1 tok/s"]])
    assert capsys.readouterr().out == "| Speed |\n| --- |\n| 1 tok/s |\n"


def test_the_calculator_brings_everything_that_can_be_chosen() -> None:
    brought = json.loads(json.dumps(calculator.tables()))
    assert {name: set(rows) for name, rows in brought.items() if name in {"machines", "caches"}} == {
        "machines": {"gb10", "gb10-64gb", "gb10-x2", "rtx-5090", "h200"},
        "caches": {"bf16", "fp8"},
    }
    assert all(model["format"] in brought["formats"] for model in brought["models"].values())
    notes = brought["machines"]["gb10-x2"]["notes"]
    assert notes == [
        "Bandwidth: 273 GB/s (LPDDR5x; one owner measured 218 GB/s, 80 %).",
        "Twice the figures of one, as if the network between them cost nothing.",
    ]
