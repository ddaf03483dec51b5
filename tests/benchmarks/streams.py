"""A chat server with an exact clock that can feed hundreds of streams: what the benchmark's client is measured on.

`python streams.py PORT TOKENS TTFT ITL [PER_CHUNK]`, seconds. Every event holds the reading of the monotonic clock at
which it was sent. `TTFT` counts from the request's last byte.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import cache
from time import perf_counter
from typing import NamedTuple

MODEL = "mock"
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Pace(NamedTuple):
    """How an answer comes: tokens, seconds to the first, seconds between tokens, tokens an event."""

    tokens: int
    ttft: float
    itl: float
    per_chunk: int = 1


class Connection(asyncio.Protocol):
    """One kept-alive connection; a request is whole when its announced length has come."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.received = b""
        self.answers: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        for answer in self.answers:
            answer.cancel()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, split, body = self.received.partition(b"\r\n\r\n")
        if not split or len(body) < _length(head):
            return
        self.received = b""
        if head.startswith(b"GET"):
            self._answer(head)
            return
        task = asyncio.get_running_loop().create_task(self._stream(perf_counter()))
        self.answers.add(task)
        task.add_done_callback(self.answers.discard)

    def _answer(self, head: bytes) -> None:
        found = b"/v1/models" in head
        body = json.dumps(
            {"object": "list", "data": [{"id": MODEL, "owned_by": "vllm"}]} if found else {}
        ).encode()
        status = b"200 OK" if found else b"404 Not Found"
        self.transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (status, len(body), body)
        )

    async def _stream(self, start: float) -> None:
        tokens, ttft, itl, per_chunk = self.pace
        self.transport.write(_HEAD)
        for sent in range(0, tokens, per_chunk):
            await _until(start + ttft + sent * itl)
            done = min(sent + per_chunk, tokens)
            self._send(done, "length" if done == tokens else None)
        self.transport.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")

    def _send(self, done: int, finish_reason: str | None) -> None:
        data = _event(done, finish_reason) % perf_counter()
        self.transport.write(b"%x\r\n%b\r\n" % (len(data), data))


@cache
def _event(done: int, finish_reason: str | None) -> bytes:
    """An event but for its time: made once, so that the server is faster than any client."""
    usage = {"prompt_tokens": 128, "completion_tokens": done, "total_tokens": 128 + done}
    choice = {"index": 0, "delta": {"content": " word"}, "finish_reason": finish_reason}
    event = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
             "choices": [choice], "usage": usage}  # fmt: skip
    return b'data: %b, "sent": %%.6f}\n\n' % json.dumps(event).encode().removesuffix(b"}")


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def _until(moment: float) -> None:
    """Sleep to within a millisecond, then give way to others until the moment has come."""
    if (left := moment - perf_counter() - 0.001) > 0:
        await asyncio.sleep(left)
    while perf_counter() < moment:
        await asyncio.sleep(0)


async def serve(port: int, pace: Pace) -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(pace), "127.0.0.1", port, backlog=1024)
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    port, tokens, ttft, itl, *per_chunk = sys.argv[1:]
    asyncio.run(serve(int(port), Pace(int(tokens), float(ttft), float(itl), *map(int, per_chunk))))
