"""A chat server of the test's own: exact in time, strict about fields, and broken in whichever way a test wants."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "Qwen3-8B-NVFP4"

# Fields that vLLM and TensorRT-LLM both know. The latter refuses all others, in stream_options too
# (`extra="forbid"` in tensorrt_llm/serve/openai_protocol.py), and so does the server below.
KNOWN_FIELDS = {
    "model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "min_p",
    "reasoning_effort", "seed", "ignore_eos", "min_tokens", "stop", "stream", "stream_options", "chat_template_kwargs",
}  # fmt: skip
KNOWN_STREAM_OPTIONS = {"include_usage", "continuous_usage_stats"}


class Clock:
    """Time as the server tells it, which moves on only after the client has looked at it."""

    def __init__(self) -> None:
        self.now = 100.0
        self._reads = threading.Semaphore(0)

    def __call__(self) -> float:
        now = self.now
        self._reads.release()
        return now

    def wait_for_read(self) -> None:
        assert self._reads.acquire(timeout=30), "the client did not read the time"


@dataclass
class Behaviour:
    """How the server answers: seconds, tokens, and what it leaves out or gets wrong."""

    ttft: float = 0.5
    itl: float = 0.05
    tokens: int = 32
    per_chunk: int = 1
    role_at: float | None = None
    delta_key: str = "content"
    running_usage: bool = False
    usage: bool = True
    finish: bool = True
    stand_in: str | None = None
    status: int = 200
    error: str = ""
    events: list[str] | None = None
    cut: bool = False
    clock: Clock | None = None
    keep_alives: bool = False
    break_from: int | None = None
    die_at: int | None = None
    owner: str = "vllm"
    root: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    connections: int = 0
    server: ThreadingHTTPServer | None = None

    def script(self) -> Iterator[tuple[float, dict[str, Any]]]:
        """The events of one answer, each with its time after the request."""
        if self.role_at is not None:
            yield self.role_at, _event({"role": "assistant", "content": ""}, self._running(0))
        at = self.ttft
        for sent in range(0, self.tokens, self.per_chunk):
            at = self.ttft + sent * self.itl
            done = min(sent + self.per_chunk, self.tokens)
            yield at, _event({self.delta_key: "word "}, self._running(done))
        if self.finish:
            yield at, _event({}, self._running(self.tokens), finish_reason="length")
        yield at + 0.01, _event({"content": ""}, None)
        if self.usage:
            yield at + 0.02, {"choices": [], "usage": _usage(self.tokens)}

    def _running(self, tokens: int) -> dict[str, int] | None:
        return _usage(tokens) if self.running_usage else None


def _usage(tokens: int) -> dict[str, int]:
    return {"prompt_tokens": 64, "completion_tokens": tokens, "total_tokens": 64 + tokens}


def _event(
    delta: dict[str, str], usage: dict[str, int] | None, finish_reason: str | None = None
) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], "usage": usage}


class Handler(BaseHTTPRequestHandler):
    """An OpenAI-compatible server, as strict about fields as TensorRT-LLM, as exact as its clock."""

    protocol_version = "HTTP/1.1"
    behaviour: Behaviour

    def setup(self) -> None:
        super().setup()
        self.behaviour.connections += 1

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class calls it so)
        """Say nothing."""

    def do_GET(self) -> None:
        owner = self.behaviour.owner
        listed = [
            {"id": MODEL, "owned_by": owner, "root": self.behaviour.root, "max_model_len": 8192},
            {"id": "another", "owned_by": owner},
        ]
        answers = {"/v1/models": {"object": "list", "data": listed}, "/version": {"version": "0.23.0"}}
        if self.path in answers:
            self._json(200, answers[self.path])
        else:
            self._json(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        how = self.behaviour
        how.bodies.append(body)
        how.keys.add(self.headers["authorization"])
        if how.die_at is not None and len(how.bodies) >= how.die_at:
            assert how.server
            how.server.socket.close()
            self.close_connection = True
            return
        unknown = {*body} - KNOWN_FIELDS | {*body.get("stream_options", {})} - KNOWN_STREAM_OPTIONS
        if unknown:
            self._json(400, {"message": f"Extra inputs are not permitted: {sorted(unknown)}"})
        elif how.status != 200:
            self._json(how.status, {"error": {"message": how.error}})
        elif body["model"] != MODEL:
            self._json(404, {"error": {"message": "The model does not exist."}})
        else:
            self._stream(how)

    def _json(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, how: Behaviour) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        if how.stand_in:
            self.send_header("x-gb10docs-stand-in", how.stand_in)
        self.end_headers()
        if how.events is not None:
            for data in how.events:
                self._send(data)
        else:
            self._play(how)
        if how.cut or (how.break_from is not None and len(how.bodies) >= how.break_from):
            self.close_connection = True
            return
        self._chunk(b"")

    def _play(self, how: Behaviour) -> None:
        clock, sent = how.clock, time.perf_counter()
        if clock:
            clock.wait_for_read()
            sent = clock.now
        for at, event in how.script():
            if clock:
                clock.now = sent + at
            else:
                time.sleep(max(0.0, sent + at - time.perf_counter()))
            if how.keep_alives:
                self._chunk(b": still here\n\n")
                if clock:
                    clock.wait_for_read()
            self._send(json.dumps(event))
            if clock:
                clock.wait_for_read()
        self._send("[DONE]")
        if clock:
            clock.wait_for_read()

    def _send(self, data: str) -> None:
        self._chunk(f"data: {data}\n\n".encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    """One that says nothing of clients that went away, which may be long after the test that they were of."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serve(behaviour: Behaviour) -> Iterator[str]:
    handler = type("Bound", (Handler,), {"behaviour": behaviour})
    server = Server(("127.0.0.1", 0), handler)
    behaviour.server = server
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
