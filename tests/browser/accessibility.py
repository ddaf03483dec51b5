"""What axe-core finds on a page. axe comes with a Python package of which nothing else is used."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from playwright.sync_api import Page

VIOLATIONS = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
    rule => `${rule.id}: ${rule.nodes.map(node => node.target.join(" ")).join(" | ")}`)"""


@cache
def axe() -> str:
    """The script."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """The rules that the page breaks as it is now, with everything folded opened; each with its places."""
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    page.evaluate(axe())
    found: list[str] = page.evaluate(VIOLATIONS)
    return found
