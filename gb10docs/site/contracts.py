"""The page on how the stand-in's answers compare with a real server's, made from what the tests compare."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gb10docs.site.tables import table
from gb10docs.standins import comparison
from gb10docs.standins.rules import contract_of

PAGE = "engines/contracts.md"
UNVERIFIED = "trtllm"
"""The engine that cannot be had here: all that is known of it was read."""
_LONGEST = 160
"""Characters of a value; the longer ones, lists of field names, are counted instead."""


def page() -> str:
    """The whole page."""
    data = comparison.data()
    asked = f"{len(data['requests'])} requests"
    compared = (
        (row["request"], row["what"], row["engine"], row["stand_in"], row["why"])
        for row in data["differences"]
    )
    return _TEXT.format(
        asked=asked,
        engine=data["engine"],
        date=data["date"],
        differences=table(("Request", "What differs", "vLLM", "Stand-in", "Why"), compared),
        requests="; ".join(row["name"] for row in data["requests"]),
        name=contract_of(UNVERIFIED)["name"],
        read=table(("Row", "Value", "Read in", "Note"), _read(contract_of(UNVERIFIED))),
    )


def _read(engine: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for name, row in engine["rules"].items():
        note = "; ".join(
            filter(None, [row["status"].removeprefix("from source, unverified"), row.get("note", "")])
        )
        yield f"`{name}`", _value(row["value"]), _source(engine["sources"][row["source"]]), note


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > _LONGEST:
        return f"{len(value)} entries"
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _source(source: dict[str, Any]) -> str:
    path, commit = source["path"], source["commit"]
    if not commit:
        return f"`{path}`"
    address = f"https://github.com/{source['repository']}/blob/{commit}/{path}"
    return f"[`{path.rpartition('/')[2]}`]({address}) at `{commit[:7]}`"


_TEXT = """---
title: Stand-in and real server
description: "The same requests to vLLM and to what stands in for it, and where the answers differ."
---

<!-- Made by `gb10docs site prepare` from standins/comparison.json and engines/contracts/: do not edit. -->

# Stand-in and real server

Where there is no GB10, a small model behind llama.cpp answers in place of a page's engine. A layer before it gives the
answers the form that the engine would give them. This page says how far that goes.

## vLLM, asked

`make test-engines` sends the same {asked} to the stand-in and to {engine}.
Last compared on {date}: the status, the content type, and which field holds what kind of value, in each part of a
stream too. The words are not compared: two programs round differently.

What differs is in this table, and a test fails if it holds too much or too little:

{differences}
??? note "The requests"

    {requests}. And streams that are broken off: each server is free for the next request.

A lesson's own container holds an older vLLM than the one that was asked. A row above may be another there.

## {name}, read

{name} comes in a container that needs an NVIDIA GPU, so no test here asks it. Each row was read in its source and is
unverified; the note says where the stand-in is meant to be stricter.

{read}"""
