"""The tables of pages: what each engine does and how fast it was, from the data that stand-ins and tests obey.

A page holds the place of a table between `<!-- table: formats -->` and `<!-- end of table -->`, and
`gb10docs site prepare` writes the table there. The API is read from `engines/contracts/`, formats and operations
from `data/engines.toml`, speeds from `data/published.toml` and, our own, `data/batches.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gb10docs.errors import did_you_mean
from gb10docs.models.roofline.catalog import bundled
from gb10docs.models.roofline.estimate import estimate
from gb10docs.models.roofline.formats import FORMATS
from gb10docs.models.roofline.machines import MACHINES
from gb10docs.models.roofline.published import Measurement, published
from gb10docs.models.roofline.shown import number
from gb10docs.models.roofline.tables import read
from gb10docs.pages.fences import BadPage
from gb10docs.site.tables import table
from gb10docs.standins import rules

MARK = "<!-- table: "
"""A table is written where a page has it."""
SEEN = "seen on"
_PLACE = re.compile(r"(<!-- table: ([\w. -]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_ASKED = (
    "top_k",
    "min_p",
    "chat_template_kwargs",
    "reasoning_effort",
    "response_format",
    "ignore_eos",
    "max_completion_tokens",
)
"""Fields whose fate differs between engines."""
_BY = {"vendor": "NVIDIA", "project": "the engine's project", "user": "an owner"}


def pages(root: Path) -> dict[str, str]:
    """The pages that hold tables, with these written anew, by path below `docs/`."""
    docs = root / "docs"
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(docs.rglob("*.md"))}
    return {
        path.relative_to(docs).as_posix(): filled(text, str(path))
        for path, text in texts.items()
        if MARK in text
    }


def filled(text: str, at: str = "") -> str:
    """A page with all of its tables written anew; `at` is its path, for messages."""

    def write(place: re.Match[str]) -> str:
        name, _, about = place[2].partition(" ")
        if name not in TABLES:
            raise BadPage(f"{at}: no table '{name}': {did_you_mean(name, TABLES)}")
        return f"{place[1]}\n{TABLES[name](about)}\n{place[3]}"

    return _PLACE.sub(write, text)


def engines() -> dict[str, dict[str, Any]]:
    """What `data/engines.toml` says of each engine."""
    found: dict[str, dict[str, Any]] = read("engines")["engine"]
    return found


def _overview(_: str) -> str:
    rows = [
        (f"[{said['title']}]({name}.md)", said["what"], said["chosen_for"])
        for name, said in engines().items()
    ]
    return table(("Engine", "What it is", "Chosen for"), rows)


def _compared(name: str) -> str:
    titles = [said["title"] for said in engines().values()]
    rows = [
        [row["title"], *(_cell(said[name][row["key"]]) for said in engines().values())]
        for row in read("engines")["row"]
        if row["table"] == name
    ]
    return table(("", *titles), rows)


def _cell(cell: Mapping[str, str]) -> str:
    return f"{cell['text']} ([source]({cell['source']}))" if cell["source"] else cell["text"]


def _api(_: str) -> str:
    columns = [_behaviour(_known(name)) for name in engines()]
    rows = [[asked, *(_marked(column[asked]) for column in columns)] for asked in columns[0]]
    return table(("", *(said["title"] for said in engines().values())), rows)


def _marked(answer: tuple[str, Mapping[str, Any]]) -> str:
    text, row = answer
    return f"{text} ✓" if row["status"].startswith(SEEN) else text


def _contract(name: str) -> str:
    rows = [
        (asked, text, row["status"], row["where"]) for asked, (text, row) in _behaviour(_known(name)).items()
    ]
    return table(("Asked", "Answer", "How we know", "Where"), rows)


def _known(name: str) -> dict[str, Any]:
    """The rows of an engine, each with a link; what is taken over from another engine says so, seen there or not."""
    described = rules.contract_of(name)
    own = {
        key: {**row, "where": _link(described["sources"][row["source"]])}
        for key, row in described["rules"].items()
    }
    if "like" not in described:
        return own
    other = rules.contract_of(described["like"])["name"]
    like = {
        key: {**row, "status": f"as {other}, unverified", "stricter": _is_stricter(row)}
        for key, row in _known(described["like"]).items()
    }
    return {**like, **own}


def _link(source: Mapping[str, str]) -> str:
    if "url" in source:
        return f"[documentation]({source['url']})"
    at = source.get("release") or source["commit"]
    name = source["path"].rstrip("/").rpartition("/")[2]
    address = f"https://github.com/{source['repository']}/blob/{at or 'main'}/{source['path']}"
    return f"[{name}]({address}), {at[:9] if at else 'commit not noted'}"


def _behaviour(known: Mapping[str, Any]) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """What an engine does with what a page may ask, each with the row that says so."""
    unknown, wrong, beyond = (
        known[name] for name in ("unknown_fields", "unknown_model", "answer_beyond_context")
    )
    fate = {"reject": "refused", "ignore": "ignored"}[unknown["value"]]
    return {
        "Says that it is ready": (f"`GET {known['health']['value']}`", known["health"]),
        **{
            f"`{name}`": ("taken" if name in known["chat_fields"]["value"] else fate, known["chat_fields"])
            for name in _ASKED
        },
        "A field that it does not know": (fate, unknown),
        "A model that it does not serve": (
            "not looked at" if _is_stricter(wrong) else str(wrong["value"]),
            wrong,
        ),
        "Thinking is switched off by": _quiet(known),
        "Thoughts arrive in": (f"`{known['thinking_in']['value']}`", known["thinking_in"]),
        "What a request leaves out": (_defaults(known), known["defaults"]),
        "An answer beyond the context": (
            "cut" if beyond["value"] == "cut" or _is_stricter(beyond) else "refused",
            beyond,
        ),
        "An error's text is in": (
            {"flat": "`message`", "nested": "`error.message`"}[known["error"]["value"]],
            known["error"],
        ),
    }


def _is_stricter(row: Mapping[str, Any]) -> bool:
    """Whether only the stand-in does what the row says; the engine does not."""
    return bool(row["status"] == "stricter than source" or row.get("stricter"))


def _quiet(known: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    fields, effort = known["chat_fields"], known["effort_none_stops_thinking"]
    switches = ["`enable_thinking`"] if "chat_template_kwargs" in fields["value"] else []
    if not effort["value"]:
        return ", ".join(switches), fields
    return ", ".join([*switches, "`reasoning_effort` none"]), effort


def _defaults(known: Mapping[str, Any]) -> str:
    values = known["defaults"]["value"]
    shown = [f"{name} {values[name] or 'off'}" for name in ("temperature", "top_p", "top_k", "min_p")]
    file = "the model's `generation_config.json`" if known["model_defaults"]["value"] else ""
    first = known["defaults"].get("before", file)
    return ", then ".join(filter(None, (first, ", ".join(shown))))


def _speeds(engine: str) -> str:
    """Published speeds, of one engine where its title is given."""
    found = [one for one in published() if one.engine.startswith(engine)]
    head = (
        "Engine",
        "Model, format",
        "Batch",
        "Context",
        "Draft",
        "tok/s",
        "Ceiling",
        "Share",
        "Measured by",
    )
    rows = [
        (
            one.engine,
            _stored(one),
            str(one.batch),
            _context(one),
            one.draft or "–",
            _tok_s(one),
            number(one.bound.ceiling_tok_s, 1) if one.bound else "–",
            _of_ceiling(one),
            _by(one),
        )
        for one in sorted(found, key=lambda one: (one.engine, one.model))
    ]
    return table(head, rows)


def _ceilings(models: str) -> str:
    """What bounds one user of one GB10 and how near others came, for models named in a row."""
    head = ("Model, format", "Context", "Read per token", "Ceiling", "Measured", "Share", "Measured by")
    rows = [
        (
            _stored(one),
            _context(one),
            f"{number(bound.bytes_per_token / 1e9, 2)} GB",
            f"{number(bound.ceiling_tok_s, 1)} tok/s",
            f"{_tok_s(one)} tok/s",
            _of_ceiling(one),
            f"{one.engine}, {_by(one)}",
        )
        for name in models.split()
        for one in published()
        if one.model == name and one.batch == 1 and (bound := one.bound) and bound.machine.name == "gb10"
    ]
    return table(head, rows)


def _two(_: str) -> str:
    """What a second machine was worth: each speed of two beside that of one, where the same people have one."""
    rows = [
        (
            f"{two.model}, {two.title}, {two.engine}",
            next((_tok_s(one) + _drafted(one) for one in _alone(two)), "–"),
            _tok_s(two) + _drafted(two),
            _by(two),
        )
        for two in published()
        if two.machine == "gb10-x2"
    ]
    return table(("Model, format, engine", "One, tok/s", "Two, tok/s", "Measured by"), rows)


def _alone(two: Measurement) -> list[Measurement]:
    """Speeds of one machine with the same model: by the same source, else with the same engine and draft."""
    same = [
        one
        for one in published()
        if one.machine == "gb10" and (one.model, one.format) == (two.model, two.format)
    ]
    told = [one for one in same if one.source == two.source]
    return told or [one for one in same if (one.engine, one.draft) == (two.engine, two.draft)]


def _drafted(one: Measurement) -> str:
    return f" ({one.draft})" if one.draft else ""


def _stored(one: Measurement) -> str:
    return f"{one.model}, {one.title}{' ×2' if one.machine == 'gb10-x2' else ''}"


def _context(one: Measurement) -> str:
    return number(one.context) if one.context else "short"


def _tok_s(one: Measurement) -> str:
    return f"{one.low:g} to {one.tok_s:g}" if one.low else f"{one.tok_s:g}"


def _of_ceiling(one: Measurement) -> str:
    return f"{number(100 * one.share)} %" if one.share else "–"


def _by(one: Measurement) -> str:
    return f"[{_BY[one.by]}, {one.date}]({one.source})" + (f"; {one.note}" if one.note else "")


def _measured(machine: str) -> str:
    """Speeds of our own on a machine, each with its share of what we compute."""
    said = read("batches")[machine]
    rows = []
    for name, speeds in said["tok_s"].items():
        model, _, form = name.partition(" ")
        cells = (
            f"{_share(tok_s, model, form, machine, batch, said['context'])} ({number(low, 1)}–{number(high, 1)})"
            for tok_s, (low, high), batch in zip(
                speeds, said["tok_s_range"][name], said["batches"], strict=True
            )
        )
        rows.append((f"{model}, {FORMATS[form].title}", *cells))
    return table(("Model, format", *(f"Batch {batch}" for batch in said["batches"])), rows)


def _share(tok_s: float, model: str, form: str, machine: str, batch: int, context: int) -> str:
    bound = estimate(bundled(model), FORMATS[form], MACHINES[machine], batch=batch, context=context)
    return f"{number(tok_s, 1)} tok/s, {number(100 * tok_s / bound.ceiling_tok_s)} %"


TABLES: dict[str, Callable[[str], str]] = {
    "overview": _overview,
    "formats": lambda _: _compared("formats"),
    "operations": lambda _: _compared("operations"),
    "api": _api,
    "contract": _contract,
    "speeds": _speeds,
    "ceilings": _ceilings,
    "two": _two,
    "measured": _measured,
}
