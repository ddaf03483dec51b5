"""`gb10docs site`: arguments in, files out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="site", help="Write what the site shows besides its pages.", no_args_is_help=True)


@app.callback()
def site() -> None:
    """Write what the site shows besides its pages."""


@app.command()
def prepare(
    root: Annotated[
        Path | None, typer.Option("--root", help="Tree that holds docs/ and snippets/.", show_default=False)
    ] = None,
    cell_timeout: Annotated[
        int, typer.Option("--cell-timeout", min=1, metavar="SECONDS", help="Longest run of a notebook cell.")
    ] = 60,
    flat_urls: Annotated[
        bool, typer.Option("--flat-urls", help="For a site built without directory URLs, as for offline use.")
    ] = False,
) -> None:
    """Write what the site holds besides its pages: notebooks, steps as JSON, Markdown twins, raw snippets."""
    from gb10docs.site.prepare import prepare as write
    from gb10docs.tree import find_root

    where = find_root(root)
    changes = write(where, cell_timeout=cell_timeout, directory_urls=not flat_urls)
    typer.echo("\n".join(changes) or "nothing has changed")
