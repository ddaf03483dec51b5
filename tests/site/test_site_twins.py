from __future__ import annotations

from pathlib import Path

import pytest
from trees import Tree

from gb10docs.evidence.inputs import Pins
from gb10docs.site.twins import Site, Twin, llms_txt, notebook_twin, read_site, twin

ROOT = Path(__file__).parents[2]
PAGE = """---
title: One
description: What one is for.
---

<div class="frame" markdown>

# One

See [two](../two.md#part), [a notebook](<sums.ipynb>), [a file](file.zip), [the web](https://example.org/x.md)
and [three][]. [A button](two.md){ .md-button }

<div class="drawing">
<svg viewBox="0 0 2 1" role="img" aria-label="A line from t0 to t1.">
<path d="M0 0H2"/>
</svg>
</div>

</div>

=== "Python"

    ```python title="Ask"
    --8<-- "ask.py"
    ```

```text
[not](a-link.md)
```

[three]: three.md
"""
TWIN = """# One

See [two](../two.txt#part), [a notebook](<sums.txt>), [a file](file.zip), [the web](https://example.org/x.md)
and [three][]. [A button](two.txt)

A line from t0 to t1.

=== "Python"

    ```python title="Ask"
    import sys


    print("[see](page.md)")
    ```

    *ask: Not run on a GB10 yet.*

```text
[not](a-link.md)
```

[three]: three.txt
"""
ASK = '# /// script\n# dependencies = ["openai"]\n# ///\n\nimport sys\n\n\nprint("[see](page.md)")\n'


def test_a_twin_holds_all_that_a_reader_sees(tree: Tree) -> None:
    root = tree({"docs/lessons/one.md": PAGE, "snippets/ask.py": ASK})
    made = twin(root / "docs/lessons/one.md", Pins(root))
    assert made.text == TWIN
    assert made == Twin("lessons/one.txt", "One", "What one is for.", 1, TWIN)


def test_a_page_whose_title_is_only_in_its_front_matter_gets_it_as_a_heading(tree: Tree) -> None:
    root = tree({"docs/one.md": "---\ntitle: One\n---\n\nText.\n"})
    assert twin(root / "docs/one.md", Pins(root)).text == "# One\n\nText.\n"


def test_every_page_of_the_course_has_each_command_once() -> None:
    made = twin(ROOT / "docs/lessons/lesson-03.md", Pins(ROOT))
    assert "--8<--" not in made.text
    assert "/// script" not in made.text
    assert made.text.count("GB10 yet") >= made.steps == 44
    assert '"model": "Qwen3-8B-NVFP4"' in made.text


def test_the_index_follows_the_navigation(tree: Tree) -> None:
    config = """
site_name: Docs
site_description: About it.
site_url: !ENV [UNSET, ""]
theme:
  icon: !!python/name:material.extensions.emoji.twemoji
nav:
  - Home: index.md
  - Lessons:
      - "One": lessons/one.md
      - Deeper:
          - lessons/two.md
          - https://example.org
  - sums.ipynb
"""
    root = tree({"mkdocs.yml": config})
    site = read_site(root)
    assert site.sections == (
        ("Home", ("index.txt",)),
        ("Lessons", ("lessons/one.txt", "lessons/two.txt", "https://example.org")),
        ("Pages", ("sums.txt",)),
    )
    pages = [
        Twin("index.txt", "Home", "Start here.", 0, ""),
        Twin("lessons/one.txt", "One", "", 3, ""),
        Twin("lessons/two.txt", "Two", "The second.", 0, ""),
        notebook_twin(root / "docs/sums.py", root, "# Sums\n\n$1+1$\n"),
        Twin("hidden.txt", "Hidden", "", 0, ""),
    ]
    lines = llms_txt(site, pages).split("\n")
    assert lines[:3] == ["# Docs", "", "> About it."]
    assert [line for line in lines if line.startswith(("## ", "- "))] == [
        "## Home",
        "- [Home](index.txt): Start here.",
        "## Lessons",
        "- [One](lessons/one.txt): Its steps as [JSON](lessons/one.json).",
        "- [Two](lessons/two.txt): The second.",
        "## Pages",
        "- [Sums](sums.txt)",
        "## Other pages",
        "- [Hidden](hidden.txt)",
    ]


@pytest.mark.parametrize("config", [None, "", "site_name: docs\n"])
def test_a_tree_without_a_navigation_has_an_index_too(tree: Tree, config: str | None) -> None:
    root = tree({} if config is None else {"mkdocs.yml": config})
    site = read_site(root)
    assert site.sections == ()
    assert "## Other pages\n\n- [One](one.txt)" in llms_txt(site, [Twin("one.txt", "One", "", 0, "")])
    assert llms_txt(Site("Empty"), []).startswith("# Empty\n")
