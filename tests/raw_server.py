"""A chat server that sends bytes as a test wrote them: what a real one, a proxy or a hostile one might send."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

MODEL = "toy-model"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
MODELS = {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "somebody"}]}

Piece = bytes | float
"""Bytes to send, or seconds to wait."""


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One event of a chat completion."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "model": MODEL, "choices": [choice], **more}


def counted(output: Any = 8, prompt: Any = 100, **more: Any) -> dict[str, Any]:
    """The event with the counts."""
    return {"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": output, **more}}


def sse(event: object, name: str = "data: ", end: str = "\n\n") -> bytes:
    """An event as it is sent."""
    said = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
    return f"{name}{said}{end}".encode()


ROLE = chunk({"role": "assistant", "content": ""})
WORDS = [chunk({"content": f"w{place} "}) for place in range(8)]
END = chunk({}, "length")
DONE = "[DONE]"


def answer(*events: object) -> list[Piece]:
    """A whole answer: head and events, with pauses where numbers are."""
    return [HEAD, *(event if isinstance(event, float) else sse(event) for event in events)]


def json_answer(body: object, status: str = "200 OK", kind: str = "application/json") -> list[Piece]:
    """A whole answer with a body that is no stream."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\nconnection: close\r\n\r\n"
    return [head.encode() + data]


def chunked(*events: object) -> list[Piece]:
    """The same as `answer`, in chunks, after which the connection may be kept."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    pieces = [sse(event) for event in events]
    return [head, *(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces), b"0\r\n\r\n"]


Answer = Sequence[Piece] | Callable[[socket.socket], None]


@dataclass
class Heard:
    """What reached the server."""

    url: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """Of each, its first line, its head and its body."""

    connections: int = 0

    @property
    def posts(self) -> list[dict[str, Any]]:
        """Bodies of the requests for an answer."""
        return [json.loads(body) for line, _, body in self.requests if line.startswith("POST")]


@contextmanager
def play(*answers: Answer, models: Answer | None = None, keep: bool = False) -> Iterator[Heard]:
    """Give these answers to requests for one, in turn, the last again and again; close after each, or keep."""
    heard = Heard()
    listed = json_answer(MODELS) if models is None else models
    given = iter(answers)
    last: list[Answer] = []

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as file:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while line := file.readline().decode().strip():
                head = "".join(iter(lambda: file.readline().decode().rstrip("\r\n") + "\n", "\n"))
                length = next(
                    (int(h.partition(":")[2]) for h in head.lower().split("\n") if "content-length" in h), 0
                )
                heard.requests.append((line, head, file.read(length).decode()))
                if line.startswith("POST"):
                    last[:] = [next(given, last[0] if last else [])]
                    _send(connection, last[0])
                elif line.startswith("GET /v1/models "):
                    _send(connection, listed)
                else:
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                    continue
                if not keep:
                    return

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                heard.connections += 1
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        heard.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=accept, args=(listener,))
        thread.start()
        try:
            yield heard
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _send(connection: socket.socket, answer: Answer) -> None:
    if callable(answer):
        answer(connection)
        return
    for piece in answer:
        if isinstance(piece, bytes):
            connection.sendall(piece)
        else:
            time.sleep(piece)
