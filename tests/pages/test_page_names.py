"""Pages by name, through the program: what `list` prints `run` takes, and pages of one last part do not mix."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from program import Program

from gb10docs.pages.tree import lessons

ROOT = Path(__file__).resolve().parents[2]
TWINS: dict[str, str | list[str]] = {
    "docs/a/intro.md": ["a/make.sh", "a/use.sh"],
    "docs/b/intro.md": ["b/make.sh", "b/use.sh"],
    "docs/index.md": ["top.sh"],
    "snippets/a/make.sh": "# /// script\n# [tool.gb10docs]\n# makes = ['result:x']\n# ///\nfalse\n",
    "snippets/a/use.sh": "# /// script\n# [tool.gb10docs]\n# needs = ['result:x']\n# ///\necho a\n",
    "snippets/b/make.sh": "# /// script\n# [tool.gb10docs]\n# makes = ['result:x']\n# ///\necho b\n",
    "snippets/b/use.sh": "# /// script\n# [tool.gb10docs]\n# needs = ['result:x']\n# ///\necho b\n",
    "snippets/top.sh": "echo top\n",
}


def names(program: Program, *arguments: str) -> list[str]:
    """The first column of `gb10docs list`."""
    status, out, err = program.run("list", *arguments)
    assert (status, err) == (0, "")
    return [line.partition(" ")[0] for line in out.splitlines()]


def test_run_takes_what_list_prints(program: Program) -> None:
    program.tree(TWINS)
    found = names(program, "--root", str(program.root))
    assert found == ["a/intro", "b/intro", "index"]
    for name in found:
        status, out, err = program.run(
            "run", name, "--root", str(program.root), "--target", "gb10", "--dry-run"
        )
        assert (status, err) == (0, ""), name
        assert out.startswith(f"docs/{name}.md on gb10\n")


def test_run_takes_what_list_prints_of_this_course(program: Program) -> None:
    found = names(program, "--root", str(ROOT))
    assert found == [page.name for page in lessons(ROOT)]
    status, out, err = program.run("run", *found, "--root", str(ROOT), "--target", "gb10", "--dry-run")
    assert (status, err) == (0, "")
    assert sorted(line for line in out.splitlines() if not line.startswith(" ")) == sorted(
        f"docs/{name}.md on gb10" for name in found
    )


def test_pages_of_one_last_part_run_together_and_do_not_mix(program: Program) -> None:
    """What failed on one page is asked for on the other, by the same step id, and has passed there."""
    program.tree(TWINS)
    junit = program.folder / "junit.xml"
    status, out, err = program.run(
        *("run", "a/intro", "b/intro", "--root", str(program.root), "--target", "gb10", "--keep-going"),
        *("--json", str(program.json), "--junit", str(junit)),
    )
    assert (status, err) == (1, ""), out
    told = {
        report["lesson"]: [(step["id"], step["outcome"]) for step in report["steps"]]
        for report in json.loads(program.json.read_text())
    }
    assert told == {
        "a/intro": [("intro/make", "failed"), ("intro/use", "skipped")],
        "b/intro": [("intro/make", "passed"), ("intro/use", "passed")],
    }
    cases = ElementTree.parse(junit).getroot().iter("testcase")
    assert [(case.get("classname"), case.get("name")) for case in cases] == [
        (page, step) for page in ("a/intro", "b/intro") for step in ("make", "use")
    ]


def test_a_step_is_asked_for_by_its_whole_name(program: Program) -> None:
    program.tree(TWINS)
    arguments = ("run", "a/intro", "b/intro", "--root", str(program.root), "--target", "gb10", "--dry-run")
    for named, steps in {"b/intro/make": 1, "intro/make": 2, "make": 2}.items():
        status, out, _ = program.run(*arguments, "--only", named)
        assert (status, out.count("intro/make")) == (0, steps), out
    status, out, _ = program.run(*arguments, "--from", "b/intro/make")
    assert (status, out.count("intro/")) == (0, 2), out


def test_the_program_reads_a_page_by_its_short_name_in_front_matter(program: Program) -> None:
    page = '---\nafter: [intro]\n---\n# Last\n\n```bash\n--8<-- "top.sh"\n```\n'
    program.tree({**TWINS, "docs/last.md": page})
    status, _, err = program.run("run", "last", "--root", str(program.root), "--dry-run")
    assert status == 2
    assert "'after' names 2 pages by 'intro': write a/intro or b/intro" in err
    (program.root / "docs/b/intro.md").unlink()
    assert program.run("run", "last", "--root", str(program.root), "--dry-run")[0] == 0


def test_a_page_is_what_mkdocs_takes_for_one(program: Program) -> None:
    """The site has a page for each that `list` names, with its evidence, its text and its steps, and for no other."""
    files = (
        "a.markdown",
        "b.mdown",
        "c.mkd",
        "d.mkdn",
        "e.md",
        "UPPER.MD",
        ".hidden/x.md",
        ".draft.md",
        "f.txt",
    )
    program.tree({f"docs/{name}": ["top.sh"] for name in files} | {"snippets/top.sh": "echo top\n"})
    (program.root / "mkdocs.yml").write_text(
        "site_name: T\nplugins: []\nmarkdown_extensions: [pymdownx.superfences, gb10docs.markdown]\n"
    )
    root = ("--root", str(program.root))
    assert names(program, *root) == ["a", "b", "c", "d", "e"]
    assert program.run("run", "a", *root, "--target", "cpu", "--record")[0] == 0
    assert (program.root / "docs/evidence/a/cpu-llamacpp.json").is_file()
    status, _, err = program.run("run", "UPPER", *root)
    assert (status, err.partition(" under ")[0]) == (2, "gb10docs: no page 'UPPER'")
    (program.root / "docs/f.txt").unlink()
    assert program.run("site", "prepare", *root)[0] == 0
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet"]
    subprocess.run(build, cwd=program.root, check=True, capture_output=True)
    site = program.root / "site"
    built = [path.parent.name for path in site.glob("*/index.html") if path.parent.name != "evidence"]
    assert sorted(built) == ["a", "b", "c", "d", "e"]
    for name in built:
        assert 'id="step-top"' in (site / name / "index.html").read_text()
        assert (site / f"{name}.txt").is_file()
        assert (site / f"{name}.json").is_file()
    looks = {name: 'data-look="elsewhere"' in (site / name / "index.html").read_text() for name in built}
    assert [name for name, is_recorded in looks.items() if is_recorded] == ["a"]
