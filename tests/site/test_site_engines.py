"""The engines' pages: their tables are what the data says, and the data is whole."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from gb10docs.engines import ENGINES
from gb10docs.models.roofline.published import published
from gb10docs.models.roofline.tables import read
from gb10docs.pages.fences import BadPage
from gb10docs.pages.page import read_page
from gb10docs.plan.plan import Action, make_plan
from gb10docs.plan.target import choose
from gb10docs.site import engines
from gb10docs.standins import rules

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(engines.engines())


def text(name: str) -> str:
    return (ROOT / "docs/engines" / f"{name}.md").read_text()


def test_the_tables_on_the_pages_are_up_to_date() -> None:
    for name, written in engines.pages(ROOT).items():
        assert (ROOT / "docs" / name).read_text() == written, f"run gb10docs site prepare: {name}"


def test_a_table_is_written_anew_and_nothing_else() -> None:
    page = "before\n<!-- table: overview -->\nold\n<!-- end of table -->\nafter\n"
    written = engines.filled(page)
    assert "old" not in written
    assert written.startswith("before\n<!-- table: overview -->\n\n| Engine |")
    assert written.endswith("|\n\n<!-- end of table -->\nafter\n")
    assert engines.filled(written) == written


def test_a_table_that_nobody_can_write() -> None:
    page = "<!-- table: format -->\n<!-- end of table -->\n"
    with pytest.raises(BadPage, match=r"^p\.md: no table 'format': did you mean 'formats'\?"):
        engines.filled(page, "p.md")


def test_the_data_knows_the_engines_that_the_contracts_know() -> None:
    assert set(PAGES) == set(ENGINES)
    for name in PAGES:
        assert engines.engines()[name]["title"] == rules.contract_of(name)["name"] == ENGINES[name].title


@pytest.mark.parametrize("name", PAGES)
def test_every_cell_is_there_and_says_where_it_is_from(name: str) -> None:
    rows = Counter((row["table"], row["key"]) for row in read("engines")["row"])
    said = engines.engines()[name]
    cells = Counter((table, key) for table in ("formats", "operations") for key in said[table])
    assert cells == rows
    for table, key in cells:
        cell = said[table][key]
        assert cell["source"].startswith("https://") or cell["text"] == "not looked up"


def test_an_engine_that_is_another_inside_answers_as_that_one_does() -> None:
    lines = [line.split(" | ") for line in engines.TABLES["api"]("").splitlines()]
    vllm, nim = (lines[0].index(title) for title in ("vLLM", "NIM"))
    same = [row for row in lines[3:] if row[nim].strip(" |✓") != row[vllm].strip(" |✓")]
    assert same == []


def test_the_overview_marks_only_what_was_seen_on_that_engine() -> None:
    written = engines.TABLES["api"]("")
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|\n").split(" | ")] for line in written.splitlines()
    ]
    by_engine = dict(zip(head[1:], zip(*(row[1:] for row in rows), strict=True), strict=True))
    marked = {title: sum("✓" in cell for cell in cells) for title, cells in by_engine.items()}
    assert marked["NIM"] == marked["SGLang"] == marked["Ollama"] == 0
    assert marked["vLLM"] >= 2
    assert marked["llama.cpp"] >= 3


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_of_each_row_how_it_is_known_and_where(name: str) -> None:
    written = engines.TABLES["contract"](name)
    for line in written.splitlines()[2:]:
        assert re.search(
            r"\| (from \w+, unverified|seen on .+|stricter than source|as vLLM, unverified) \|", line
        )
        assert "](https://" in line
    assert f"<!-- table: contract {name} -->" in text(name)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_each_must(name: str) -> None:
    for heading in (
        "Start it",
        "Is it healthy?",
        "Memory",
        "Formats and kernels",
        "Tune it",
        "When it fails",
        "Stop it",
        "What it takes and refuses",
        "How fast it is",
    ):
        assert f"\n## {heading}\n" in text(name), heading
    assert "Nothing on this page has been run on a GB10 by us yet" in text(name)
    fails = text(name).partition("## When it fails")[2].partition("\n## ")[0]
    rows = [line for line in fails.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 4
    assert all(line.count("|") == 5 for line in rows)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_runs_on_the_cpu_target_but_for_its_image(name: str) -> None:
    page = read_page(ROOT / "docs/engines" / f"{name}.md", ROOT)
    (plan,) = make_plan([page], ROOT, choose("cpu"))
    done = {planned.step.name: planned.action for planned in plan.steps}
    optional = {planned.step.name for planned in plan.steps if planned.step.snippet.header.optional}
    assert {step for step, action in done.items() if action is Action.SKIP} == {"pull", *optional}
    assert not optional or name == "vllm"
    assert {step for step, action in done.items() if action is Action.REPLACE} == {"serve", "stop"}
    assert {"health", "models", "ask.sh", "ask.py"} <= {step for step in done if done[step] is Action.RUN}


def test_nothing_beyond_one_machine_runs_unasked() -> None:
    page = read_page(ROOT / "docs/engines/beyond-one-gb10.md", ROOT)
    (plan,) = make_plan([page], ROOT, choose("cpu"))
    assert {planned.action for planned in plan.steps} == {Action.SKIP}
    assert all(planned.step.snippet.header.optional for planned in plan.steps)
    titles = re.findall(r'```bash title="([^"]+)"', text("beyond-one-gb10"))
    assert len(titles) == sum(step.snippet.language == "bash" for step in page.steps)
    assert all(title.startswith("Not run: ") for title in titles)


def test_every_published_speed_is_in_the_table_with_its_source() -> None:
    written = engines.TABLES["speeds"]("")
    assert len(written.splitlines()) == len(published()) + 2
    assert all(one.source in written for one in published())
    assert "SGLang" not in engines.TABLES["speeds"]("vLLM")


def test_a_median_of_ours_lies_within_its_range() -> None:
    said = read("batches")["h200"]
    for name, speeds in said["tok_s"].items():
        for speed, (low, high) in zip(speeds, said["tok_s_range"][name], strict=True):
            assert low <= speed <= high, name
    cells = re.findall(r"([\d,.]+) tok/s, \d+ % \(([\d,.]+)–([\d,.]+)\)", engines.TABLES["measured"]("h200"))
    assert len(cells) == 9
    for cell in cells:
        speed, low, high = (float(figure.replace(",", "")) for figure in cell)
        assert low <= speed <= high, "it is shown as if it did not"
