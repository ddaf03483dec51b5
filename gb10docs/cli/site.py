"""`gb10docs site`: arguments in, files out."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.group()
def site() -> None:
    """Write what the site shows besides its pages."""


@site.command()
@click.option("--root", type=click.Path(path_type=Path), help="Tree that holds docs/ and snippets/.")
@click.option(
    "--cell-timeout",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="Longest run of a notebook cell.",
)
@click.option(
    "--flat-urls", is_flag=True, help="For a site built without directory URLs, as for offline use."
)
def prepare(root: Path | None, cell_timeout: int, flat_urls: bool) -> None:
    """Write what the site holds besides its pages: notebooks, steps as JSON, Markdown twins, raw snippets."""
    from gb10docs.cli import app
    from gb10docs.machine import extras
    from gb10docs.pages.tree import find_root
    from gb10docs.run.interrupts import INTERRUPTED, Interrupted, Signals
    from gb10docs.site.prepare import prepare as write

    extras.require("site")
    where = find_root(root)
    with Signals() as signals:
        signals.hold()
        try:
            changes = write(
                where, app, cell_timeout=cell_timeout, directory_urls=not flat_urls, signals=signals
            )
        except Interrupted:
            sys.exit(INTERRUPTED)
    click.echo("\n".join(changes) or "nothing has changed")
