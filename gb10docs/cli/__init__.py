"""Arguments in, exit status out. What a command does is in the rooms below."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click
from click.shell_completion import shell_complete

import gb10docs
from gb10docs.errors import GB10DocsError, is_sick

root_option = click.option(
    "--root", type=click.Path(path_type=Path), help="Tree that holds docs/ and snippets/."
)
target_option = click.option(
    "--target",
    type=click.Choice(["auto", "gb10", "nvidia", "cpu"]),
    default="auto",
    show_default=True,
    help="Kind of machine to run for; auto looks at this one.",
)
allow_option = click.option(
    "--allow",
    type=click.Choice(["privileged", "destructive"]),
    multiple=True,
    help="Also run steps that need this.",
)


ELSEWHERE = {
    "bench": "gb10docs.cli.bench",
    "fit": "gb10docs.cli.fit",
    "inspect": "gb10docs.cli.inspect",
    "site": "gb10docs.cli.site",
}
"""Commands that are declared in a module of their own, which is imported when they are asked for."""


class Program(click.Group):
    """Commands in the order in which they are declared, those of other modules last."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Their names."""
        return [*self.commands, *ELSEWHERE]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name.

        Raises:
            NoSuchCommand: There is none; the message names those that come near.
        """
        if name in ELSEWHERE:
            command: click.Command = getattr(import_module(ELSEWHERE[name]), name)
            return command
        if name not in self.commands and not name.startswith("-"):
            raise click.exceptions.NoSuchCommand(name, possibilities=self.list_commands(ctx), ctx=ctx)
        return super().get_command(ctx, name)


@click.group(cls=Program)
@click.version_option(gb10docs.__version__, message="%(version)s", help="Print the version and exit.")
def app() -> None:
    """Run the snippets of a documentation page in page order, and keep the evidence."""


@app.command("list")
@root_option
def list_(root: Path | None) -> None:
    """List the pages that have steps."""
    from gb10docs.cli import workflow
    from gb10docs.pages import tree

    sys.exit(workflow.list_pages(tree.find_root(root)))


@app.command()
@click.argument(
    "lessons",
    nargs=-1,
    required=True,
    help="Names of pages (engines/index, or lesson-03 where only one page is called that), or their paths.",
)
@root_option
@target_option
@click.option("--only", multiple=True, metavar="STEP", help="Run this step and what it needs.")
@click.option("--from", "start", metavar="STEP", help="Run from this step on, and what that needs.")
@allow_option
@click.option(
    "--stand-in",
    type=click.Choice(["llamacpp", "vllm-cpu", "docker"]),
    help="What answers on target cpu: llamacpp, a small model in-process, unless given; "
    "vllm-cpu, real vLLM without a GPU; docker, the page's containers with a small model inside.",
)
@click.option("--dry-run", is_flag=True, help="Say what would run, what is replaced or skipped, and why.")
@click.option("--keep-going", is_flag=True, help="After a failure, run what does not depend on it.")
@click.option("--strict", is_flag=True, help="Exit 1 if a step was skipped or replaced.")
@click.option("--record", is_flag=True, help="Write the evidence into docs/evidence/.")
@click.option(
    "--recorded-by", default="", metavar="NAME", help="Who recorded it; git's user.name unless given."
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the report as JSON; - is standard output.",
)
@click.option(
    "--junit",
    "junit_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the report as JUnit XML; - is standard output.",
)
def run(
    lessons: tuple[str, ...],
    root: Path | None,
    target: str,
    only: tuple[str, ...],
    start: str | None,
    allow: tuple[str, ...],
    stand_in: str | None,
    dry_run: bool,
    keep_going: bool,
    strict: bool,
    record: bool,
    recorded_by: str,
    json_file: Path | None,
    junit_file: Path | None,
) -> None:
    """Run the steps of pages in page order.

    They run as you, and can do what you can. Secrets and the names of your user and machine are masked in all that is
    printed, reported and recorded; GB10DOCS_SECRETS=NAME,OTHER names variables that are secret besides.

    Exit status: 0 all that ran passed; 1 a step failed; 2 the input is wrong, or something could not be written; 3
    nothing could run; 70 a fault of gb10docs itself; 130 interrupted.
    """
    from gb10docs.cli import workflow
    from gb10docs.pages import tree
    from gb10docs.run.interrupts import Signals

    selection = workflow.Selection(
        pages=lessons,
        root=tree.find_root(root),
        target=target,
        only=only,
        start=start,
        allow=frozenset(allow),
        stand_in=stand_in or "",
    )
    if dry_run:
        sys.exit(workflow.show_plan(selection))
    wishes = workflow.Wishes(
        keep_going=keep_going,
        strict=strict,
        record=record,
        recorded_by=recorded_by,
        json_file=json_file,
        junit_file=junit_file,
    )
    with Signals() as signals:
        leave(workflow.run(selection, wishes, signals))


@app.command()
@root_option
@target_option
@allow_option
def doctor(root: Path | None, target: str, allow: tuple[str, ...]) -> None:
    """Look at this machine, and say for each lesson which steps can run here and what is missing for the others."""
    from gb10docs.cli import workflow
    from gb10docs.pages import tree

    sys.exit(workflow.doctor(tree.find_root(root), target, frozenset(allow)))


@app.command()
def clean() -> None:
    """Clear away what runs that were killed have left: processes, containers, temporary folders, logs."""
    from gb10docs.run import lock, notes

    with lock.hold():
        done = notes.clean()
    for line in done or ["nothing to clear away"]:
        click.echo(line)


@app.group()
def evidence() -> None:
    """What has been run where, and when."""


@evidence.command()
@root_option
def status(root: Path | None) -> None:
    """For each lesson and target, how many steps passed there, when, and what is stale."""
    from gb10docs.cli import workflow
    from gb10docs.evidence import tally
    from gb10docs.pages import tree

    text, faults = tally.status(tree.find_root(root))
    click.echo(text)
    sys.exit(workflow.tell_faults(faults))


@evidence.command()
@click.argument("first", metavar="A", help="A ledger: a file, or COMMIT:PATH.")
@click.argument("second", metavar="B", help="Another.")
@root_option
def diff(first: str, second: str, root: Path | None) -> None:
    """What changed in outputs and environment between two recorded runs."""
    from gb10docs.evidence import diff as evidence_diff
    from gb10docs.pages import tree

    click.echo(evidence_diff.diff(first, second, tree.find_root(root)))


@evidence.command()
@root_option
@click.option(
    "--days",
    type=click.IntRange(0, 36_500),
    default=90,
    show_default=True,
    help="Evidence that is older is old.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of Markdown.")
def drift(root: Path | None, days: int, as_json: bool) -> None:
    """What has moved since: image tags, model revisions, and evidence that has grown old.

    Exit status: 0 nothing; 1 something has; 3 neither registry nor hub answered.
    """
    from gb10docs.evidence import drift
    from gb10docs.pages import tree

    found = drift.look(tree.find_root(root), days=days)
    click.echo(drift.as_json(found) if as_json else drift.markdown(found))
    sys.exit(drift.status(found))


@evidence.command()
@root_option
def refresh(root: Path | None) -> None:
    """Pin images and models in compose/ to what their registry and hub have today.

    Exit status: 0 pinned; 3 neither registry nor hub answered.
    """
    from gb10docs.evidence import drift
    from gb10docs.pages import tree

    found = drift.refresh(tree.find_root(root))
    click.echo(drift.markdown(found))
    answered = drift.status(found) != drift.NOBODY_ANSWERED
    sys.exit(0 if answered else drift.NOBODY_ANSWERED)


WRONG_INPUT, CRASHED, INTERRUPTED, NOBODY_READS = 2, 70, 130, 141
"""Exit statuses that any command can have."""


def leave(status: int) -> NoReturn:
    """End at once, and while signals are still caught: what is imported and read needs no taking leave."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


