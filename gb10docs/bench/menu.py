"""Which server to measure, where none is named: what answers on the ports of the course."""

from __future__ import annotations

import asyncio
import sys

from gb10docs.bench.client import Server
from gb10docs.bench.dialects import DIALECTS, dialect
from gb10docs.errors import GB10DocsError

_HOST = "http://127.0.0.1"


class NothingToMeasureError(GB10DocsError):
    """Nothing answers, or more than one server does and nobody is there to choose."""


def choose(engine: str = "") -> tuple[str, str]:
    """Engine and address: of the engine that was named, of the only one that answers, or of the user's choice.

    Raises:
        GB10DocsError: The engine is not known, nothing answers, or there is a choice and no terminal.
    """
    if engine:
        return engine, f"{_HOST}:{dialect(engine).ports[0]}"
    found = asyncio.run(_answering())
    if not found:
        ports = ", ".join(f"{each.ports[0]} ({each.title})" for each in DIALECTS)
        raise NothingToMeasureError(
            f"no server answers on the course's ports: {ports}; start one, or give --url."
        )
    if len(found) == 1:
        return found[0][:2]
    if not sys.stdin.isatty():
        named = ", ".join(f"--engine {engine}" for engine, _, _ in found)
        raise NothingToMeasureError(
            f"{len(found)} servers answer, and there is no terminal to ask on; give {named}."
        )
    return _asked(found)


async def _answering() -> list[tuple[str, str, str]]:
    """Engine, address and first model of each server that answers."""
    found = await asyncio.gather(*(_look(each.engine, port) for each in DIALECTS for port in each.ports))
    return [each for each in found if each]


async def _look(engine: str, port: int) -> tuple[str, str, str] | None:
    async with Server(f"{_HOST}:{port}") as server:
        models = await server.models()
        return (engine, server.url, str(models[0]["id"])) if models else None


def _asked(found: list[tuple[str, str, str]]) -> tuple[str, str]:
    import click

    for place, (engine, url, model) in enumerate(found, start=1):
        click.echo(f"{place}  {dialect(engine).title:14} {model}  {url}", err=True)
    chosen: int = click.prompt("Measure which", type=click.IntRange(1, len(found)), default=1, err=True)
    return found[chosen - 1][:2]
