from __future__ import annotations

from pathlib import Path

import pytest
from trees import Tree, page_of

from gb10docs.pages.fences import BadPage
from gb10docs.pages.tree import find_root, lessons, read_pages, with_foundations

STEP = {"snippets/a.sh": "true\n"}


def after(*names: str) -> str:
    return f"---\nafter: [{', '.join(names)}]\n---\n{page_of(['a.sh'])}"


def names(root: Path, *asked: str) -> list[str]:
    return [page.name for page in read_pages(root, asked)]


def test_the_root_is_the_nearest_folder_upwards(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"docs/deep/down/p.md": ["a.sh"], **STEP})
    monkeypatch.chdir(root / "docs/deep/down")
    assert find_root(None) == root == find_root(root)
    with pytest.raises(BadPage, match="does not hold docs/ and snippets/: name the tree with --root DIR"):
        find_root(root / "docs")
    monkeypatch.chdir("/")
    with pytest.raises(BadPage, match="neither / nor a folder above it holds"):
        find_root(None)


def test_a_page_is_named_by_its_path_below_docs_by_a_unique_last_part_or_by_a_file(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"docs/x/p.md": ["a.sh"], **STEP})
    monkeypatch.chdir(root / "docs")
    asked = ("x/p", "p", "x/p.md", "docs/x/p.md", "docs/x/p", str(root / "docs/x/p.md"))
    for name in asked:
        assert names(root, name) == ["x/p"]
    assert names(root, *asked) == ["x/p"]


def test_a_page_may_end_in_markdown_but_not_in_both(tree: Tree) -> None:
    root = tree({"docs/x/p.markdown": ["a.sh"], **STEP})
    for name in ("x/p", "p", str(root / "docs/x/p.markdown"), str(root / "docs/x/p")):
        assert names(root, name) == ["x/p"]
    with pytest.raises(BadPage, match=r"p\.md and .*p\.markdown are pages of one name|rename one"):
        lessons(tree({"docs/x/p.md": ["a.sh"]}))


@pytest.mark.parametrize("name", ["lesson-3", "lesson-03.txt", "docs", "", "a\0b", "x" * 5000])
def test_an_unknown_page_is_told_with_the_nearest_name(tree: Tree, name: str) -> None:
    root = tree({"docs/lesson-03.md": ["a.sh"], "docs/lesson-03.txt": "", **STEP})
    with pytest.raises(BadPage) as error:
        read_pages(root, [name])
    assert "lesson-03" in str(error.value)


def test_two_pages_of_one_last_part_are_told_apart_by_their_names(tree: Tree) -> None:
    root = tree({"docs/a/intro.md": ["a.sh"], "docs/b/intro.md": ["a.sh"], **STEP})
    with pytest.raises(BadPage, match=r"'intro' is the name of 2 pages: write a/intro or b/intro"):
        read_pages(root, ["intro"])
    assert names(root, "b/intro", "docs/a/intro.md") == ["b/intro", "a/intro"]
    assert [page.name for page in lessons(root)] == ["a/intro", "b/intro"]


def test_a_page_at_the_top_goes_before_others_of_its_last_part(tree: Tree) -> None:
    root = tree({"docs/index.md": ["a.sh"], "docs/b/index.md": ["a.sh"], **STEP})
    assert names(root, "index") == ["index"]
    with pytest.raises(BadPage, match=r"did you mean 'b/index'"):
        read_pages(root, ["b/inde"])


def test_what_lies_outside_docs_is_no_page(tree: Tree) -> None:
    root = tree({"docs/p.md": ["a.sh"], "README.md": ["a.sh"], **STEP})
    with pytest.raises(BadPage, match="only what is under docs/ is a page"):
        read_pages(root, [str(root / "README.md")])


def test_after_takes_a_unique_last_part_and_lists_the_names_of_what_is_not(tree: Tree) -> None:
    root = tree({"docs/x/a.md": ["a.sh"], "docs/b.md": after("a"), "docs/c.md": after("x/a"), **STEP})
    assert [page.after for page in read_pages(root, ["b", "c"])] == [("x/a",), ("x/a",)]
    root = tree({"docs/y/a.md": ["a.sh"]})
    with pytest.raises(BadPage, match=r"b\.md: 'after' names 2 pages by 'a': write x/a or y/a"):
        read_pages(root, ["b"])


def test_a_page_without_steps_cannot_be_run_and_is_no_lesson(tree: Tree) -> None:
    root = tree({"docs/p.md": ["a.sh"], "docs/q.md": "text\n", **STEP})
    with pytest.raises(BadPage, match="nothing to run"):
        read_pages(root, ["q"])
    assert [page.name for page in lessons(root)] == ["p"]


def test_a_folder_named_like_a_page(tree: Tree) -> None:
    root = tree({"docs/p.md/x": ""})
    with pytest.raises(BadPage, match=r"docs/p\.md: cannot be read: Is a directory"):
        read_pages(root, ["p"])


def test_pages_come_after_what_they_build_on(tree: Tree) -> None:
    root = tree({"docs/a.md": after("b"), "docs/b.md": after("c"), "docs/c.md": ["a.sh"], **STEP})
    assert names(root, "a", "c", "b") == ["c", "b", "a"]
    assert names(root, "a", "c") == ["c", "a"]
    assert [page.name for page in with_foundations(read_pages(root, ["a"]), root)] == ["c", "b", "a"]


def test_pages_in_a_circle(tree: Tree) -> None:
    root = tree({"docs/a.md": after("b"), "docs/b.md": after("c"), "docs/c.md": after("b"), **STEP})
    with pytest.raises(BadPage, match=r"docs/c\.md|docs/b\.md.*'after' goes in a circle: b -> c -> b"):
        read_pages(root, ["a"])


def test_a_page_after_itself(tree: Tree) -> None:
    with pytest.raises(BadPage, match="a -> a"):
        read_pages(tree({"docs/a.md": after("a"), **STEP}), ["a"])


def test_after_names_a_page_that_is_not_there(tree: Tree) -> None:
    root = tree({"docs/lesson-02.md": after("lesson-1"), "docs/lesson-01.md": "x\n", **STEP})
    with pytest.raises(
        BadPage, match=r"docs/lesson-02\.md: 'after' names no page: 'lesson-1', did you mean 'lesson-01'"
    ):
        read_pages(root, ["lesson-02"])
