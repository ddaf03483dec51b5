"""An executed notebook as pages: the one that mkdocs-jupyter draws, and the text beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from gb10docs.pages.printing import without_sequences
from gb10docs.site.mathml import BadFormula, with_mathml
from gb10docs.site.notebooks import BadNotebook, Cell, Notebook

_LINK = re.compile(
    r"\]\((?P<page>(?![a-z]+:|/)[^()\s#]+?)(?P<suffix>\.md|\.markdown|\.mdown|\.mkdn?|\.ipynb)(?P<anchor>#[^()\s]*)?\)"
)


def as_ipynb(notebook: Notebook, path: Path, *, directory_urls: bool = True) -> str:
    """What mkdocs-jupyter renders: formulas as MathML, and links to pages as the built site has them.

    Raises:
        BadNotebook: A formula is wrong, or a link leads to no page.
    """
    cells = [_drawn(cell, path, directory_urls) for cell in notebook["cells"]]
    return json.dumps({**notebook, "cells": cells}, indent=1) + "\n"


def as_markdown(notebook: Notebook) -> str:
    """The notebook as text: formulas as TeX, code and what it printed in fences."""
    return "\n\n".join(part for cell in notebook["cells"] for part in _written(cell)) + "\n"


def _drawn(cell: Cell, path: Path, directory_urls: bool) -> Cell:
    if cell["cell_type"] != "markdown":
        return cell

    def address(found: re.Match[str]) -> str:
        return f"]({_address(found['page'], found['suffix'], path, directory_urls)}{found['anchor'] or ''})"

    try:
        return {**cell, "source": _LINK.sub(address, with_mathml(cell["source"]))}
    except (BadFormula, BadNotebook) as error:
        raise BadNotebook(f"{path}:{cell['metadata']['line']}: {error}") from error


def _address(page: str, suffix: str, path: Path, directory_urls: bool) -> str:
    """Where the site has a page that a notebook links to: mkdocs-jupyter leaves links as they are."""
    beside = path.parent / f"{page}{suffix}"
    if not beside.is_file() and not beside.with_suffix(".py").is_file():
        raise BadNotebook(f"a link to '{page}{suffix}', which is no page: mend it")
    if not directory_urls:
        return f"{page}.html"
    folder = re.sub(r"(^|/)index$", r"\1", page)
    return f"../{folder}/" if folder and not folder.endswith("/") else f"../{folder}"


def _written(cell: Cell) -> Iterator[str]:
    if cell["cell_type"] != "code":
        yield cell["source"]
        return
    yield f"```python\n{cell['source']}\n```"
    for output in cell["outputs"]:
        data = output.get("data", {})
        text = output.get("text") or data.get("text/plain", "")
        if output["output_type"] == "error":
            text = f"{output['ename']}: {output['evalue']}"
        if "text/markdown" in data:
            yield data["text/markdown"]
        elif {"image/svg+xml", "text/html"} & data.keys():
            yield f"*Figure: {text}*"
        elif text:
            yield f"```text\n{without_sequences(text).rstrip()}\n```"
