from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from ledgers import (
    ASK,
    EXTENSIONS,
    FENCE,
    PAGE,
    PASSED,
    REPLACED,
    STOOD_IN,
    TREE,
    convert,
    converter,
    write_ledger,
)
from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor
from sample import LLAMA, NASTY, STARTED, step
from trees import Tree

from gb10docs.evidence import ledger as evidence
from gb10docs.evidence.ledger import BadLedger
from gb10docs.pages.fences import BadPage
from gb10docs.pages.page import read_page
from gb10docs.results.result import Check, Container, Outcome, StepResult
from gb10docs.site.evidence_line import excerpt
from gb10docs.site.markdown import GB10Docs

GOLDEN = Path(__file__).parents[1] / "golden"
NO_GB10 = "Not run on a GB10 yet · "


def summary(html: str) -> str:
    """The text of the one line of evidence."""
    (line,) = re.findall(r'data-search-exclude="">\s*<summary>(.*?)</summary>', html)
    return str(line)


def look(html: str) -> str:
    """How the one line of evidence is drawn."""
    (found,) = re.findall(r'<details class="gb-evidence" data-look="([\w-]+)"', html)
    return str(found)


class Outline(HTMLParser):
    """Tags in order, and attributes that are scripts; fails where a tag is not closed."""

    VOID = ("br", "input", "img", "hr")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags += [tag, *(name for name, _ in attrs if name.startswith("on"))]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(html: str) -> list[str]:
    parser = Outline()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser.tags


FAILED = step(
    "ask",
    Outcome.FAILED,
    exit_code=7,
    reason="snippets/lesson-03/ask.sh:6: `echo` failed with exit code 7",
    stdout="out\n",
    stderr="no such file\n",
    checks=[Check(name="contains '204'", held=False, message="got '203'")],
    containers=[Container(service="trtllm", image="i:1", digest="sha256:1", state="exited", exit_code=1)],
)
CASES: dict[str, tuple[str, StepResult]] = {
    "real": ("gb10", PASSED),
    "failed": ("gb10", FAILED),
    "elsewhere": ("nvidia", PASSED),
    "stand-in": ("cpu", STOOD_IN),
    "replaced": ("cpu", REPLACED),
}


@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "stale"])
@pytest.mark.parametrize("case", [*CASES])
def test_each_outcome_has_its_own_html(tree: Tree, case: str, fresh: bool) -> None:
    root = tree(TREE)
    target, result = CASES[case]
    write_ledger(root, target, result, fresh=fresh, flavour="llamacpp" if target == "cpu" else "")
    same_as_golden(f"{case}{'' if fresh else '-stale'}.html", convert(root))


def test_a_step_without_a_record_says_so(tree: Tree) -> None:
    same_as_golden("never.html", convert(tree(TREE)))


def same_as_golden(name: str, html: str) -> None:
    """Compare the evidence with a golden file; with GOLDEN=write in the environment, write it."""
    outline(html)
    path = GOLDEN / name
    line = html[html.index('<details class="gb-evidence"') :].removesuffix("</div>")
    readable = re.sub(r"(?=<(?:summary|table|tr|div|p|pre|details)\b)", "\n", line).strip() + "\n"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(readable)
    assert readable == path.read_text()


@pytest.mark.parametrize(
    ("target", "result", "says"),
    [
        ("gb10", PASSED, "Ran on GB10 · 1 Mar 2026 · 1.20 s · passed"),
        ("gb10", FAILED, "Failed on GB10 · 1 Mar 2026 · 0.25 s · exit status 7"),
        ("gb10", STOOD_IN, f"{NO_GB10}stand-ins on a GB10, 1 Mar 2026, 0.25 s"),
        ("nvidia", PASSED, f"{NO_GB10}ran on NVIDIA GPU, nothing stood in, 1 Mar 2026, 1.20 s"),
        ("cpu", PASSED, f"{NO_GB10}ran on a CPU, nothing stood in, 1 Mar 2026, 1.20 s"),
        ("cpu", STOOD_IN, f"{NO_GB10}CPU stand-in, 1 Mar 2026, 0.25 s"),
        ("cpu", REPLACED, f"{NO_GB10}replaced on a CPU, 1 Mar 2026: the command did not run"),
        ("cpu", FAILED, f"{NO_GB10}failed on a CPU, 1 Mar 2026, 0.25 s"),
    ],
)
def test_the_line_says_what_there_is(tree: Tree, target: str, result: StepResult, says: str) -> None:
    root = tree(TREE)
    write_ledger(root, target, result)
    assert summary(convert(root)) == says


