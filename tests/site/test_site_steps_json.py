from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from trees import Tree

from gb10docs.evidence.inputs import Pins
from gb10docs.pages.page import read_page
from gb10docs.pages.tree import lessons
from gb10docs.results.result import StandIn
from gb10docs.site.steps_json import PageSteps, stand_ins, steps_json

ROOT = Path(__file__).parents[2]
PAGE = """---
title: A page
---

# One

```bash title="Install it"
--8<-- "a/install.sh"
```

=== "curl"

    ```bash title='Ask "it"'
    --8<-- "a/ask.sh"
    ```

=== "Python"

    ```python
    --8<-- "a/ask.py"
    ```
"""
INSTALL = """# /// script
# [tool.gb10docs]
# needs = ["docker", "memory:16GB"]
# makes = ["command:ask"]
# session = "setup"
# timeout = "90s"
# optional = true
# ///
echo installed
"""
FILES = {
    "docs/lessons/one.md": PAGE,
    "snippets/a/install.sh": INSTALL,
    "snippets/a/ask.sh": "ask\n",
    "snippets/a/ask.py": "print('asked')\n",
}


def steps_of(root: Path, page: str) -> dict[str, Any]:
    """The file as a program reads it."""
    table: dict[str, Any] = json.loads(steps_json(read_page(root / page, root), Pins(root)))
    return table


def test_a_page_without_evidence(tree: Tree) -> None:
    table = steps_of(tree(FILES), "docs/lessons/one.md")
    install, shell, python = table.pop("steps")
    assert table == {
        "schema": "gb10docs.steps/1",
        "page": "docs/lessons/one.md",
        "name": "lessons/one",
        "title": "A page",
        "after": [],
        "markdown": "one.txt",
    }
    assert install == {
        "id": "one/install",
        "title": "Install it",
        "tab": "",
        "language": "bash",
        "line": 8,
        "anchor": "step-install",
        "command": "echo installed\n",
        "raw": "../snippets/a/install.sh",
        "needs": ["docker", "memory:16GB"],
        "makes": ["command:ask"],
        "serves": "",
        "stops": [],
        "session": "setup",
        "timeout_s": 90.0,
        "optional": True,
        "stand_ins": [],
        "says": "Not run on a GB10 yet",
        "evidence": [],
    }
    assert (shell["title"], shell["tab"], shell["line"]) == ('Ask "it"', "curl", 14)
    assert (python["title"], python["tab"], python["language"]) == ("", "Python", "python")


def test_every_page_of_the_course_fits_the_model() -> None:
    for page in lessons(ROOT):
        told = PageSteps.model_validate_json(steps_json(page, Pins(ROOT)))
        assert [step.id for step in told.steps] == [step.id for step in page.steps]
        folder = (ROOT / page.relative).parent
        for step in told.steps:
            below_docs = (folder / step.raw).resolve().relative_to(ROOT / "docs" / "snippets")
            assert (ROOT / "snippets" / below_docs).read_text().endswith(step.command)


def test_what_stands_in_is_handed_down_to_the_steps_that_depend_on_it() -> None:
    page = read_page(ROOT / "docs/lessons/lesson-03.md", ROOT)
    found = stand_ins(page, ROOT)
    hub = StandIn(kind="hub", name="local hub", instead_of="huggingface.co")
    model = StandIn(kind="model", name="SmolLM2-135M-Instruct", instead_of="nvidia/Qwen3-8B-NVFP4")
    engine = StandIn(kind="engine", name="llama.cpp", instead_of="vllm")
    assert found["lessons/lesson-03/memory"] == ()
    assert set(found["lessons/lesson-03/download-model"]) == {hub, model}
    assert {model, engine} <= set(found["lessons/lesson-03/ask-vllm.sh"])


@pytest.mark.parametrize("look", ["real", "stand-in"])
def test_evidence_is_told_with_its_ledger(tree: Tree, look: str) -> None:
    root = tree(FILES | {"docs/evidence/lessons/one/cpu-llamacpp.json": ledger(look == "stand-in")})
    install = steps_of(root, "docs/lessons/one.md")["steps"][0]
    (row,) = install["evidence"]
    assert row["look"] == {"real": "elsewhere", "stand-in": "stand-in"}[look]
    assert row["ledger"] == "../evidence/lessons/one/cpu-llamacpp.json"
    assert row["target"] == "cpu"
    assert row["hardware"] == "a laptop"
    assert row["stale"] == ["the snippet"]
    assert install["says"].startswith("Not run on a GB10 yet · ")
    assert "stale: the snippet changed since" in install["says"]


def ledger(stood_in: bool) -> str:
    """A ledger of the page, whose one record is of an earlier text."""
    stand_in = {"kind": "engine", "name": "llama.cpp", "instead_of": "vllm"}
    run = {
        "started": "2026-03-01T12:00:00+00:00", "hardware": "a laptop", "os": "Debian 12", "arch": "x86_64",
        "cores": 2, "memory_bytes": 8 * 10**9, "python": "3.11.2", "gb10docs": "0.1.0",
    }  # fmt: skip
    record = {
        "run": "first",
        "inputs": {"snippets/a/install.sh": "0" * 64},
        "outcome": "passed",
        "stand_ins": [stand_in] if stood_in else [],
        "started": "2026-03-01T12:00:00+00:00",
        "duration_s": 1.5,
    }
    return json.dumps(
        {
            "schema": "gb10docs.ledger/1",
            "page": "docs/lessons/one.md",
            "target": "cpu",
            "flavour": "llamacpp",
            "runs": {"first": run},
            "steps": {"one/install": record},
        }
    )
