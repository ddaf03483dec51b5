from __future__ import annotations

from pathlib import Path

import pytest
from trees import Tree, page_of

from gb10docs.fences import BadPage
from gb10docs.tree import BadOrder, NoSuchPage, find_root, lessons, read_pages, with_foundations

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
    with pytest.raises(NoSuchPage, match="does not hold docs/ and snippets/: name the tree with --root DIR"):
        find_root(root / "docs")
    monkeypatch.chdir("/")
    with pytest.raises(NoSuchPage, match="neither / nor a folder above it holds"):
        find_root(None)


def test_a_page_is_named_by_stem_or_path_and_comes_once(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree({"docs/x/p.md": ["a.sh"], **STEP})
    monkeypatch.chdir(root / "docs")
    assert names(root, "p", "x/p.md", "docs/x/p.md", str(root / "docs/x/p.md")) == ["p"]


@pytest.mark.parametrize("name", ["lesson-3", "lesson-03.txt", "docs", "", "a\0b", "x" * 5000])
def test_an_unknown_page_is_told_with_the_nearest_name(tree: Tree, name: str) -> None:
    root = tree({"docs/lesson-03.md": ["a.sh"], "docs/lesson-03.txt": "", **STEP})
    with pytest.raises(NoSuchPage) as error:
        read_pages(root, [name])
    assert "lesson-03" in str(error.value)


def test_two_pages_of_one_name_must_be_told_apart(tree: Tree) -> None:
    root = tree({"docs/a/intro.md": ["a.sh"], "docs/b/intro.md": ["a.sh"], **STEP})
    with pytest.raises(NoSuchPage, match=r"the name of 2 pages: write docs/a/intro\.md or docs/b/intro\.md"):
        read_pages(root, ["intro"])
    assert read_pages(root, ["docs/b/intro.md"])[0].relative == "docs/b/intro.md"
    with pytest.raises(BadOrder, match="run one, then the other"):
        read_pages(root, ["docs/a/intro.md", "docs/b/intro.md"])
    assert [page.relative for page in lessons(root)] == ["docs/a/intro.md", "docs/b/intro.md"]


def test_a_page_without_steps_cannot_be_run_and_is_no_lesson(tree: Tree) -> None:
    root = tree({"docs/p.md": ["a.sh"], "docs/q.md": "text\n", **STEP})
    with pytest.raises(NoSuchPage, match="nothing to run"):
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
    with pytest.raises(BadOrder, match=r"docs/c\.md|docs/b\.md.*'after' goes in a circle: b -> c -> b"):
        read_pages(root, ["a"])


def test_a_page_after_itself(tree: Tree) -> None:
    with pytest.raises(BadOrder, match="a -> a"):
        read_pages(tree({"docs/a.md": after("a"), **STEP}), ["a"])


def test_after_names_a_page_that_is_not_there(tree: Tree) -> None:
    root = tree({"docs/lesson-02.md": after("lesson-1"), "docs/lesson-01.md": "x\n", **STEP})
    with pytest.raises(
        NoSuchPage, match=r"docs/lesson-02\.md: 'after' names no page: 'lesson-1', did you mean 'lesson-01'"
    ):
        read_pages(root, ["lesson-02"])
