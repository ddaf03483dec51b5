"""The one generated page, written down as each tool wants it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple


class Snippet(NamedTuple):
    """A trivial command and what it prints."""

    language: str
    code: str
    output: str

    @property
    def suffix(self) -> str:
        return "sh" if self.language == "bash" else "py"


def snippets(count: int, languages: Sequence[str]) -> list[Snippet]:
    """`count` snippets of each language, taking turns, as on a page with tabs."""
    code = {"bash": "echo bash-{}", "python": 'print("python-{}")'}
    return [
        Snippet(language, code[language].format(number), f"{language}-{number}")
        for number in range(count)
        for language in languages
    ]


def gb10docs(folder: Path, page: Sequence[Snippet]) -> None:
    """A tree with a file for each snippet, its output expected in its header."""
    (folder / "docs").mkdir(parents=True)
    (folder / "snippets" / "bench").mkdir(parents=True)
    fences = ["# Bench"]
    for snippet in page:
        name = f"bench/{snippet.output}.{snippet.suffix}"
        header = f'# /// script\n# [tool.gb10docs]\n# expect.contains = ["{snippet.output}"]\n# ///\n'
        (folder / "snippets" / name).write_text(header + snippet.code + "\n")
        fences.append(f'```{snippet.language}\n--8<-- "{name}"\n```')
    (folder / "docs" / "bench.md").write_text("\n\n".join(fences) + "\n")


def baseline(folder: Path, page: Sequence[Snippet]) -> None:
    """A list that a loop can run."""
    folder.mkdir(parents=True)
    (folder / "page.json").write_text(json.dumps(page))


def byexample(folder: Path, page: Sequence[Snippet]) -> None:
    """Prompts, and the output below them."""
    prompt = {"bash": "```shell\n$ {}\n{}\n```", "python": "```python\n>>> {}\n{}\n```"}
    _write(folder, [prompt[snippet.language].format(snippet.code, snippet.output) for snippet in page])


def sybil(folder: Path, page: Sequence[Snippet]) -> None:
    """Plain fences, and a conftest with a bash evaluator, since Sybil has none."""
    _write(folder, [_fence(snippet, snippet.language) for snippet in page])
    (folder / "conftest.py").write_text(
        dedent(
            """\
            import subprocess

            from sybil import Sybil
            from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser


            def bash(example):
                subprocess.run(["bash", "-c", example.parsed], check=True, capture_output=True)


            pytest_collect_file = Sybil(
                parsers=[PythonCodeBlockParser(), CodeBlockParser("bash", bash)], pattern="*.md"
            ).pytest()
            """
        )
    )


def markdown_exec(folder: Path, page: Sequence[Snippet]) -> None:
    """Fences that run, in a site of one page."""
    _write(folder / "docs", [_fence(snippet, f'{snippet.language} exec="on"') for snippet in page])
    (folder / "mkdocs.yml").write_text(
        "site_name: Bench\nplugins: [markdown-exec]\nmarkdown_extensions: [pymdownx.superfences]\n"
    )


def pytest_examples(folder: Path, page: Sequence[Snippet]) -> None:
    """Fences with the output in a comment, and the test that finds them."""
    printed = [snippet._replace(code=f"{snippet.code}\n#> {snippet.output}") for snippet in page]
    _write(folder, [_fence(snippet, "python") for snippet in printed])
    (folder / "test_page.py").write_text(
        dedent(
            """\
            import pytest
            from pytest_examples import find_examples


            @pytest.mark.parametrize("example", find_examples("index.md"), ids=str)
            def test_page(example, eval_example):
                eval_example.run_print_check(example)
            """
        )
    )


def _fence(snippet: Snippet, info: str) -> str:
    return f"```{info}\n{snippet.code}\n```"


def _write(folder: Path, blocks: Sequence[str]) -> None:
    folder.mkdir(parents=True)
    (folder / "index.md").write_text("\n\n".join(["# Bench", *blocks]) + "\n")
