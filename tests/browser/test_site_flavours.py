"""The same pages in other forms: several versions, a folder to be opened from disk, and Zensical's build."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from accessibility import violations
from links import broken
from playwright.sync_api import Browser, expect
from website import built, chromium, from_disk, prepared_tree, run_in, served

COMMITTER = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "test"), ("EMAIL", "test@example.org"))
}
MIKE = ("--config-file", "mkdocs.versioned.yml")
REPOSITORY = "https://github.com/example/course"
EVIDENCE = re.compile(r'<(?:details|p) class="gb-evidence"')


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A host of two versions, published from a scratch clone as `make publish` does."""
    clone, host = tmp_path_factory.mktemp("clone") / "tree", tmp_path_factory.mktemp("host")
    shutil.copytree(prepared_tree(), clone, ignore=shutil.ignore_patterns("built-*"))
    run_in(clone, "git", "init", "--quiet")
    run_in(clone, "git", "commit", "--quiet", "--allow-empty", "--message", "A tree", **COMMITTER)
    with served(host) as url:
        settings = {**COMMITTER, "GB10DOCS_SITE_URL": url, "GB10DOCS_REPO_URL": REPOSITORY}
        for version in ("0.1", "0.2"):
            run_in(clone, "mike", "deploy", *MIKE, "--update-aliases", version, "latest", **settings)
        run_in(clone, "mike", "set-default", *MIKE, "latest", **settings)
        run_in(clone, "git", f"--work-tree={host}", "checkout", "gh-pages", "--", ".")
        shutil.copy(host / "latest/404.html", host / "404.html")
        yield host, url


def test_two_versions_can_be_chosen_between(browser: Browser, versions: tuple[Path, str]) -> None:
    _host, url = versions
    with browser.new_context(color_scheme="dark", reduced_motion="reduce") as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error.stack)[:900]))
        page.on("response", lambda answer: None if answer.ok else complaints.append(answer.url))
        page.goto(url)
        page.wait_for_url("**/latest/")
        chosen = page.locator(".md-version__current")
        expect(chosen).to_contain_text("0.2")
        chosen.focus()
        page.get_by_role("link", name="0.1", exact=True).click()
        page.wait_for_url("**/0.1/**")
        expect(chosen).to_contain_text("0.1")
        expect(page.get_by_text("This is an older version.")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("link", name="Read the latest one.").click()
        page.wait_for_url("**/latest/**")
        page.goto(f"{url}nowhere/at/all/")
        expect(page.get_by_role("heading", name="There is no page here")).to_be_visible()
        page.get_by_role("link", name="Evidence").last.click()
        page.wait_for_url("**/latest/evidence/")
    assert complaints == [f"{url}nowhere/at/all/"]


def test_the_repository_is_linked_and_not_asked(browser: Browser, versions: tuple[Path, str]) -> None:
    _, url = versions
    with browser.new_context() as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        edited = {}
        for name in ("lessons/lesson-03", "theory/four-bits", "evidence"):
            page.goto(f"{url}latest/{name}/", wait_until="networkidle")
            edited[name] = [link.get_attribute("href") for link in page.locator("[rel=edit]").all()]
        assert violations(page) == []
    assert edited == {
        "lessons/lesson-03": [f"{REPOSITORY}/edit/main/docs/lessons/lesson-03.md"],
        "theory/four-bits": [f"{REPOSITORY}/edit/main/docs/theory/four-bits.py"],
        "evidence": [],
    }
    assert [address for address in asked if not address.startswith(url)] == []


def test_every_link_of_a_version_leads_somewhere(versions: tuple[Path, str]) -> None:
    host, _ = versions
    assert list(broken(host / "0.1", base="/latest/")) == []
    assert list(broken(host / "latest/", base="/latest/")) == []


def test_the_offline_site_opens_from_disk_and_searches(browser: Browser) -> None:
    with browser.new_context(offline=True) as context:
        page = context.new_page()
        complaints: list[str] = []
        asked: list[str] = []
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((from_disk() / "index.html").as_uri())
        page.keyboard.press("/")
        page.keyboard.type("bandwidth bottleneck")
        page.locator(".md-search-result__link").first.click()
        page.wait_for_url("**/lessons/lesson-03.html*")
        expect(page.locator("details.gb-evidence").first).to_be_attached()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_every_link_of_the_offline_site_leads_somewhere() -> None:
    assert [link for link in broken(from_disk()) if not link.startswith("404.html")] == []


def test_zensical_builds_the_same_pages_and_lines_of_evidence() -> None:
    """All but the notebooks: Zensical 0.0.73 copies those instead of drawing them."""
    tree = prepared_tree()
    assert "No issues found" in run_in(tree, "zensical", "build", "--clean")
    theirs, ours = _evidence(tree / "site"), _evidence(built())
    notebooks = {page for page in ours if (tree / "docs" / page).with_suffix(".ipynb").is_file()}
    assert "theory/four-bits" in notebooks
    assert theirs == {page: lines for page, lines in ours.items() if page not in notebooks}
    assert sum(ours.values()) > 50


def _evidence(site: Path) -> Counter[str]:
    """How many lines of evidence each page has."""
    return Counter(
        {
            page.relative_to(site).as_posix().removesuffix(".html").removesuffix("/index"): len(
                EVIDENCE.findall(page.read_text(encoding="utf-8"))
            )
            for page in site.rglob("*.html")
        }
    )
