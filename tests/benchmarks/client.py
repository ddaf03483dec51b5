"""What `gb10docs bench` itself costs, how true it is, and how it stands beside AIPerf; exits 1 when a limit is missed.

    python tests/benchmarks/client.py [--aiperf PATH] [--rounds N]

The server is `streams.py`, in a process of its own. Each round measures with both tools, in turn. AIPerf is installed
into an environment of its own, kept in the user's cache folder; where it cannot be had, it is left out with a message.
The machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from platformdirs import user_cache_path
from tools import ToolError, environment

from gb10docs.bench.client import Server, chat_body
from gb10docs.bench.session import measure
from gb10docs.bench.sse import Arrival, lines
from gb10docs.bench.workload import Workload
from gb10docs.engines import engine as engine_called

STREAMS = 256
CHUNKS_S = 20_000
SPARE = 1.25
"""How much more the server sends, so that its own start and end do not count against the client."""

LATE_MS = 20
TRIALS = 3
"""Of the capacity, one of which has to do: others on the machine can only make it look smaller."""

AGREE = 0.03
AIPERF = ("aiperf==0.13.0",)
HERE = Path(__file__).parent
CORES = sorted(os.sched_getaffinity(0))


@contextmanager
def server(*pace: float) -> Iterator[str]:
    """`streams.py` at a pace, on the last core."""
    command = [sys.executable, str(HERE / "streams.py"), "0", *map(str, pace)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert running.stdout
    os.sched_setaffinity(running.pid, {CORES[-1]})
    try:
        yield f"http://127.0.0.1:{running.stdout.readline().split()[1]}"
    finally:
        running.terminate()
        running.wait()
        running.stdout.close()


@dataclass(frozen=True)
class Size:
    """What both tools are told: requests that count, at so many at once, of so many tokens."""

    requests: int
    streams: int = 8
    tokens: int = 128

    @property
    def warmup(self) -> int:
        """As many as are open at once, so that every connection is there before the first that counts."""
        return self.streams

    @property
    def all_tokens(self) -> int:
        """Warm-up included: a tool reads those too."""
        return (self.requests + self.warmup) * self.tokens


@dataclass(frozen=True)
class Cost:
    """What it took a tool, and what it measured."""

    cpu_s: float
    tokens: int
    ttft_ms: float
    tpot_ms: float

    def us_a_token(self, less: Cost | None = None) -> float:
        """Processor time a token, microseconds: start and imports included, or between a smaller size and this."""
        cpu_s, tokens = (less.cpu_s, less.tokens) if less else (0.0, 0)
        return 1e6 * (self.cpu_s - cpu_s) / (self.tokens - tokens)


def capacity() -> bool:
    """256 streams on one core: events a second, and how late the client's clock saw them by the server's."""
    tokens = 400
    os.sched_setaffinity(0, {CORES[0]})
    with server(tokens, 0.5, STREAMS / (CHUNKS_S * SPARE)) as url:
        before = process_time()
        events, wall = asyncio.run(_events(url, tokens))
        busy = (process_time() - before) / wall
    late = sorted(1000 * (at - sent) for at, sent in events)
    pace = len(late) / wall
    middle, worst = late[len(late) // 2], late[int(0.99 * len(late))]
    print(
        f"capacity: {STREAMS} streams, {len(late)} events, {pace:,.0f} events/s (limit {CHUNKS_S:,}); late: median "
        f"{middle:.2f} ms, p99 {worst:.2f} ms (limit {LATE_MS}); {busy:.0%} of one core"
    )
    return pace >= CHUNKS_S and worst <= LATE_MS


async def _events(url: str, tokens: int) -> tuple[list[tuple[float, float]], float]:
    """Of every event, when the client had it and when the server sent it; and the seconds that all of them took."""
    streams: list[list[Arrival]] = []

    async def one(chat: Server) -> None:
        mine: list[Arrival] = []
        streams.append(mine)
        body = chat_body("mock", "hello", tokens, False, engine_called("vllm"))
        await chat.ask(body, lambda piece: mine.append((perf_counter(), piece)))

    async with Server(url) as chat:
        await asyncio.gather(*(one(chat) for _ in range(STREAMS)))
    events = [
        (at, json.loads(line.removeprefix(b"data: "))["sent"])
        for mine in streams
        for at, line in lines(mine)
        if line.startswith(b"data: {")
    ]
    times = [at for at, _ in events]
    return events, max(times) - min(times)


def truth() -> bool:
    """TTFT 200 ms, 10 ms a token: each figure within 1 % or 1 ms."""
    with server(64, 0.2, 0.01) as url:
        (run,) = measure(url, Workload(requests=5, warmup=1, output_tokens=64)).runs
    assert run.ttft_ms
    assert run.tpot_ms
    assert run.e2e_ms
    told = {
        "TTFT": (run.ttft_ms.median, 200),
        "TPOT": (run.tpot_ms.median, 10),
        "E2E": (run.e2e_ms.median, 830),
    }
    good = True
    for name, (seen, true) in told.items():
        near = abs(seen - true) <= max(0.01 * true, 1)
        good &= near
        print(
            f"truth: {name} {seen:.2f} ms, true {true} ms: {'within' if near else 'NOT within'} 1 % or 1 ms"
        )
    return good


def ours(url: str, size: Size) -> Cost:
    """One run of ours in a process of its own, for its processor time."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        command = [sys.executable, "-m", "gb10docs", "bench", "--url", url, "--concurrency", str(size.streams),
                   "--requests", str(size.requests), "--output-tokens", str(size.tokens),
                   "--warmup", str(size.warmup), "--store", f"{folder}/store", "--json", str(out)]  # fmt: skip
        cpu = _run(command)
        (run,) = json.loads(out.read_text())["runs"]
    assert run["output_tokens"] == size.requests * size.tokens
    return Cost(cpu, size.all_tokens, run["ttft_ms"]["median"], run["tpot_ms"]["median"])


