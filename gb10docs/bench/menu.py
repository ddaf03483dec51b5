"""Which server to measure, where none is named: what answers on the ports of the course."""

from __future__ import annotations

import asyncio
import sys

from gb10docs.bench import CannotMeasure
from gb10docs.bench.address import NoServer
from gb10docs.bench.client import NoModel, Server
from gb10docs.bench.identity import Identity, identify
from gb10docs.engines import ENGINES
from gb10docs.engines import engine as engine_called

_HOST = "http://127.0.0.1"


def choose(engine: str = "") -> str:
    """The address of the engine that was named, of the only server that answers, or of the user's choice.

    Raises:
        GB10DocsError: The engine is not known, nothing answers, or there is a choice and no terminal.
    """
    if engine:
        return f"{_HOST}:{engine_called(engine).ports[0]}"
    found = asyncio.run(_answering())
    if not found:
        ports = ", ".join(f"{port} ({title})" for port, title in _ports().items())
        raise CannotMeasure(f"no server answers on the course's ports: {ports}; start one, or give --url.")
    if len(found) == 1:
        return found[0].url
    if not sys.stdin.isatty():
        raise CannotMeasure(
            f"{len(found)} servers answer, and there is no terminal to ask on; give one of: "
            f"{', '.join(f'--url {each.url}' for each in found)}."
        )
    return _asked(found)


def _ports() -> dict[int, str]:
    """The engine that the course's pages have at each port."""
    return {port: each.title for each in ENGINES.values() for port in each.ports}


async def _answering() -> list[Identity]:
    found = await asyncio.gather(*(_look(port) for port in _ports()))
    return [each for each in found if each.model]


async def _look(port: int) -> Identity:
    async with Server(f"{_HOST}:{port}") as server:
        try:
            return await identify(server)
        except (NoServer, NoModel):
            return Identity(server.url, "")


def _asked(found: list[Identity]) -> str:
    import click

    for place, each in enumerate(found, start=1):
        click.echo(f"{place}  {engine_called(each.engine).title:26}  {each.model:24}  {each.url}", err=True)
    chosen: int = click.prompt("Measure which", type=click.IntRange(1, len(found)), default=1, err=True)
    return found[chosen - 1].url