def test_a_stale_record_names_what_changed(tree: Tree) -> None:
    root = tree(TREE)
    write_ledger(root, "gb10", PASSED, fresh=False)
    html = convert(root)
    assert summary(html).endswith("passed · stale: the snippet changed since")
    assert html.count('data-look="real"') == html.count('data-look="real" data-stale=""') == 3


def test_only_a_pass_on_a_gb10_with_nothing_standing_in_is_drawn_as_real(tree: Tree) -> None:
    for target in ("gb10", "nvidia", "cpu", "other"):
        for result in (PASSED, FAILED, STOOD_IN, REPLACED):
            root = tree(TREE)
            path = write_ledger(root, target, result)
            html = convert(root)
            assert ('"real"' in html) == (target == "gb10" and result is PASSED)
            path.unlink()


def test_what_a_gb10_says_goes_before_all_else(tree: Tree) -> None:
    root = tree(TREE)
    write_ledger(root, "cpu", STOOD_IN, flavour="llamacpp")
    write_ledger(root, "gb10", FAILED)
    write_ledger(root, "nvidia", PASSED, gpu="NVIDIA H200")
    html = convert(root)
    assert look(html) == "failed"
    assert re.findall(r'scope="row">(.*?)<', html) == ["GB10", "NVIDIA H200", "CPU (llamacpp)"]


def test_without_a_gb10_the_best_of_the_others_is_told(tree: Tree) -> None:
    root = tree(TREE)
    write_ledger(root, "cpu", STOOD_IN, flavour="llamacpp")
    write_ledger(root, "cpu", FAILED, flavour="vllm")
    assert look(convert(root)) == "stand-in"
    write_ledger(root, "nvidia", PASSED, gpu="NVIDIA H200")
    assert summary(convert(root)).startswith(f"{NO_GB10}ran on NVIDIA H200, nothing stood in")


@pytest.mark.parametrize(
    "text",
    [
        "</details></div><script>alert(1)</script>",
        '" onload="alert(1)',
        "**bold** [link](http://x) `code` <b>&amp;",
        "\x02wzxhzdk:0\x03 \x02amp\x03",
        "\u202egnp.exe\u2066 \u200b",
        "{{ page.title }} {% include 'x' %} {: #id }",
        "x" * 1_000_000,
        "\n" * 10_000 + "y\n" * 10_000,
        "\x1b]8;;http://x\x07click\x1b]8;;\x07" * 1000,
        NASTY,
    ],
    ids=["tags", "quote", "markdown", "stash", "bidi", "templates", "megabyte", "lines", "links", "nasty"],
)
def test_a_hostile_ledger_is_shown_as_text(tree: Tree, text: str) -> None:
    root = tree(TREE)
    plain = convert(root)
    result = step(
        "ask", Outcome.FAILED, exit_code=1, reason=text, stderr=text,
        checks=[Check(name=text, held=False, message=text)],
        containers=[Container(service=text, image=text, digest=text, state=text)],
    )  # fmt: skip
    path = write_ledger(
        root, "cpu", result,
        hardware=text, os=text, driver=text, recorded_by=text, docs_commit=text, gpu=text,
        engines=[evidence.Engine(name=text, version=text, image=text)],
        models=[evidence.Model(name=text, revision=text)],
    )  # fmt: skip
    hostile = json.loads(path.read_text())
    hostile["steps"]["lesson-03/ask"]["inputs"] |= dict.fromkeys([text, f"compose/{text}"], "0")
    path.write_text(json.dumps(hostile))
    html = convert(root, repo_url="https://example.org/r")
    assert set(outline(html)) <= {*outline(plain), "pre", "table", "caption", "tr", "th", "td"}
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)
    assert re.findall(r'<a href="(.*?)"', html) == [
        "../../snippets/lesson-03/ask.sh", "../../evidence/lessons/lesson-03/cpu.json",
    ]  # fmt: skip
    assert len(html) < 60_000