def aiperfs(program: Path, url: str, size: Size) -> Cost:
    """The same by AIPerf, with the server's own token counts."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(program), "profile", "--url", url, "--endpoint-type", "chat", "--streaming", "--model", "mock",
                   "--tokenizer", str(tokenizer()), "--use-server-token-count", "--concurrency", str(size.streams),
                   "--request-count", str(size.requests), "--warmup-request-count", str(size.warmup),
                   "--isl", "128", "--osl", str(size.tokens), "--artifact-dir", folder, "--ui", "none"]  # fmt: skip
        cpu = _run(command)
        told = json.loads((Path(folder) / "profile_export_aiperf.json").read_text())
    count = round(told["output_sequence_length"]["avg"] * told["request_count"]["avg"])
    assert count == size.requests * size.tokens
    return Cost(cpu, size.all_tokens, told["time_to_first_token"]["p50"], told["inter_token_latency"]["p50"])


def tokenizer() -> Path:
    """The folder of the small model, for AIPerf, which wants a tokenizer to make prompts; fetched if need be."""
    from gb10docs.standins import checkpoint, weights

    store = weights.default_store()
    return checkpoint.smollm2(weights.smollm2(store), store)


def _run(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def beside(program: Path, rounds: int) -> bool:
    """Both tools against one live server, in turn: medians of TTFT and TPOT, and processor time a token."""
    small, large = Size(16), Size(64)
    with server(large.tokens, 0.2, 0.02) as url:
        pairs = [
            (ours(url, small), ours(url, large), aiperfs(program, url, small), aiperfs(program, url, large))
            for _ in range(rounds)
        ]
    ttft = [a.ttft_ms / b.ttft_ms for _, a, _, b in pairs]
    tpot = [a.tpot_ms / b.tpot_ms for _, a, _, b in pairs]
    whole = [(a.us_a_token(), b.us_a_token()) for _, a, _, b in pairs]
    further = [(a.us_a_token(less_a), b.us_a_token(less_b)) for less_a, a, less_b, b in pairs]
    for name, ratios in (("TTFT", ttft), ("TPOT", tpot)):
        print(
            f"beside AIPerf: {name} x {median(ratios):.4f} ({min(ratios):.4f} to {max(ratios):.4f}; limit 1 ± {AGREE})"
        )
    print(
        f"ours: TTFT {_row(a.ttft_ms for _, a, _, _ in pairs)} ms; AIPerf: {_row(b.ttft_ms for *_, b in pairs)} ms"
    )
    for name, costs in (("whole run", whole), ("each further token", further)):
        mine, theirs = (median(each) for each in zip(*costs, strict=True))
        print(f"processor time a token, {name}: ours {mine:.0f} us, AIPerf {theirs:.0f} us (limit: less)")
    agree = abs(median(ttft) - 1) <= AGREE and abs(median(tpot) - 1) <= AGREE
    return agree and all(median(a for a, _ in each) < median(b for _, b in each) for each in (whole, further))


def _row(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def aiperf() -> Path | None:
    """The program in an environment of its own; None, with a message, where it cannot be had."""
    try:
        return environment("aiperf", AIPERF, user_cache_path("gb10docs") / "bench").with_name("aiperf")
    except ToolError as error:
        print(f"AIPerf left out: {error}")
        return None


def main() -> int:
    """Everything, and the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--aiperf", type=Path, help="an aiperf program; one is installed unless given")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    good = [truth()]
    if program := asked.aiperf or aiperf():
        good.append(beside(program, asked.rounds))
    good.append(any(capacity() for _ in range(TRIALS)))
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
