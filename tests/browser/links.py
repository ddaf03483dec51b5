"""Every link of a built site that leads nowhere."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Links(HTMLParser):
    """The links and anchors of one page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - html.parser's
        """Keep what points somewhere, and what can be pointed at."""
        self.links += [value for name, value in attrs if value and name in {"href", "src"}]
        self.anchors |= {value for name, value in attrs if value and name in {"id", "name"}}


@cache
def read(page: Path) -> Links:
    """The links and anchors of a file."""
    links = Links()
    links.feed(page.read_text(encoding="utf-8"))
    return links


def broken(site: Path, base: str = "/") -> Iterator[str]:
    """Each internal link whose file or anchor is missing, as `page: link`.

    Args:
        base: What absolute links begin with: where the site's root is on its host.
    """
    for page in sorted(site.rglob("*.html")):
        for link in read(page).links:
            parts = urlsplit(link)
            internal = not parts.scheme and not parts.netloc
            if internal and not _found(unquote(parts.path), unquote(parts.fragment), page, site, base):
                yield f"{page.relative_to(site)}: {link}"


def _found(path: str, anchor: str, page: Path, site: Path, base: str) -> bool:
    absolute = path.startswith(base)
    target = site / path.removeprefix(base) if absolute else page.parent / path if path else page
    target = Path(posixpath.normpath(target))
    target = target / "index.html" if target.is_dir() else target
    if not target.is_file():
        return False
    return not anchor or target.suffix != ".html" or anchor in read(target).anchors