@pytest.mark.parametrize("name", ["", ".", "/", "/etc/passwd", "../..", "snippets/../../x", "x#y", "~"])
def test_a_ledger_makes_the_build_read_nothing_outside_the_tree(tree: Tree, name: str) -> None:
    root = tree(TREE)
    path = write_ledger(root, "gb10", PASSED)
    hostile = json.loads(path.read_text())
    hostile["steps"]["lesson-03/ask"]["inputs"][name] = "0"
    path.write_text(json.dumps(hostile))
    start = time.perf_counter()
    assert " · stale: " in summary(convert(root))
    assert time.perf_counter() - start < 1


def test_output_is_cut_to_twelve_lines_as_a_terminal_shows_them() -> None:
    lines = excerpt("".join(f"line {number}\n" for number in range(100)))
    assert len(lines) == 12
    assert lines[5:8] == ["line 5", "… 89 lines left out", "line 95"]
    assert excerpt("10 %\r50 %\r\x1b[32mdone\x1b[0m\r\n") == ["done"]
    assert excerpt("x" * 10**6) == ["x" * 400 + "…"]


@pytest.mark.parametrize("indented", [
    "- one\n\n{4}\n\n- two\n",
    "- one\n{4}\n- two\n",
    "1. one\n\n    - two\n\n{8}\n",
    '=== "curl"\n\n{4}\n\n=== "Python"\n\n    text\n',
    "!!! note\n\n{4}\n",
    "!!! note\n{4}\n",
    '??? note "More"\n\n{4}\n\n    text\n',
    '1. one\n\n    === "curl"\n\n        !!! note\n\n{12}\n\n    text\n',
    "text\n{0}\ntext\n",
    "{0}",
    "<!-- one line -->\n\n{0}\n",
])  # fmt: skip
def test_a_snippet_and_its_line_stay_together_wherever_they_stand(tree: Tree, indented: str) -> None:
    def place(match: re.Match[str]) -> str:
        return "\n".join(" " * int(match[1]) + line for line in FENCE.split("\n"))

    root = tree(TREE)
    html = convert(root, re.sub(r"\{(\d+)\}", place, indented))
    outline(html)
    block = (
        r'<div class="gb-step" id="step-ask">\n<div class="highlight">.*?</div>\n<details class="gb-evidence"'
    )
    assert len(re.findall(block, html, re.DOTALL)) == 1
    assert "/// script" not in html
    assert "gb10docs" not in re.sub(r"Ledger.*", "", html)


@pytest.mark.parametrize("text", ["````markdown\n{}\n````\n", "<!--\n\n{}\n\n-->\n", "~~~text\n{}\n~~~\n"])
def test_what_only_looks_like_a_snippet_has_no_line(tree: Tree, text: str) -> None:
    html = convert(tree(TREE), text.format(FENCE))
    assert "gb-evidence" not in html


def test_a_snippet_is_shown_verbatim(tree: Tree) -> None:
    body = 'cat <<-X\n\ttab  two spaces  \n\n\n--8<-- "gone.sh"\n;--8<-- "b.sh"\n**no** <b>&amp;\nX\n'
    root = tree(TREE | {"snippets/lesson-03/ask.sh": f"# /// script\n# ///\n{body}"})
    html = convert(root, f"- one\n\n{FENCE.replace('```', '    ```').replace('--8', '    --8')}\n")
    code = re.search(r"<code>(.*?)</code>", html, re.DOTALL)
    assert code
    text = re.sub(r"<[^>]*>", "", code[1])
    assert text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&") == body


