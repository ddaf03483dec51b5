"""The line of evidence under a snippet, as HTML: closed it is one sentence, open it is all that is recorded.

Everything that comes from a ledger is text here: escaped, less control characters, cut to a size.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from html import escape

from gb10docs.evidence.ledger import Engine, Run
from gb10docs.evidence.rows import Look, Row, Saying, date, lasted, outcome, say
from gb10docs.pages.excerpt import cut, in_lines
from gb10docs.pages.page import Step
from gb10docs.pages.printing import printable
from gb10docs.results.result import Check

LINES, COLUMNS, WORDS = 12, 400, 300
"""Most lines of output shown, characters of each, and characters of any other text."""
_DECEPTIVE = re.compile(r"[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\ud800-\udfff]")
"""Characters that reorder or hide what is around them, or are none."""

_NEVER = f'<tr data-look="{Look.NEVER.value}"><th scope="row">GB10</th><td colspan="3">not run yet</td></tr>'

Link = Callable[[str], str]
"""From a path below the site's root to an address relative to the page."""


def line(step: Step, rows: Sequence[Row], link: Link, repo_url: str = "") -> str:
    """The evidence of a step, best first."""
    runs = "".join(_run(row, step.name, repo_url) for row in rows)
    links = [_anchor(link(step.snippet.place), "This snippet as a file")]
    links += [_anchor(link(row.file), f"Ledger {row.name}.json") for row in rows]
    body = f'{_table(rows)}{runs}<p class="gb-evidence-links">{" · ".join(links)}</p>'
    return _details(say(rows), body)


def unknown(snippet: str) -> str:
    """What stands under a snippet where nobody can tell which page it is on."""
    text = f"No evidence known for {_text(snippet)}"
    return f'<p class="gb-evidence" data-look="never" data-search-exclude="">{text}</p>'


def _details(saying: Saying, body: str) -> str:
    return (
        f'<details class="gb-evidence"{_drawn(saying)} data-search-exclude="">'
        f"<summary>{_text(str(saying))}</summary>"
        f'<div class="gb-evidence-body">{body}</div></details>'
    )


def _drawn(what: Saying | Row) -> str:
    """The attributes that its mark and colour come from."""
    return f' data-look="{what.look.value}"' + (' data-stale=""' if what.stale else "")


def _table(rows: Sequence[Row]) -> str:
    """A row for each target that has a record, and one for a GB10 in any case."""
    if not rows:
        return ""
    there = any(row.ledger.target == "gb10" for row in rows)
    lines = ("" if there else _NEVER) + "".join(map(_cells, rows))
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Target", "Outcome", "When (UTC)", "Took"))
    return (
        '<table class="gb-evidence-targets"><caption>The last recorded run on each target</caption>'
        f"<tr>{heads}</tr>{lines}</table>"
    )


def _cells(row: Row) -> str:
    flavour = f" ({row.ledger.flavour})" if row.ledger.flavour else ""
    stale = f"; stale: {', '.join(row.stale)} changed since" if row.stale else ""
    return (
        f'<tr{_drawn(row)}><th scope="row">{_text(row.machine + flavour)}</th>'
        f"<td>{_text(outcome(row) + stale, 900)}</td>"
        f"<td>{date(row.record.started)}</td><td>{lasted(row)}</td></tr>"
    )


def _run(row: Row, step: str, repo_url: str) -> str:
    """What one record holds: why, output, checks and environment."""
    title = f"{row.machine}, {date(row.record.started)}"
    reason = f"<p>{_text(row.record.reason)}</p>" if row.record.reason else ""
    return (
        f'<div class="gb-evidence-run"{_drawn(row)}>'
        f'<p class="gb-evidence-title">{_text(title)}</p>'
        f"{reason}{_output(row, step, title)}{_facts(row, repo_url)}</div>"
    )


def _output(row: Row, step: str, title: str) -> str:
    """What it printed; a failure's errors first. What a small model said in place of another is folded."""
    record = row.record
    streams = [("Output", record.stdout), ("Errors", record.stderr)]
    if row.look is Look.FAILED:
        streams.reverse()
    name, text = next(((name, text) for name, text in streams if text.strip()), ("", ""))
    if not name:
        return ""
    shown = escape("\n".join(excerpt(text)))
    label = _text(f"{name} of step {step} on {title}")
    block = f'<pre class="gb-evidence-output" tabindex="0" role="group" aria-label="{label}">{shown}</pre>'
    if not any(stand_in.kind == "model" for stand_in in record.stand_ins):
        return block
    fold = "What the stand-in printed; a GB10 prints something else"
    return f'<details class="gb-evidence-fold"><summary>{fold}</summary>{block}</details>'


def excerpt(output: str) -> list[str]:
    """At most 12 lines, head and tail, as a terminal would show them, each cut to 400 characters."""
    return [_clean(line, COLUMNS) for line in in_lines(output, LINES)]


def _facts(row: Row, repo_url: str) -> str:
    """Checks and environment, a line each; text with line ends, since a site has thousands of these."""
    lines = [f"Check: {_check(check)}" for check in row.record.checks]
    lines += [
        f"Container: {_text(f'{one.service}: {one.image} {one.digest}, {one.state}')}"
        for one in row.record.containers
    ]
    if row.run:
        lines += [f"{name}: {value}" for name, value in _environment(row.run, repo_url) if value]
    text = "\n".join(lines)
    return f'<p class="gb-evidence-facts">{text}</p>' if lines else ""


def _check(check: Check) -> str:
    message = f" ({_text(check.message)})" if check.message else ""
    return f"{_text(check.name)} {'held' if check.held else 'did not hold'}{message}"


def _environment(run: Run, repo_url: str) -> Iterator[tuple[str, str]]:
    """Names and values, as HTML."""
    memory = f"{run.memory_bytes / 1e9:.0f} GB of memory"
    yield "Hardware", _text(", ".join(filter(None, [run.hardware, run.arch, memory])))
    yield "Driver", _text(run.driver)
    yield "Software", _text(f"{run.os}, Python {run.python}, gb10docs {run.gb10docs}")
    for engine in run.engines:
        yield "Engine", _text(_engine(engine))
    for model in run.models:
        yield "Model", _text(f"{model.name} {model.revision}")
    for name, version in run.packages.items():
        yield "Package", _text(f"{name} {version}")
    yield "Commit", _commit(run, repo_url)
    yield "Recorded by", _text(run.recorded_by)


def _engine(engine: Engine) -> str:
    return " ".join(filter(None, [engine.name, engine.version, engine.image, engine.digest]))


def _commit(run: Run, repo_url: str) -> str:
    if not run.docs_commit:
        return ""
    short = run.docs_commit[:12]
    known = repo_url.startswith("https://") and re.fullmatch(r"[0-9a-f]{7,64}", run.docs_commit)
    shown = _anchor(f"{repo_url.rstrip('/')}/commit/{run.docs_commit}", short) if known else _text(short)
    return shown + (", with changes that are in no commit" if run.dirty else "")


def _anchor(address: str, text: str) -> str:
    return f'<a href="{escape(address)}">{_text(text)}</a>'


def _text(value: str, size: int = WORDS) -> str:
    """Text from anywhere, safe within an element or a quoted attribute."""
    return escape(_clean(" ".join(value[: 4 * size].split()), size))


def _clean(text: str, size: int) -> str:
    """Text less what draws nothing or deceives, cut to a size."""
    cleaned = _DECEPTIVE.sub("", printable(text[: 4 * size + 4]))
    return f"{cleaned[:size]}…" if len(text) > 4 * size else cut(cleaned, size)
