"""The closed loop: so many requests open at once until all have been answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from time import perf_counter, process_time
from typing import Any

from gb10docs.bench.address import NoServer
from gb10docs.bench.client import Server
from gb10docs.bench.metrics import Failure, Request
from gb10docs.errors import GB10DocsError

Outcome = Request | Failure
Body = Callable[[], dict[str, Any]]
"""Makes the next request's body."""


@dataclass
class Progress:
    """How far a level is; kept up to date while it runs, and all that is left when it is interrupted."""

    wanted: int
    outcomes: list[Outcome] = field(default_factory=list)
    events: int = 0
    """Events that have arrived, in all streams: for the display only, an event is no token."""

    started: float = field(default_factory=perf_counter)
    started_cpu: float = field(default_factory=process_time)
    client_load: float | None = None
    """Share of one core that this program used for it; known at its end."""

    def heard(self, piece: bytes) -> None:
        """Count the events in what has just arrived."""
        self.events += piece.count(b"data:")


async def run(server: Server, body: Body, requests: int, concurrency: int, progress: Progress) -> None:
    """Send `requests` bodies, `concurrency` at a time; what comes of each goes to `progress`.

    A server that is no longer there fails what is left at once.
    """
    todo = iter(range(requests))
    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, requests)):
            group.create_task(_stream(server, body, todo, progress))
    progress.client_load = (process_time() - progress.started_cpu) / (perf_counter() - progress.started)
    left = requests - len(progress.outcomes)
    progress.outcomes += [Failure("not sent, since the server was gone")] * left


async def _stream(server: Server, body: Body, todo: Iterator[int], progress: Progress) -> None:
    for _ in todo:
        sent = perf_counter()
        try:
            t0, request = await server.ask(body(), progress.heard)
            progress.outcomes.append(replace(request, t0=t0 - progress.started))
        except GB10DocsError as error:
            progress.outcomes.append(Failure(str(error), t0=sent - progress.started))
            if isinstance(error, NoServer):
                return