def test_the_same_snippet_twice_has_two_anchors_of_its_own(tree: Tree) -> None:
    html = convert(tree(TREE), f"# Step ask\n\n{FENCE}\n\n{FENCE}\n")
    assert re.findall(r' id="([^"]*)"', html) == ["step-ask_1", "step-ask", "step-ask-2"]


def test_the_same_converter_can_be_used_again(tree: Tree) -> None:
    root = tree(TREE)
    one = converter(root)
    text = (root / "docs" / PAGE).read_text()
    first = one.convert(text)
    assert one.reset().convert("# No snippet\n") == '<h1 id="no-snippet">No snippet</h1>'
    assert one.reset().convert(text) == first


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_page_whose_text_came_otherwise_still_finds_its_steps(tree: Tree, line_end: str) -> None:
    root = tree(TREE | {f"docs/{PAGE}": f"---\ntitle: Three\n---\n\n{FENCE}\n"})
    html = converter(root).convert(f"# Added\n\n{FENCE}\n".replace("\n", line_end))
    assert 'id="step-ask"' in html


def test_where_nobody_says_which_page_it_is_no_evidence_is_known(tree: Tree) -> None:
    root = tree(TREE)
    write_ledger(root, "gb10", PASSED)
    html = convert(root, page="nowhere.md")
    assert '<p class="gb-evidence" data-look="never"' in html
    assert "No evidence known for lesson-03/ask.sh" in html
    assert "echo" in html


def test_on_an_unknown_page_a_fence_that_is_no_include_is_left_alone(tree: Tree) -> None:
    html = converter(tree(TREE), page="nowhere.md").convert("```bash\nls\n```\n")
    assert "gb-evidence" not in html
    assert "ls" in html


def test_a_fence_that_is_no_include_stops_the_build(tree: Tree) -> None:
    with pytest.raises(BadPage, match=r"lesson-03\.md:3: a bash fence holds exactly one line"):
        convert(tree(TREE), "# Three\n\n```bash\nrm -rf x\n```\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "no ledger: Invalid JSON"),
        ("<<<<<<< HEAD\n", "no ledger"),
        ('{"schema": "gb10docs.ledger/9", "page": "", "target": ""}', "written by a newer gb10docs"),
        (
            '{"schema": "gb10docs.ledger/1", "page": "docs/lessons/lesson-03.md", "target": "cpu"}',
            "ran on 'cpu'",
        ),
        (
            '{"schema": "gb10docs.ledger/1", "page": "docs/other.md", "target": "gb10"}',
            "speaks of docs/other.md",
        ),
    ],
)
def test_a_wrong_ledger_stops_the_build(tree: Tree, text: str, reason: str) -> None:
    root = tree(TREE | {"docs/evidence/lessons/lesson-03/gb10.json": text})
    with pytest.raises(BadLedger, match=re.escape("lesson-03/gb10.json: ")) as error:
        convert(root)
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("page", "link"),
    [("index.md", ""), ("a.md", "../"), ("a/index.md", "../"), ("a/b.md", "../../"), ("my-index.md", "../")],
)
def test_addresses_are_relative_to_the_page(tree: Tree, page: str, link: str) -> None:
    root = tree(TREE | {f"docs/{page}": FENCE})
    assert f'href="{link}snippets/lesson-03/ask.sh"' in converter(root, page).convert(FENCE)


def test_a_commit_is_linked_where_the_repository_is_known(tree: Tree) -> None:
    root = tree(TREE)
    write_ledger(root, "gb10", PASSED, dirty=True)
    commit = "0123abc" * 5
    assert f'href="https://example.org/r/commit/{commit}"' in convert(root, repo_url="https://example.org/r/")
    assert "with changes that are in no commit" in convert(root)
    assert "example.org" not in convert(root, repo_url="javascript:alert(1)//example.org")


