"""One benchmark: who answers, then level after level, and a result whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import gb10docs
from gb10docs.bench import conditions, load
from gb10docs.bench.ceiling import Ceiling, other_model
from gb10docs.bench.ceiling import find as find_ceiling
from gb10docs.bench.client import Server, chat_body
from gb10docs.bench.identity import Identity, identify
from gb10docs.bench.load import Progress
from gb10docs.bench.metrics import Run
from gb10docs.bench.results import Result
from gb10docs.bench.stream import NoText
from gb10docs.bench.workload import Level, Workload, prompt
from gb10docs.engines import engine
from gb10docs.engines.engine import Engine
from gb10docs.machine import hardware

Watch = Callable[[Level, Progress], None]
"""Called when a level begins, warm-up over, with the progress that it will keep up to date."""

_PROBE_WORDS = 200
_PROBE_TOKENS = 16
"""An answer long enough to hold text behind the markup that some models open with."""


def measure(
    url: str,
    workload: Workload,
    *,
    engine: str = "",
    model: str = "",
    label: str = "",
    watch: Watch = lambda _level, _progress: None,
) -> Result:
    """Measure a server, level by level; an interrupt ends it with what is done until then.

    Args:
        url: The server, with or without `/v1`.
        workload: What is asked of it.
        engine: Which engine it is; asked of the server unless given.
        model: The served model's name; the first that the server lists unless given.
        label: What tables call the result; the engine unless given.
        watch: Shown each level as it begins.

    Raises:
        GB10DocsError: The server is not there, does not serve the model, or refuses the request.
    """
    session = _Session(url, workload, engine, model, label, watch)
    try:
        asyncio.run(session.measure())
    except KeyboardInterrupt:
        session.interrupted = True
    return session.result()


class _Session:
    """One benchmark under way: what is known so far is kept, so that an interrupt loses nothing."""

    def __init__(
        self, url: str, workload: Workload, engine: str, model: str, label: str, watch: Watch
    ) -> None:
        self.url, self.workload, self.engine, self.model = url, workload, engine, model
        self.label, self.watch = label, watch
        self.interrupted = False
        self.started = datetime.now(UTC)
        self.before = conditions.look()
        self.machine = hardware.look()
        self.identity = Identity(url, model)
        self.ceiling: Ceiling | None = None
        self.levels: list[tuple[Level, Progress]] = []

    async def measure(self) -> None:
        """Find out who answers, then measure each level."""
        async with Server(self.url) as server:
            self.identity = await identify(server, engine=self.engine, model=self.model)
            spoken = engine(self.identity.engine)
            prompt_tokens, stand_in = await self._probe(server, spoken)
            self.identity = replace(self.identity, stand_in=stand_in or other_model(self.identity))
            self.ceiling = find_ceiling(self.identity, self.machine)
            tokens_per_word = prompt_tokens / _PROBE_WORDS
            for level in self.workload.levels():
                await self._level(server, spoken, level, tokens_per_word)

    async def _probe(self, server: Server, spoken: Engine) -> tuple[int, str | None]:
        """One short request: how many tokens the server makes of our words, and what answers in its place.

        A model that reasons unseen may have shown nothing until then.
        """
        body = self._body(spoken, _PROBE_WORDS, 1.0, _PROBE_TOKENS)
        try:
            _, request = await server.ask(body)
        except NoText as silent:
            return silent.prompt_tokens, silent.stand_in
        return request.prompt_tokens, request.stand_in

    async def _level(self, server: Server, spoken: Engine, level: Level, tokens_per_word: float) -> None:
        tokens = level.context + self.workload.prompt_tokens

        def body() -> dict[str, object]:
            return self._body(spoken, tokens, tokens_per_word, self.workload.output_tokens)

        if level.warmup:
            await load.run(server, body, level.warmup, level.concurrency, Progress(level.warmup))
        progress = Progress(level.requests)
        self.levels.append((level, progress))
        self.watch(level, progress)
        await load.run(server, body, level.requests, level.concurrency, progress)

    def _body(
        self, spoken: Engine, tokens: int, tokens_per_word: float, output_tokens: int
    ) -> dict[str, object]:
        text = prompt(tokens, tokens_per_word)
        return chat_body(self.identity.model, text, output_tokens, self.workload.thinking, spoken)

    def result(self) -> Result:
        """What there is to keep."""
        return Result(
            label=self.label or self.identity.engine or self.identity.model,
            started=self.started.isoformat(timespec="seconds"),
            gb10docs=gb10docs.__version__,
            workload=self.workload,
            server=self.identity,
            machine=self.machine,
            quantization=self.ceiling.quantization if self.ceiling else "",
            kv_cache=self.ceiling.cache if self.ceiling else "",
            before=self.before,
            after=conditions.look(),
            runs=tuple(self._run(level, progress) for level, progress in self.levels if progress.outcomes),
            interrupted=self.interrupted,
        )

    def _run(self, level: Level, progress: Progress) -> Run:
        run = Run.of(level.concurrency, level.context, progress.outcomes, client_load=progress.client_load)
        return replace(run, mbu=self.ceiling.mbu(run)) if self.ceiling else run
