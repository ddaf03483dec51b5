"""The report as JUnit XML, as CI systems read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from gb10docs.pages.printing import printable
from gb10docs.results.result import Outcome, Report, StepResult
from gb10docs.results.verdict import short

_FORBIDDEN = re.compile("[\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 has no way to write (section 2.2), less the control characters: lone surrogates among it."""


def text(reports: Sequence[Report]) -> str:
    """One suite a page, one case a step."""
    suites = ElementTree.Element("testsuites", name="gb10docs")
    for report in reports:
        suites.append(_suite(report))
    ElementTree.indent(suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(suites, encoding="unicode")}\n'


def _suite(report: Report) -> ElementTree.Element:
    summary = report.summary
    suite = _element(
        None,
        "testsuite",
        name=report.lesson,
        tests=str(len(report.steps)),
        failures=str(summary.failed),
        errors="0",
        skipped=str(summary.skipped + summary.replaced),
        time=f"{(report.finished - report.started).total_seconds():.3f}",
        timestamp=report.started.isoformat(timespec="seconds"),
    )
    about = {"target": report.target, "hardware": report.machine.hardware, "gb10docs": report.gb10docs}
    _properties(suite, list(about.items()))
    for step in report.steps:
        _case(suite, report, step)
    return suite


def _case(suite: ElementTree.Element, report: Report, step: StepResult) -> None:
    case = _element(
        suite,
        "testcase",
        classname=report.lesson,
        name=short(step.id),
        file=step.page,
        line=str(step.line),
        time=f"{step.duration_s:.3f}",
    )
    if step.stand_ins:
        _properties(case, [("stand-in", str(stand_in)) for stand_in in step.stand_ins])
    if step.outcome is Outcome.FAILED:
        first = step.reason.partition("\n")[0]
        failure = _element(case, "failure", type="failed", message=first)
        failure.text = _legal(f"{step.page}:{step.line} (snippets/{step.snippet})\n{step.reason}")
    elif step.outcome is not Outcome.PASSED:
        _element(case, "skipped", type=step.outcome.value, message=f"{step.outcome.value}: {step.reason}")
    for name, output in (("system-out", step.stdout), ("system-err", step.stderr)):
        if output:
            _element(case, name).text = _legal(output)


def _properties(parent: ElementTree.Element, pairs: list[tuple[str, str]]) -> None:
    properties = _element(parent, "properties")
    for name, value in pairs:
        _element(properties, "property", name=name, value=value)


def _element(parent: ElementTree.Element | None, tag: str, **attributes: str) -> ElementTree.Element:
    legal = {name: _legal(value) for name, value in attributes.items()}
    if parent is None:
        return ElementTree.Element(tag, legal)
    return ElementTree.SubElement(parent, tag, legal)


def _legal(text: str) -> str:
    """Text less terminal control sequences and what XML forbids."""
    return text if text.isprintable() else _FORBIDDEN.sub("\ufffd", printable(text))