# In the programs that build sites.

CONFIG = """site_name: Test
site_url: https://example.org/docs/
use_directory_urls: {directories}
theme: {{name: material, font: false}}
validation: {{omitted_files: warn, absolute_links: warn, unrecognized_links: warn, anchors: warn}}
markdown_extensions:
  - admonition
  - pymdownx.highlight
  - pymdownx.superfences
  - gb10docs.markdown
  - pymdownx.snippets: {{base_path: [snippets], check_paths: true}}
  - pymdownx.tabbed: {{alternate_style: true}}
"""
PAGES = {
    "docs/index.md": f"# Home\n\n{FENCE}\n\n[deep](#step-ask)\n",
    f"docs/{PAGE}": f"---\ntitle: Three\n---\n# Three\n\n[deep](#step-ask)\n\n{FENCE}\n",
    "docs/lessons/deep/index.md": f'# Deep\n\n=== "A"\n\n    {FENCE.replace(chr(10), chr(10) + "    ")}\n',
}


def zensical() -> str:
    """The zensical program: beside this Python, or where ZENSICAL says."""
    program = os.environ.get("ZENSICAL") or shutil.which("zensical", path=Path(sys.executable).parent)
    return program or pytest.skip("zensical is not installed here: set ZENSICAL to the program")


def mkdocs(root: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    return build(root, [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"])


def build(root: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    here = str(Path(__file__).parents[2])
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": here}
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(params=["mkdocs", "zensical"])
def builder(request: pytest.FixtureRequest) -> Callable[[Path], subprocess.CompletedProcess[str]]:
    if request.param == "mkdocs":
        return mkdocs
    program = zensical()
    return lambda root: build(root, [program, "build", "--strict"])


@pytest.mark.parametrize("directories", [True, False], ids=["directories", "files"])
def test_a_site_shows_the_evidence_of_every_page(
    tree: Tree, builder: Callable[[Path], subprocess.CompletedProcess[str]], directories: bool
) -> None:
    root = tree(TREE | PAGES | {"mkdocs.yml": CONFIG.format(directories=str(directories).lower())})
    ledger = write_ledger(root, "gb10", PASSED)
    done = builder(root)
    assert (done.returncode, done.stderr.removesuffix("No issues found\n")) == (0, "")
    site = root / "site"
    pages = [page for page in site.rglob("*.html") if page.name != "404.html"]
    assert len(pages) == 3
    for page in pages:
        html = page.read_text()
        links = re.findall(r'href="([^"]*(?:snippets|evidence)/[^"]*)"', html)
        targets = [(page.parent / link).resolve().relative_to(site.resolve()).as_posix() for link in links]
        ours = "lesson-03" in page.as_posix()
        recorded = [ledger.relative_to(root / "docs").as_posix()] if ours else []
        assert targets == ["snippets/lesson-03/ask.sh", *recorded]
        assert ("Ran on GB10" in html) == ours
        assert html.count('class="gb-evidence"') == html.count('id="step-ask"') == 1
    (index,) = [path for path in site.rglob("search*.json") if "evidence" not in path.parts]
    assert "echo" in index.read_text()
    assert not any(
        word in index.read_text() for word in ("Ran on GB10", "Not run", "A. Owner", "This snippet")
    )


def test_a_wrong_ledger_stops_the_site_with_file_and_reason(
    tree: Tree, builder: Callable[[Path], subprocess.CompletedProcess[str]]
) -> None:
    root = tree(TREE | PAGES | {"mkdocs.yml": CONFIG.format(directories="true")})
    write_ledger(root, "gb10", PASSED).write_text('{"schema": "gb10docs.ledger/9"}')
    done = builder(root)
    assert done.returncode != 0
    assert "lesson-03/gb10.json: written by a newer gb10docs" in done.stdout + done.stderr


# What it costs.


def test_it_costs_little_beside_what_a_page_costs_anyway(tree: Tree) -> None:
    names = [f"lesson-03/s{number}.sh" for number in range(40)]
    text = "\n\n".join(f'```bash\n--8<-- "{name}"\n```\n\nSome **words** on `it`.' for name in names)
    root = tree({f"snippets/{name}": ASK + "true\n" * 8 for name in names} | {f"docs/{PAGE}": text})
    results = [step(f"s{number}", stdout="line\n" * 30, stand_ins=[LLAMA]) for number in range(40)]
    for day, target in enumerate(("gb10", "nvidia", "cpu")):
        write_ledger(root, target, *results, started=STARTED + timedelta(days=day))
    plain, ours = converter(root, page=""), converter(root)

    def fastest(one: Markdown) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            html = one.reset().convert(text)
            times.append(time.perf_counter() - start)
        assert html.count("<code>") >= 40
        return min(times)

    assert fastest(ours) < 4 * fastest(plain)


INSTALL = "## Install\n\n```bash\nfalse && echo shown\n```\n"
"""Markdown for more than one page, with a command in it."""


class Macro(Extension):
    """Puts text into pages, as macros do: at a priority of its choice."""

    def __init__(self, text: str, priority: float) -> None:
        super().__init__()
        self._text, self._priority = text, priority

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Python-Markdown's name
        text = self._text

        class Adds(Preprocessor):
            def run(self, lines: list[str]) -> list[str]:
                return [
                    part
                    for line in lines
                    for part in (text.split("\n") if line.strip() == "MACRO" else [line])
                ]

        md.preprocessors.register(Adds(md), "macro", self._priority)


def indented(text: str) -> str:
    return "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())


@pytest.mark.parametrize(
    ("page", "priority"),
    [*((PAGE, priority) for priority in (101, 32.5, 29, 25.5)), ("nowhere.md", 32.5), ("", 25.5)],
)
@pytest.mark.parametrize("around", ["{}", '=== "Tab"\n\n{}', "- item\n\n{}", "??? note\n\n{}"])
@pytest.mark.parametrize("brought", [INSTALL, "~~~ {.py .x}\nprint()\n~~~", FENCE, "````sh\nls\n````"])
def test_a_command_that_comes_by_another_way_stops_the_build(
    tree: Tree, page: str, priority: float, around: str, brought: str
) -> None:
    root = tree(TREE)
    path = root / "docs" / PAGE
    path.write_text(
        f"{FENCE}\n\n{around.format(indented('MACRO') if around != '{}' else 'MACRO')}\n\n{FENCE}\n"
    )
    text = indented(brought) if around != "{}" else brought
    one = Markdown(
        extensions=[*EXTENSIONS, Macro(text, priority), GB10Docs(root=str(root), page=page)],
        extension_configs={"pymdownx.snippets": {"base_path": [str(root / "snippets")]}},
    )
    with pytest.raises(BadPage, match="the site shows a command that is not in this file"):
        one.convert(path.read_text())


@pytest.mark.parametrize("brought", ["A *word* more.\n\n```text\nls\n```\n", "*[GB10]: a chip\n", "    ls\n"])
def test_what_holds_no_command_may_come_from_anywhere(tree: Tree, brought: str) -> None:
    root = tree(TREE | {"snippets/more.md": brought})
    for text in (f'{FENCE}\n\n--8<-- "more.md"\n', f"--8<--\nmore.md\n--8<--\n\n{FENCE}\n"):
        html = convert(root, text)
        assert html.count("gb-step") == 1


@pytest.mark.parametrize(
    "text",
    [
        '--8<-- "shared/install.md"\n',
        "--8<-- 'shared/install.md:1:9'\n",
        '=== "Tab"\n\n    ---8<-- "shared/install.md"\n',
        "--8<--\n\n; gone.md\nshared/install.md\n--8<--\n",
        '--8<-- "shared/outer.md"\n',
        '<!--\n\n--8<-- "shared/install.md"\n\n-->\n',
        '{% include "shared/install.md" %}\n',
        "A word, then {!shared/install.md!}\n",
        "{%- include-markdown 'shared/install.md' start='x' %}\n",
        "{{ include_file('shared/install.md') }}\n",
    ],
)
def test_markdown_that_brings_in_a_command_stops_the_build_and_the_run(tree: Tree, text: str) -> None:
    shared = {"shared/install.md": INSTALL, "shared/outer.md": '--8<-- "shared/install.md"\n'}
    root = tree(TREE | shared | {f"docs/{PAGE}": f"{FENCE}\n\n{text}"})
    (root / "mkdocs.yml").write_text(MKDOCS)
    command = [sys.executable, "-m"]
    run = [*command, "gb10docs", "run", "lesson-03", "--root", str(root), "--dry-run"]
    build = [*command, "mkdocs", "build", "--quiet"]
    with_zensical = [str(Path(sys.executable).with_name("zensical")), "build"]
    for program, status in ((run, 2), (build, 1), (with_zensical, 1)):
        done = subprocess.run(program, cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        assert "brings in a bash fence" in done.stderr
        assert f"{PAGE}:{5 + text[: text.index('shared')].count(chr(10))}" in done.stderr or "outer" in text


MKDOCS = """
site_name: T
plugins: []
markdown_extensions:
  - pymdownx.superfences
  - pymdownx.details
  - pymdownx.tabbed: {alternate_style: true}
  - pymdownx.snippets: {base_path: [., snippets]}
  - gb10docs.markdown
"""


def test_what_a_fence_of_text_brings_in_is_text_unless_it_ends_the_fence(tree: Tree) -> None:
    quoted = '```text\n--8<-- "more.md"\n```\n'
    assert convert(tree(TREE | {"snippets/more.md": "ls\n"}), f"{FENCE}\n\n{quoted}").count("gb-step") == 1
    root = tree(TREE | {"snippets/more.md": "ls\n```\n\n```bash\nls\n"})
    with pytest.raises(BadPage, match="the site shows a command that is not in this file"):
        convert(root, f"{FENCE}\n\n{quoted}")


@pytest.mark.parametrize(
    "text", ["{{ install() }}", "Version {{ version }}, {% if x %}", "    {{ commands }}"]
)
@pytest.mark.parametrize("plugin", ["macros", "macros: {module_name: main}", "include-markdown"])
def test_a_macro_on_a_page_with_steps_stops_the_run(tree: Tree, text: str, plugin: str) -> None:
    root = tree(TREE | {f"docs/{PAGE}": f"{FENCE}\n\n{text}\n"})
    settings = MKDOCS.replace("plugins: []", f"plugins:\n  - search\n  - {plugin}\nextra: {{x: !ENV [A, b]}}")
    (root / "mkdocs.yml").write_text(settings)
    with pytest.raises(BadPage, match=r"lesson-03\.md:5: the site fills in '\{[{%]") as error:
        read_page(root / "docs" / PAGE, root)
    assert "nobody knows with which commands" in str(error.value)
    (root / "mkdocs.yml").write_text(MKDOCS)
    assert read_page(root / "docs" / PAGE, root).steps


@pytest.mark.parametrize(
    "text", ["`{{ x }}` and ``{% include 'x' %}``", "```text\n{{ x }}\n{! y !}\n```", "{ x }{.a}"]
)
def test_braces_that_nothing_fills_in_are_text(tree: Tree, text: str) -> None:
    root = tree(TREE | {f"docs/{PAGE}": f"{FENCE}\n\n{text}\n"})
    (root / "mkdocs.yml").write_text(MKDOCS.replace("plugins: []", "plugins: [macros]"))
    assert read_page(root / "docs" / PAGE, root).steps