_COMPLETE = "_GB10DOCS_COMPLETE"
"""The variable by which a shell asks for completions, as Click names it."""


def main() -> int:
    """The exit status of the program; a user's mistake is one line on standard error and status 2.

    A fault of ours is a traceback, masked like everything else, and status 70, which no command has for any other
    reason.
    """
    try:
        return _command()
    except GB10DocsError as error:
        _tell(f"gb10docs: {error}")
        return error.exit_code
    except ModuleNotFoundError as error:
        return _without(error)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  whatever it is, it is ours
        refusal = _refusal_of_stdout(error)
        if isinstance(refusal, BrokenPipeError):
            return NOBODY_READS
        if refusal:
            _tell(f"gb10docs: standard output cannot be written: {refusal.strerror}")
            return WRONG_INPUT
        if is_sick(error):
            _tell(f"gb10docs: this machine has run out of something: {error}")
            return WRONG_INPUT
        _report_fault()
        return CRASHED


def _command() -> int:
    """The exit status of the command that was asked for.

    Click's own `main` would end a command whose output nobody reads with 1, which means that a step failed.
    """
    try:
        status = _invoke()
    except click.ClickException as error:
        with contextlib.suppress(OSError):
            error.show()
        return error.exit_code
    sys.stdout.flush()
    return status


def _invoke() -> int:
    asked = os.environ.get(_COMPLETE)
    if asked:
        return shell_complete(app, {}, "gb10docs", _COMPLETE, asked)
    try:
        with app.make_context("gb10docs", sys.argv[1:]) as context:
            app.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def _without(error: ModuleNotFoundError) -> int:
    """What an extra would have brought is a sentence; anything else that is missing is a fault of ours."""
    from gb10docs.machine import extras

    if told := extras.lacking(error):
        _tell(f"gb10docs: {told}")
        return told.exit_code
    _report_fault()
    return CRASHED


def _refusal_of_stdout(error: Exception) -> OSError | None:
    """Why standard output takes nothing more, if that is what went wrong: what it refused once, it refuses again."""
    if not isinstance(error, OSError):
        return None
    try:
        sys.stdout.flush()
        os.write(1, b"\n")
    except OSError as again:
        return again
    return None


def _tell(text: str) -> None:
    """On standard error; that it is gone too changes no exit status."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _report_fault() -> None:
    """The traceback of what is being handled, without this machine's secrets and names."""
    import traceback

    from gb10docs.privacy.secrets import redactor

    told = redactor(os.environ).text(traceback.format_exc())
    _tell(
        f"{told}gb10docs: this is a fault of gb10docs itself, not of a page: please report it with the lines above; "
        "what was recorded before is kept"
    )
