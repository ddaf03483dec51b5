"""A page with one step, ledgers of it, and what the site makes of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markdown import Markdown
from sample import LLAMA, MODEL, STARTED, report, step

from gb10docs.evidence import ledger as evidence
from gb10docs.pages.snippet import read_snippet
from gb10docs.results.result import Check, Outcome, StepResult
from gb10docs.site.markdown import GB10Docs

PAGE = "lessons/lesson-03.md"
ASK = '# /// script\n# [tool.gb10docs]\n# timeout = "9s"\n# ///\n\necho "<&>"\n'
FENCE = '```bash title="Ask"\n--8<-- "lesson-03/ask.sh"\n```'
TREE = {f"docs/{PAGE}": f"# Three\n\n{FENCE}\n", "snippets/lesson-03/ask.sh": ASK}
EXTENSIONS = [
    "admonition", "attr_list", "tables", "toc", "pymdownx.details", "pymdownx.highlight",
    "pymdownx.superfences", "pymdownx.snippets", "pymdownx.tabbed",
]  # fmt: skip
PASSED = step("ask", stdout="204\n", checks=[Check(name="contains '204'", held=True)], duration_s=1.2)
STOOD_IN = step("ask", stdout="Paris\n", stand_ins=[LLAMA, MODEL])
REPLACED = step("ask", Outcome.REPLACED, reason="llama.cpp answers on port 8001", stand_ins=[LLAMA])


def converter(root: Path, page: str = PAGE, **options: Any) -> Markdown:
    """Python-Markdown as the site sets it up."""
    ours = [GB10Docs(root=str(root), page=page, **options)] if page else []
    return Markdown(
        extensions=[*EXTENSIONS, *ours],
        extension_configs={
            "pymdownx.snippets": {"base_path": [str(root / "snippets")], "check_paths": True},
            "pymdownx.tabbed": {"alternate_style": True},
        },
    )


def convert(root: Path, text: str | None = None, **options: Any) -> str:
    """The HTML of lesson-03."""
    path = root / "docs" / PAGE
    if text is not None:
        path.write_text(text)
    return converter(root, **options).convert(path.read_text())


def write_ledger(
    root: Path, target: str, *results: StepResult, fresh: bool = True, flavour: str = "", **changes: Any
) -> Path:
    """Record what came of steps of lesson-03; `fresh` or of a snippet that has changed since."""
    inputs = {
        f"snippets/{one.snippet}": read_snippet(root / "snippets" / one.snippet, one.snippet).sha256
        if fresh
        else "0" * 64
        for one in results
    }
    values: dict[str, Any] = {
        "started": STARTED, "hardware": "NVIDIA GB10", "os": "DGX OS 7", "arch": "aarch64", "cores": 20,
        "memory_bytes": 128 * 10**9, "python": "3.12.3", "gb10docs": "0.1.0", "docs_commit": "0123abc" * 5,
        "recorded_by": "A. Owner",
    }  # fmt: skip
    ledger = evidence.merge(
        None,
        report(list(results), target=target),
        {one.id: {f"snippets/{one.snippet}": inputs[f"snippets/{one.snippet}"]} for one in results},
        evidence.Run(**(values | changes)),
        flavour=flavour,
    )
    path = evidence.ledger_path(root, f"docs/{PAGE}", target, flavour)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(ledger.model_dump_json(by_alias=True))
    return path
