"""`gb10docs fit`: arguments in, estimate out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gb10docs.errors import GB10DocsError, did_you_mean

if TYPE_CHECKING:
    from gb10docs.models.roofline import Estimate, Format, Model


Row = TypeVar("Row")
ASSUMED = (
    "It is not quantized: NVFP4 is what it would have after a lesson of this course. "
    "--format bf16 counts it as it is."
)
WIDTH = 100
"""Width of the text in characters; addresses are not cut."""


@click.command()
@click.argument(
    "model",
    help="A model (Qwen3-8B), a repository on the hub (Qwen/Qwen3-4B), or a checkpoint's folder.",
)
@click.option(
    "--format",
    "format_name",
    default="",
    metavar="FORMAT",
    help="How the weights are stored: nvfp4, nvfp4-w4a16, fp8, bf16, mxfp4, mxfp8, int4, int8, nf4, "
    "mxfp4-experts, mxfp4-lm-head, q8-0 or mxfp4-gguf; the checkpoint's own unless given, and nvfp4 for one that is "
    "not quantized.",
)
@click.option(
    "--context",
    default="4k",
    show_default=True,
    metavar="TOKENS",
    help="Tokens of each sequence, such as 4096 or 32k.",
)
@click.option(
    "--batch",
    type=click.IntRange(min=1, max=4096),
    default=1,
    show_default=True,
    help="Sequences at a time.",
)
@click.option(
    "--machine",
    default="gb10",
    show_default=True,
    metavar="MACHINE",
    help="gb10, gb10-64gb, gb10-x2, rtx-5090 or h200.",
)
@click.option(
    "--cache",
    default="",
    metavar="FORMAT",
    help="Format of the KV cache: bf16 or fp8; what the checkpoint declares unless given, and bf16 where it does not.",
)
@click.option(
    "--json", "json_file", default="", metavar="FILE", help="Write the estimate as JSON; - for here."
)
def fit(
    model: str, format_name: str, context: str, batch: int, machine: str, cache: str, json_file: str
) -> None:
    """Say whether a model fits a machine, and how fast it can be there at most.

    The weights are counted from the configuration, and in the checkpoint's own quantization: as its tensors are where
    they are here, else as it declares. Exit status: 0; 2 if the model or its quantization is not known, which
    --format then has to name.
    """
    from gb10docs.models import roofline

    found = roofline.find(model)
    number_format = _format(found, format_name)
    cache = _cache(found, cache)
    if found.assumed and not format_name:
        found = replace(found, notes=(*found.notes, ASSUMED))
    made = roofline.estimate(
        found,
        number_format,
        _choice(machine, roofline.MACHINES, "machine"),
        batch=batch,
        context=tokens(context),
        cache=cache,
    )
    _tell(made, json_file)


def tokens(text: str) -> int:
    """A number of tokens: `4096`, or `32k`, which is 32 times 1,024.

    Raises:
        GB10DocsError: It is written otherwise, or is more than a billion.
    """
    number, kilo = (text[:-1], 1024) if text[-1:] in {"k", "K"} else (text, 1)
    value = int(number) * kilo if number.isascii() and number.isdigit() and len(number) < 10 else -1
    if not 0 <= value <= 10**9:
        raise GB10DocsError(f"'{text}' is no context: write it as 4096 or 32k (1k is 1,024 tokens)")
    return value


def table(made: Estimate) -> str:
    """The estimate as aligned text, with what it assumes and where its figures come from."""
    from gb10docs.models.roofline.shown import assumptions, number, shown, sources

    told = shown(made)
    routed = f"; {told['experts']} experts a layer" if told["experts"] else ""
    groups: dict[str, list[tuple[str, str, str]]] = {
        "Memory, estimated": [
            ("weights", told["weights"], ""),
            ("KV cache", told["cache"], told["cache_per_token"]),
            ("overhead", told["overhead"], ""),
            ("needed", told["needed"], f"of {told['memory']}: {made.verdict}"),
        ],
        "Decode: writing": [
            ("read a step", told["read"], f"{told['read_per_token']} a token{routed}"),
            ("ceiling", told["ceiling"], f"{told['ceiling_each']} each; {made.limit} is the limit"),
            *([("expected", told["expected"], "60 to 85 %")] if told["expected"] else []),
        ],
    }
    if made.context:
        prompt = f"{told['prefill_time']} for {number(made.context)} tokens, at best"
        groups["Prefill: reading a prompt"] = [("ceiling", told["prefill"], prompt)]
    rows = [row for group in groups.values() for row in group]
    wide, wider = (max(len(row[column]) for row in rows) for column in (0, 1))
    what = f"{made.model.name}, {made.format.title}, on {made.machine.title}"
    lines = [f"{what}: {made.batch} × {number(made.context)} tokens, {made.cache.upper()} cache"]
    for title, group in groups.items():
        lines += ["", title]
        for name, value, more in group:
            lines.append(f"  {name.ljust(wide)}  {value.rjust(wider)}  {more}".rstrip())
    lines += ["", "Assumed"]
    for line in assumptions(made):
        lines += wrap(line, WIDTH, initial_indent="  ", subsequent_indent="    ")
    lines += ["", "Sources", *(f"  {of}: {source}" for of, source in sources(made).items())]
    return "\n".join(lines)


def as_json(made: Estimate) -> dict[str, Any]:
    """The estimate as JSON: bytes, seconds and tokens a second, not rounded."""
    from gb10docs.models.roofline.estimate import NO_ROOM
    from gb10docs.models.roofline.shown import assumptions, sources

    return {
        "model": made.model.name,
        "format": made.format.name or made.format.title,
        "machine": made.machine.name,
        "batch": made.batch,
        "context_tokens": made.context,
        "cache": made.cache,
        "weight_bytes": made.weight_bytes,
        "cache_bytes": made.cache_bytes,
        "cache_bytes_per_token": made.cache_bytes_per_token,
        "overhead_bytes": made.overhead_bytes,
        "needed_bytes": made.needed_bytes,
        "memory_bytes": made.machine.memory_bytes,
        "verdict": made.verdict,
        "bytes_per_step": made.bytes_per_step,
        "bytes_per_token": made.bytes_per_token,
        "experts_touched": made.experts_touched,
        "ceiling_tok_s": made.ceiling_tok_s,
        "ceiling_each_tok_s": made.ceiling_each_tok_s,
        "limit": made.limit,
        "expected_tok_s": list(made.expected_tok_s) if made.verdict != NO_ROOM else None,
        "prefill_ceiling_tok_s": made.prefill_tok_s,
        "prefill_least_s": made.prefill_s,
        "assumptions": assumptions(made),
        "sources": sources(made),
    }


def _format(found: Model, asked: str) -> Format:
    """The format that was asked for, else the checkpoint's own."""
    from gb10docs.models import roofline

    if not asked and found.refusal:
        raise GB10DocsError(f"{found.source}: {found.refusal}")
    chosen = (
        found.own if not asked and found.own else _choice(asked or found.format, roofline.FORMATS, "format")
    )
    if not chosen.suits(found.experts):
        raise GB10DocsError(
            f"the format '{chosen.name}' is for models with experts, and {found.name} has none: "
            "choose another, such as nvfp4"
        )
    return chosen


def _cache(found: Model, asked: str) -> str:
    """The cache's format that was asked for, else the one that the checkpoint declares."""
    from gb10docs.models import roofline

    if not asked and found.cache not in roofline.CACHES:
        known = " or ".join(roofline.CACHES)
        raise GB10DocsError(
            f"{found.source}: it declares a KV cache in '{found.cache}', whose bytes gb10docs does not know: "
            f"choose {known} with --cache"
        )
    cache = asked or found.cache
    if cache not in roofline.CACHES:
        raise GB10DocsError(f"no cache format '{cache}': {did_you_mean(cache, roofline.CACHES)}")
    return cache


def _choice(name: str, known: Mapping[str, Row], noun: str) -> Row:
    if name not in known:
        raise GB10DocsError(f"no {noun} '{name}': {did_you_mean(name, known)}")
    return known[name]


def _tell(made: Estimate, json_file: str) -> None:
    import json

    from gb10docs.atomic import write_text

    if json_file == "-":
        click.echo(json.dumps(as_json(made), indent=2))
        return
    click.echo(table(made))
    if json_file:
        write_text(Path(json_file), json.dumps(as_json(made), indent=2) + "\n")
