"""What `gb10docs bench` itself costs, how true it is, and how it stands beside AIPerf; exits 1 when a limit is missed.

    python tests/bench/client.py [--aiperf PATH] [--rounds N]

The server is `streams.py`, in a process of its own on the other core. Each round measures with both tools, in turn.
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from gb10docs.bench.client import Server, chat_body
from gb10docs.bench.dialects import dialect
from gb10docs.bench.session import measure
from gb10docs.bench.workload import Workload

STREAMS = 256
CHUNKS_S = 20_000
LATE_MS = 50
AGREE = 0.03
HERE = Path(__file__).parent


@contextmanager
def server(*pace: float) -> Iterator[str]:
    """`streams.py` at a pace, on the last core."""
    command = [sys.executable, str(HERE / "streams.py"), "0", *map(str, pace)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert running.stdout
    os.sched_setaffinity(running.pid, {max(os.sched_getaffinity(0))})
    try:
        yield f"http://127.0.0.1:{running.stdout.readline().split()[1]}"
    finally:
        running.terminate()
        running.wait()
        running.stdout.close()


@dataclass
class Cost:
    """What it took a tool: processor seconds, and output tokens."""

    cpu_s: float
    tokens: int
    ttft_ms: float
    tpot_ms: float

    @property
    def us_a_token(self) -> float:
        return 1e6 * self.cpu_s / self.tokens


def capacity() -> bool:
    """256 streams on one core: events a second, and how late the client's clock saw them."""
    tokens = 400
    with server(tokens, 0.5, STREAMS / (CHUNKS_S * 1.1)) as url:
        events, wall = asyncio.run(_events(url, tokens))
    late = sorted(1000 * (at - json.loads(line)["sent"]) for at, line in events)
    pace = len(late) / wall
    middle, worst = late[len(late) // 2], late[int(0.99 * len(late))]
    print(
        f"capacity: {STREAMS} streams, {len(late)} events, {pace:,.0f} events/s (limit {CHUNKS_S:,}); "
        f"late: median {middle:.2f} ms, p99 {worst:.2f} ms (limit {LATE_MS})"
    )
    return pace >= CHUNKS_S and worst <= LATE_MS


async def _events(url: str, tokens: int) -> tuple[list[tuple[float, str]], float]:
    """Every event with the time at which the client had it, and the seconds between the first and the last."""
    pieces: list[list[tuple[float, bytes]]] = []

    async def one(chat: Server) -> None:
        mine: list[tuple[float, bytes]] = []
        pieces.append(mine)
        body = chat_body("mock", "hello", tokens, False, dialect("vllm"))
        await chat.ask(body, lambda piece: mine.append((perf_counter(), piece)))

    async with Server(url) as chat:
        await asyncio.gather(*(one(chat) for _ in range(STREAMS)))
    events = [
        (at, line.removeprefix("data: "))
        for mine in pieces
        for at, piece in mine
        for line in piece.decode().splitlines()
        if line.startswith("data: {")
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


def ours(url: str, streams: int, requests: int, tokens: int) -> Cost:
    """One run of ours in a process of its own, for its processor time."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        command = [sys.executable, "-m", "gb10docs", "bench", "--url", url, "--concurrency", str(streams),
                   "--requests", str(requests), "--output-tokens", str(tokens), "--warmup", "0",
                   "--store", f"{folder}/store", "--json", str(out)]  # fmt: skip
        cpu = _run(command)
        (run,) = json.loads(out.read_text())["runs"]
    return Cost(cpu, run["output_tokens"], run["ttft_ms"]["median"], run["tpot_ms"]["median"])


def aiperfs(program: str, url: str, streams: int, requests: int, tokens: int) -> Cost:
    """The same by AIPerf, with the server's own token counts."""
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "profile", "--url", url, "--endpoint-type", "chat", "--streaming", "--model", "mock",
                   "--tokenizer", str(tokenizer()), "--use-server-token-count", "--concurrency", str(streams),
                   "--request-count", str(requests), "--isl", "128", "--osl", str(tokens),
                   "--artifact-dir", folder, "--ui", "none"]  # fmt: skip
        cpu = _run(command)
        (found,) = Path(folder).rglob("profile_export_aiperf.json")
        told = json.loads(found.read_text())
    count = round(told["output_sequence_length"]["avg"] * told["request_count"]["avg"])
    return Cost(cpu, count, told["time_to_first_token"]["p50"], told["inter_token_latency"]["p50"])


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


def beside(program: str, rounds: int) -> bool:
    """Both tools against one live server, in turn: medians of TTFT and TPOT, and processor time a token."""
    streams, requests, tokens = 8, 64, 128
    size = (streams, requests, tokens)
    with server(tokens, 0.2, 0.02) as url:
        pairs = [(ours(url, *size), aiperfs(program, url, *size)) for _ in range(rounds)]
    ttft = median(a.ttft_ms / b.ttft_ms for a, b in pairs)
    tpot = median(a.tpot_ms / b.tpot_ms for a, b in pairs)
    cost = median(a.us_a_token / b.us_a_token for a, b in pairs)
    print(f"beside AIPerf: TTFT x {ttft:.3f}, TPOT x {tpot:.3f} (limit 1 ± {AGREE})")
    print(
        f"processor time a token x {cost:.2f} (limit 1), ours {median(a.us_a_token for a, _ in pairs):.0f} us"
    )
    return abs(ttft - 1) <= AGREE and abs(tpot - 1) <= AGREE and cost < 1


def main() -> int:
    """Everything, and the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--aiperf", help="the aiperf program; left out without it")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    good = [truth()]
    if asked.aiperf:
        good.append(beside(asked.aiperf, asked.rounds))
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    good.append(capacity())
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
