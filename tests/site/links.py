"""Every link of a built site that leads nowhere."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ADDRESSES = {"href", "src"}


class Links(HTMLParser):
    """The links and anchors of one page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what points somewhere, and what can be pointed at."""
        for name, value in attrs:
            if value and name in ADDRESSES:
                self.links.append(value)
            elif value and (name == "id" or (tag == "a" and name == "name")):
                self.anchors.add(value)


@cache
def read(page: Path) -> Links:
    """The links and anchors of a file."""
    links = Links()
    links.feed(page.read_text(encoding="utf-8"))
    return links


def broken(site: Path, base: str = "/") -> Iterator[str]:
    """Each internal link whose file or anchor is missing, as `page: link`.

    Args:
        base: Where the site's root is on its host: absolute links begin with it.
    """
    for page in sorted(site.rglob("*.html")):
        for link in read(page).links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            if parts.path.startswith(base):
                target = site / unquote(parts.path.removeprefix(base))
            else:
                target = page.parent / unquote(parts.path) if parts.path else page
            target = Path(posixpath.normpath(target))
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            lost = anchor and target.suffix == ".html" and target.is_file() and anchor not in read(target).anchors
            if not target.is_file() or (lost and not anchor.startswith("__")):
                yield f"{page.relative_to(site)}: {link}"
