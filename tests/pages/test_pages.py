from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import markdown
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trees import Tree, page_of

from gb10docs.pages.fences import BadPage, fences
from gb10docs.pages.page import read_page
from gb10docs.pages.snippet import BadSnippet

EXTENSIONS = [
    "admonition",
    "attr_list",
    "tables",
    "toc",
    "pymdownx.details",
    "pymdownx.highlight",
    "pymdownx.superfences",
    "pymdownx.tabbed",
]
SETTINGS: dict[str, dict[str, Any]] = {
    "pymdownx.highlight": {"pygments_lang_class": True, "linenums_style": "pymdownx-inline"},
    "pymdownx.tabbed": {"alternate_style": True},
}

Blocks = list[tuple[str, str]]
"""Language and text of each block of code, in order."""


class Reader(HTMLParser):
    """What a reader sees of a page: blocks of bash and Python, not those in comments."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: Blocks = []
        self._in_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        language = re.search(r"language-(\w+)", dict(attrs).get("class") or "") if tag == "div" else None
        if language:
            self.blocks.append((language[1], ""))
        self._in_code = self._in_code or tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        self._in_code = self._in_code and tag != "pre"

    def handle_data(self, data: str) -> None:
        if self._in_code and self.blocks:
            language, text = self.blocks[-1]
            self.blocks[-1] = (language, text + data)


def stripped(text: str) -> str:
    """The text less what indents its lines."""
    return "\n".join(line.strip() for line in text.strip().split("\n"))


def drawn(page: str) -> Blocks:
    """The blocks that Python-Markdown draws."""
    reader = Reader()
    reader.feed(markdown.Markdown(extensions=EXTENSIONS, extension_configs=SETTINGS).convert(page))
    return [(name, stripped(text)) for name, text in reader.blocks if name in {"bash", "python"}]


def found(page: str) -> Blocks:
    """The blocks that we find."""
    return [(one.language, stripped("\n".join(one.body))) for one in fences(page, Path("p.md")) if one.runs]


# Pages built from pieces, of which each knows its fences.


@dataclass
class Piece:
    """Some lines of a page, and the blocks in them that a reader sees."""

    lines: list[str]
    blocks: Blocks = field(default_factory=list)

    def within(self, opener: str) -> Piece:
        """The piece as the content of a list item, a tab or the like."""
        return Piece([opener, "", *(f"    {line}" if line else "" for line in self.lines)], self.blocks)

    def after(self, other: Piece) -> Piece:
        return Piece([*other.lines, "", *self.lines], [*other.blocks, *self.blocks])


def fence(language: str, name: str, mark: str, opening: str, trailing: str) -> Piece:
    include = f'--8<-- "{name}"'
    return Piece(
        [f"{mark}{opening.format(language)}{trailing}", include, mark + trailing], [(language, include)]
    )


def quoting(inner: Piece, mark: str) -> Piece:
    """A longer fence that quotes a page."""
    return Piece([f"{mark}markdown", *inner.lines, mark])


def comment(inner: Piece) -> Piece:
    return Piece(["<!-- not yet", "", *inner.lines, "", "-->"])


NAMES = st.integers(1, 99).map("f{}.sh".format)
FENCES = st.builds(
    fence,
    st.sampled_from(["bash", "python"]),
    NAMES,
    st.sampled_from(["```", "~~~", "````", "~~~~~"]),
    st.sampled_from(
        [
            "{}",
            " {}",
            ".{}",
            "{{.{}}}",
            "{{ .{} }}",
            ' {{ .{} #id title="a .b" }}',
            '{} title="A `tick`"',
            "{} title='x' linenums=\"1\"",
            '{} {{ title="x" }}',
            '{} hl_lines="1"',
        ]
    ),
    st.sampled_from(["", " ", "  ", "\t"]),
)
PLAIN = st.sampled_from(
    [
        ["Some text with `-->` and ```three``` in it."],
        ["## Heading"],
        ["| a | b |", "|---|---|", "| c | d |"],
        ["> a quote", "> goes on"],
        ["* * *"],
        ["- a list", "- of two"],
        ["Text.", "    Its second line is indented."],
        ["<!-- one line -->"],
        ["```text", "# no heading", "<!--", "```"],
        ["```", "    ~~~bash", "```"],
        ["    indented code", "", "    $ more"],
        ["    ```text", "    quoted by indenting", "    ```"],
        ["[link]: https://example.org"],
    ]
).map(Piece)
HIDDEN = st.one_of(
    st.builds(quoting, FENCES.filter(lambda piece: len(piece.lines[0]) < 99), st.just("``````")),
    st.builds(comment, FENCES),
)
OPENERS = st.sampled_from(
    [
        "- item",
        "* item",
        "1. item",
        '=== "curl"',
        '!!! note "Mind"',
        "!!! note",
        "??? note",
        '???+ tip "Open"',
    ]
)
PIECES = st.recursive(
    st.one_of(FENCES, PLAIN),
    lambda inner: st.one_of(
        st.builds(Piece.within, inner, OPENERS),
        st.builds(Piece.after, inner, inner),
    ),
    max_leaves=6,
)
FRONT = st.sampled_from(["", "---\ntitle: x\nafter: []\n---\n"])


def page(pieces: list[Piece], ending: str, tabs: bool) -> tuple[str, Blocks]:
    """A page of these pieces, a heading between them so that none belongs to the one above."""
    lines = [line for number, piece in enumerate(pieces) for line in (f"# {number}", "", *piece.lines, "")]
    if tabs:
        lines = [re.sub(r"^(?: {4})+", lambda indent: "\t" * (len(indent[0]) // 4), line) for line in lines]
    return ending.join(lines), [block for piece in pieces for block in piece.blocks]


PAGES = st.builds(
    page, st.lists(st.one_of(PIECES, HIDDEN), max_size=5), st.sampled_from(["\n", "\r\n"]), st.booleans()
)


@settings(max_examples=400, deadline=None)
@given(PAGES, FRONT)
def test_the_fences_found_are_those_that_a_reader_sees(made: tuple[str, Blocks], front: str) -> None:
    text, known = made
    assert found(front + text) == known == drawn(text)


CHAOS = st.builds(
    "{}{}".format,
    st.sampled_from(["", "", "", " ", "   ", "    ", "        ", "\t"]),
    st.sampled_from(
        [
            "",
            "",
            "",
            "",
            "text",
            "# head",
            "---",
            "===",
            "* * *",
            "- item",
            "* item",
            "1. item",
            "1) item",
            '=== "tab"',
            "=== tab",
            "!!! note",
            "??? note",
            "> quote",
            "<!--",
            "-->",
            "<!-- a -->",
            "text <!-- b",
            "code",
            "| a | b |",
            "<b>x</b>",
            "[^1]: note",
            "term",
            ":   is",
            "```",
            "~~~",
            "````",
            "```bash",
            "```text",
            "~~~python",
            "```bash title=x",
            '```bash foo="x"',
            "> ```bash",
            "- ```bash",
            "```a``` b",
        ]
    ),
)
WHOLE = st.builds(
    "{0}{1}{2}{1}--8<-- x\n{1}{3}{4}".format,
    st.sampled_from(["", "\n"]),
    st.sampled_from(["", "", " ", "    ", "        "]),
    st.sampled_from(["```bash\n", "```python\n", "```text\n"]),
    st.just("```"),
    st.sampled_from(["", "\n"]),
)


@settings(max_examples=600, deadline=None)
@given(st.lists(st.one_of(CHAOS, WHOLE), max_size=10).map("\n".join))
@example("    code\n```bash\nx\n```")
@example("- item\n```bash\nx\n```")
@example("text\n- item\n\n    ```bash\n    x\n    ```")
@example("- item\n# head\n\n    ```bash\n    x\n    ```")
@example("- item\n---\n- item\n\n    ```bash\n    x\n    ```")
@example("1) item\n\n    ```bash\n    x\n    ```")
@example("* * *\n\n    ```bash\n    x\n    ```")
@example("<!--\n```bash\n-->\n```\n")
@example("text <!--\n\n```bash\nx\n```\n\n-->")
@example("    ```text\n    x\n```bash\ny\n```")
@example("`<!--` in text\n\n<!-- a comment\n\n```bash\nx\n```\n\n-->")
@example("\x0c\n\u2028\n```bash\nx\n```")
def test_a_page_is_read_as_it_is_drawn_or_refused(text: str) -> None:
    text = f"A page.\n\n{text}"
    try:
        blocks = found(text)
    except BadPage as error:
        said = str(error)
    else:
        assert blocks == drawn(text)
        return
    assert re.fullmatch(r"p\.md:\d+: .+", said)


@settings(max_examples=300)
@given(st.text(st.sampled_from('`~ \n\t->!<#="{}.bash*1:|\\\x00\r'), max_size=80))
def test_no_page_crashes_the_scanner(text: str) -> None:
    with suppress(BadPage):
        list(fences(text, Path("p.md")))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("```bash\nx\n", "p.md:1: the fence is never closed"),
        ("a\n\n~~~\nx\n```\n", "p.md:3: the fence is never closed"),
        ("```bash\nx\n````\n", "p.md:1: the fence is never closed"),
        ("    ```bash\n    x\n    ```\n", "p.md:1: this bash fence is indented so far that it is code"),
        ("    ```bash\n    x\n", "p.md:1: the fence is never closed"),
        (
            '=== "a"\n\n    ```bash\nx\n    ```\n',
            "p.md:4: indented less than the fence that begins on line 3",
        ),
        ("> ```bash\n> x\n> ```\n", "p.md:1: a fence begins within a block quote"),
        (
            "- ```bash\n  x\n  ```\n",
            "p.md:1: a fence begins within a block quote or on the line of a list marker",
        ),
        ("```bash title=x\nx\n```\n", "p.md:1: the site takes this line for no fence"),
        ('```bash name="x"\nx\n```\n', "p.md:1: the site takes this line for no fence"),
        ("a\n<!-- x\n```bash\nx\n```\n", "p.md:2: the comment is never closed"),
        ("a <!-- x\n\n```bash\nx\n```\n\n-->", "p.md:3: this bash fence is in the comment from line 1"),
        ("<!--\n```text\n-->\n```\n-->\n", "p.md:2: this fence is in a comment and holds '-->'"),
        ("    code\n```bash\nx\n```\n", "p.md:2: this bash fence is right below indented code"),
        ("- a\n```bash\nx\n```\n", "p.md:2: this bash fence is right below a list item"),
        ("a\n- b\n\n    ```bash\n    x\n    ```\n", "put a blank line above line 2"),
    ],
)
def test_what_nobody_can_tell_is_refused(text: str, says: str) -> None:
    with pytest.raises(BadPage) as error:
        list(fences(text, Path("p.md")))
    assert str(error.value).startswith(says) or says in str(error.value)


@pytest.mark.parametrize("language", ["sh", "shell", "Bash", "zsh", "console", "py", "python3", "pycon"])
def test_other_names_of_the_languages_are_no_way_around(tree: Tree, language: str) -> None:
    root = tree({"docs/p.md": f"```{language}\necho\n```\n"})
    with pytest.raises(BadPage, match="holds exactly one line"):
        read_page(root / "docs/p.md", root)


def test_lines_are_counted_whatever_ends_them() -> None:
    for ending in ("\n", "\r\n", "\r"):
        (one,) = fences(ending.join(["a", "", "```bash", "x", "```", ""]), Path("p.md"))
        assert one.line == 3


def test_a_fence_knows_its_line_tabs_and_marks() -> None:
    (one,) = fences('a\n\n=== "x"\n\n    - b\n\n        ~~~~sh\n        x\n        ~~~~\n', Path("p.md"))
    assert (one.line, one.language, one.tabs, one.marks) == (7, "bash", 1, "~~~~")


# Pages and their steps.


def test_a_page_has_its_steps_in_order(tree: Tree) -> None:
    text = "---\ntitle: 3\nafter: [lesson-01]\n---\n" + page_of(["a/x.sh", "a/y.py"])
    root = tree({"docs/l/p.md": text, "snippets/a/x.sh": "true\n", "snippets/a/y.py": "print()\n"})
    page = read_page(root / "docs/l/p.md", root)
    assert (page.name, page.relative, page.title, page.after) == ("l/p", "docs/l/p.md", "3", ("lesson-01",))
    assert [(step.id, step.line, step.in_tab) for step in page.steps] == [
        ("p/x", 8, False),
        ("p/y", 12, False),
    ]
    lines = text.split("\n")
    assert all(step.snippet.name in lines[step.line - 1] for step in page.steps)


def test_ids_are_unique(tree: Tree) -> None:
    names = ["a/x.sh", "a/x.sh", "a/x-2.sh", "a/y.sh", "a/y.py", "b/z.sh", "a/z.sh"]
    root = tree({"docs/p.md": names, **{f"snippets/{name}": "1\n" for name in names}})
    ids = [step.id for step in read_page(root / "docs/p.md", root).steps]
    assert ids == ["p/x", "p/x-2", "p/x-2-2", "p/y.sh", "p/y.py", "p/z.sh", "p/z.sh-2"]


def test_a_page_without_a_title_has_its_heading_or_its_name(tree: Tree) -> None:
    root = tree({"docs/a.md": "# One\n", "docs/b.md": "text\n"})
    assert [read_page(root / f"docs/{name}.md", root).title for name in "ab"] == ["One", "b"]


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("", "p.md:1: the page is empty"),
        (" \n\n", "p.md:1: the page is empty"),
        (b"ok\n\xff", "p.md:2: not UTF-8 (byte 0xff)"),
        ("```bash\necho\n```\n", "p.md:1: a bash fence holds exactly one line, an include of a whole file"),
        (
            "```python\n```\n",
            'an include of a whole file, such as --8<-- "p/name.py": put its text into a snippet',
        ),
        ('```bash\n--8<-- "a.sh"\necho\n```\n', "p.md:1: a bash fence holds exactly one line"),
        ('````bash\n--8<-- "a.sh"\necho\n````\n', "p.md:1: a bash fence holds exactly one line"),
        ('```bash\n--8<-- "a.sh" # why\n```\n', "p.md:1: a bash fence holds exactly one line"),
        (
            '```bash\n--8<-- "a.sh"\n\ntext\n\n```bash\n--8<-- "a.sh"\n```\n',
            "p.md:1: the fence is not closed before another begins on line 6",
        ),
        ('x\n\n```bash\n--8<-- "aa.sh"\n```\n', "p.md:4: no snippet 'aa.sh'"),
        ('```bash\n--8<-- "aa.sh"\n```\n', "did you mean 'a.sh'?"),
        ('```bash\n\n--8<-- "../docs/p.md"\n```\n', "p.md:3: '../docs/p.md' lies outside"),
        ('```bash\n--8<-- "x/../a.sh"\n```\n', "p.md:2: 'x/../a.sh' lies outside"),
        ('```bash\n--8<-- "/etc/passwd"\n```\n', "p.md:2: '/etc/passwd' lies outside"),
        ('```bash\n--8<-- "\0"\n```\n', "p.md:2: the name '' holds characters"),
        (f'```bash\n--8<-- "{"a" * 5000}.sh"\n```\n', "p.md:2: no snippet"),
        ('```python\n--8<-- "a.sh"\n```\n', "p.md:2: a python fence includes 'a.sh', which is bash"),
        ('```bash\n--8<-- "ticks.sh"\n```\n', "p.md:2: 'ticks.sh' holds a line '```', which ends this fence"),
        (
            '=== "x"\n\n    ```bash\n    --8<-- "makes.sh"\n    ```\n',
            "p.md:4: 'makes.sh' stands in a content tab",
        ),
        (
            '=== "x"\n\n    ```bash\n    --8<-- "serves.sh"\n    ```\n',
            "p.md:4: 'serves.sh' stands in a content tab",
        ),
        (
            '=== "x"\n\n    ```bash\n    --8<-- "stops.sh"\n    ```\n',
            "p.md:4: 'stops.sh' stands in a content tab",
        ),
        ("---\na: [\n---\nx\n", "p.md:2: the front matter is no valid YAML"),
        ("---\na: 2024-99-99\n---\nx\n", "p.md:1: the front matter is no valid YAML"),
        ("---\n- a\n---\nx\n", "p.md:2: the front matter is no table"),
        ("---\ntitle: x\nafter: lesson-01\n---\nx\n", "p.md:3: 'after' is a list of page names"),
    ],
)
def test_a_wrong_page_is_told_with_file_and_line(tree: Tree, page: str | bytes, says: str) -> None:
    root = tree(
        {
            "docs/p.md": page,
            "snippets/a.sh": "true\n",
            "snippets/ticks.sh": "cat <<X\n```\nX\n",
            "snippets/makes.sh": '# /// script\n# [tool.gb10docs]\n# makes = ["model:x"]\n# ///\ntrue\n',
            "snippets/serves.sh": '# /// script\n# [tool.gb10docs]\n# serves = "compose/x:y"\n# ///\ntrue\n',
            "snippets/stops.sh": '# /// script\n# [tool.gb10docs]\n# stops = ["y"]\n# ///\ntrue\n',
        }
    )
    with pytest.raises(BadPage) as error:
        read_page(root / "docs/p.md", root)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_snippet_outside_by_a_link_is_refused(tree: Tree) -> None:
    root = tree({"docs/p.md": ["a.sh"], "elsewhere.sh": "true\n"})
    (root / "snippets/a.sh").symlink_to(root / "elsewhere.sh")
    with pytest.raises(BadPage, match=r"'a\.sh' lies outside"):
        read_page(root / "docs/p.md", root)


def test_a_link_within_the_tree_and_one_in_a_circle(tree: Tree) -> None:
    root = tree({"docs/p.md": ["a.sh"], "docs/q.md": ["c.sh"], "snippets/b.sh": "true\n"})
    (root / "snippets/a.sh").symlink_to("b.sh")
    (root / "snippets/c.sh").symlink_to("c.sh")
    assert len(read_page(root / "docs/p.md", root).steps) == 1
    with pytest.raises(BadPage, match=r"no snippet 'c\.sh'"):
        read_page(root / "docs/q.md", root)


def test_a_wrong_snippet_is_its_own_fault(tree: Tree) -> None:
    root = tree({"docs/p.md": ["a.sh"], "snippets/a.sh": ""})
    with pytest.raises(BadSnippet, match=r"snippets/a\.sh:1: the snippet is empty"):
        read_page(root / "docs/p.md", root)


def test_a_longer_fence_shows_what_ends_a_shorter_one(tree: Tree) -> None:
    root = tree({"docs/p.md": '````bash\n--8<-- "a.sh"\n````\n', "snippets/a.sh": "cat <<X\n```\nX\n"})
    assert len(read_page(root / "docs/p.md", root).steps) == 1


def test_a_page_of_two_thousand_steps_is_read_in_a_moment(tree: Tree) -> None:
    import time

    root = tree({"docs/p.md": ["a.sh"] * 2000, "snippets/a.sh": "true\n"})
    begun = time.perf_counter()
    assert len({step.id for step in read_page(root / "docs/p.md", root).steps}) == 2000
    assert time.perf_counter() - begun < 2.0
