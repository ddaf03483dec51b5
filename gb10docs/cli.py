"""Arguments in, exit status out."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import gb10docs
from gb10docs.bench.cli import app as bench_app
from gb10docs.errors import GB10DocsError
from gb10docs.site.cli import app as site_app

app = typer.Typer(
    help="Run the snippets of a documentation page in page order, and keep the evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(bench_app, name="bench")
app.add_typer(site_app, name="site")

Root = Annotated[
    Path | None, typer.Option("--root", help="Tree that holds docs/ and snippets/.", show_default=False)
]


class TargetName(StrEnum):
    """Kinds of machine, for `--target`."""

    AUTO = "auto"
    GB10 = "gb10"
    NVIDIA = "nvidia"
    CPU = "cpu"


class Grant(StrEnum):
    """What `--allow` can grant."""

    PRIVILEGED = "privileged"
    DESTRUCTIVE = "destructive"


Target = Annotated[
    TargetName, typer.Option("--target", help="Kind of machine to run for; auto looks at this one.")
]
Allow = Annotated[
    list[Grant] | None, typer.Option("--allow", help="Also run steps that need this.", show_default=False)
]


evidence_app = typer.Typer(help="What has been run where, and when.", no_args_is_help=True)
app.add_typer(evidence_app, name="evidence")


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
) -> None:
    """What comes before the commands."""
    if show:
        typer.echo(gb10docs.__version__)
        raise typer.Exit


@app.command("list")
def list_(root: Root = None) -> None:
    """List the pages that have steps."""
    from gb10docs import workflow

    workflow.list_pages(root)


@app.command()
def run(
    lessons: Annotated[
        list[str], typer.Argument(help="Names of pages (lesson-03) or paths of Markdown files.")
    ],
    root: Root = None,
    target: Target = TargetName.AUTO,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="STEP", help="Run this step and what it needs.", show_default=False),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="STEP", help="Run from this step on, and what that needs.", show_default=False
        ),
    ] = None,
    allow: Allow = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, what is replaced or skipped, and why.")
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="After a failure, run what does not depend on it.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 1 if a step was skipped or replaced.")
    ] = False,
    record: Annotated[bool, typer.Option("--record", help="Write the evidence into docs/evidence/.")] = False,
    recorded_by: Annotated[
        str,
        typer.Option(
            "--recorded-by",
            metavar="NAME",
            help="Who recorded it; git's user.name unless given.",
            show_default=False,
        ),
    ] = "",
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the report as JSON.", show_default=False),
    ] = None,
    junit_file: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Write the report as JUnit XML.", show_default=False),
    ] = None,
) -> None:
    """Run the steps of pages in page order.

    Exit status: 0 all that ran passed; 1 a step failed; 2 the input is wrong; 3 nothing could run; 130 interrupted.
    """
    from gb10docs import workflow

    selection = workflow.Selection(
        pages=tuple(lessons),
        root=root,
        target=target.value,
        only=tuple(only or ()),
        start=start,
        allow=frozenset(grant.value for grant in allow or ()),
    )
    if dry_run:
        raise typer.Exit(workflow.show_plan(selection))
    wishes = workflow.Wishes(
        keep_going=keep_going,
        strict=strict,
        record=record,
        recorded_by=recorded_by,
        json_file=json_file,
        junit_file=junit_file,
    )
    raise typer.Exit(workflow.run(selection, wishes))


@app.command()
def doctor(root: Root = None, target: Target = TargetName.AUTO, allow: Allow = None) -> None:
    """Look at this machine, and say for each lesson which steps can run here and what is missing for the others."""
    from gb10docs import workflow

    workflow.doctor(root, target.value, frozenset(grant.value for grant in allow or ()))


@evidence_app.command()
def status(root: Root = None) -> None:
    """For each lesson and target, how many steps passed there, when, and what is stale."""
    from gb10docs import evidence_status, tree

    typer.echo(evidence_status.status(tree.find_root(root)))


@evidence_app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A ledger: a file, or COMMIT:PATH.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    root: Root = None,
) -> None:
    """What changed in outputs and environment between two recorded runs."""
    from gb10docs import evidence_diff, tree

    typer.echo(evidence_diff.diff(first, second, tree.find_root(root)))


@app.command()
def clean() -> None:
    """Clear away what a run that was killed left: processes, containers, temporary folders."""
    from gb10docs import lock

    for line in lock.clean() or ["nothing to clear away"]:
        typer.echo(line)


def main() -> int:
    """The exit status of the program; a user's mistake is one line on standard error and status 2."""
    try:
        app()
    except GB10DocsError as error:
        print(f"gb10docs: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return 141
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0
