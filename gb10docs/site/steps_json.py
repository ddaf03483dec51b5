"""The steps of a page as JSON: for programs that want the commands, what they need, and what came out."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gb10docs.engines.compose import read_service
from gb10docs.evidence.inputs import Pins
from gb10docs.evidence.ledger import Moment
from gb10docs.evidence.rows import Look, Row, outcome, rows_of, say
from gb10docs.pages.fences import fences, page_lines
from gb10docs.pages.need import Need
from gb10docs.pages.page import Page, Step
from gb10docs.pages.tree import with_foundations
from gb10docs.plan.plan import makers
from gb10docs.plan.targets.cpu import Cpu
from gb10docs.results.result import StandIn
from gb10docs.standins.catalog import HUB, HUBS

_TITLE = re.compile(r"""title=(?:"([^"]*)"|'([^']*)')""")
_TAB = re.compile(r'( *)===[!+]? ?"(.*)"')


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StepEvidence(_Row):
    """The record of a step on one target; the ledger holds all of it."""

    target: str = Field(description="As in `gb10`, `nvidia` or `cpu`.")
    flavour: str = Field(default="", description="The stand-in engine, where one took part.")
    look: Look = Field(description="Best first; only `real` is a pass on a GB10 with nothing standing in.")
    outcome: str = Field(description="What became of it, in words.")
    stale: list[str] = Field(default=[], description="What has changed since, in words.")
    stand_ins: list[StandIn] = Field(default=[], description="What stood in for what.")
    started: Moment = Field(description="When, in UTC.")
    duration_s: float = Field(description="Seconds.")
    hardware: str = Field(default="", description="The machine.")
    ledger: str = Field(description="Address of the ledger.")


class StepOnPage(_Row):
    """One snippet at its place on the page."""

    id: str = Field(description="As `gb10docs run --only` takes it.")
    title: str = Field(default="", description="What stands above it on the page.")
    tab: str = Field(default="", description="Label of the content tab; those of one group are alternatives.")
    language: Literal["bash", "python"] = Field(description="What runs it.")
    line: int = Field(description="Line on the page's source.")
    anchor: str = Field(description="Of the step on the built page.")
    command: str = Field(description="The text that is shown and run.")
    raw: str = Field(description="Address of the file with its header; `uv run` takes that of a Python file.")
    needs: list[str] = Field(default=[], description="What it needs.")
    makes: list[str] = Field(default=[], description="Models, commands and results for later steps.")
    serves: str = Field(default="", description="Compose folder and service.")
    stops: list[str] = Field(default=[], description="Servers that are down afterwards.")
    session: str = Field(default="main", description="The bash session that it runs in.")
    timeout_s: float = Field(description="Longest run, in seconds.")
    optional: bool = Field(default=False, description="Left out unless named.")
    stand_ins: list[StandIn] = Field(default=[], description="What stands in on target `cpu`.")
    says: str = Field(description="The best evidence, as the page says it.")
    evidence: list[StepEvidence] = Field(default=[], description="The last run on each target that has one.")


class PageSteps(_Row):
    """A page's steps in page order; addresses are relative to this file's own."""

    schema_: Literal["gb10docs.steps/1"] = Field(default="gb10docs.steps/1", alias="schema")
    page: str = Field(description="The page's source, below the repository's root.")
    name: str = Field(description="As `gb10docs run` takes it.")
    title: str = Field(description="The page's title.")
    after: list[str] = Field(default=[], description="Pages that it builds on.")
    markdown: str = Field(description="Address of the page as one Markdown text.")
    steps: list[StepOnPage] = Field(description="In page order.")


def steps_json(page: Page, pins: Pins) -> str:
    """A page's steps as JSON text.

    Raises:
        BadLedger: A ledger of the page cannot be read.
        BadPlan: The steps cannot work in this order.
    """
    rows = rows_of(page, pins)
    text = page.path.read_text(encoding="utf-8")
    lines = page_lines(text)
    shown = [lines[: fence.line] for fence in fences(text, page.path) if fence.runs]
    supplied = stand_ins(page, pins.root)
    told = PageSteps(
        page=page.relative,
        name=page.name,
        title=page.title,
        after=list(page.after),
        markdown=f"{page.path.stem}.txt",
        steps=[
            _step(step, above, supplied[step.key], rows[step.id])
            for step, above in zip(page.steps, shown, strict=True)
        ],
    )
    return told.model_dump_json(by_alias=True, indent=2) + "\n"


def stand_ins(page: Page, root: Path) -> dict[str, tuple[StandIn, ...]]:
    """What stands in on target `cpu`, by step key: for the step itself, or for one that it depends on."""
    pages = with_foundations([page], root)
    uses = makers(pages)
    found: dict[str, tuple[StandIn, ...]] = {}
    for step in (step for one in pages for step in one.steps):
        inherited = (one for ids in uses[step.key].values() for maker in ids for one in found[maker])
        found[step.key] = tuple(dict.fromkeys([*inherited, *_own_stand_ins(step, root)]))
    return found


def _own_stand_ins(step: Step, root: Path) -> Iterator[StandIn]:
    cpu, header = Cpu(frozenset()), step.snippet.header
    if Need("network", HUB) in header.needs and not header.serves:
        yield StandIn(kind="hub", name=HUBS[HUB], instead_of=HUB)
    for need in header.makes:
        model = cpu.model(need.value, step) if need.kind == "model" else None
        if model:
            yield model
    if header.serves:
        engine = cpu.engine(read_service(root, header.serves, f"{step.page}:{step.line}"))
        if isinstance(engine, StandIn):
            yield engine


def _step(step: Step, above: list[str], supplied: tuple[StandIn, ...], rows: list[Row]) -> StepOnPage:
    """One step; `above` is the page down to the opening line of its fence."""
    header = step.snippet.header
    here = posixpath.dirname(step.page.removeprefix("docs/")) or "."
    return StepOnPage(
        id=step.id,
        title=_title(above[-1]),
        tab=_tab(above) if step.in_tab else "",
        language=step.snippet.language,
        line=step.line,
        anchor=f"step-{step.name}",
        command=step.snippet.body,
        raw=posixpath.relpath(step.snippet.place, here),
        needs=[str(need) for need in header.needs],
        makes=[str(need) for need in header.makes],
        serves=header.serves,
        stops=list(header.stops),
        session=header.session,
        timeout_s=header.timeout,
        optional=header.optional,
        stand_ins=list(supplied),
        says=str(say(rows)),
        evidence=[_evidence(row, here) for row in rows],
    )


def _evidence(row: Row, here: str) -> StepEvidence:
    return StepEvidence(
        target=row.ledger.target,
        flavour=row.ledger.flavour,
        look=row.look,
        outcome=outcome(row),
        stale=list(row.stale),
        stand_ins=row.record.stand_ins,
        started=row.record.started,
        duration_s=row.record.duration_s,
        hardware=row.run.hardware if row.run else "",
        ledger=posixpath.relpath(row.file, here),
    )


def _title(opening: str) -> str:
    found = _TITLE.search(opening)
    return (found[1] or found[2] or "") if found else ""


def _tab(above: list[str]) -> str:
    """The label of the tab around the last line: the nearest that is indented less."""
    indent = len(above[-1]) - len(above[-1].lstrip(" "))
    labels = (_TAB.match(line) for line in reversed(above))
    return next((label[2] for label in labels if label and len(label[1]) < indent), "")
