"""`gb10docs.bench` against a server whose clock is the test's own: exact figures, and nothing to flake."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gb10docs import bench
from gb10docs.bench import client
from gb10docs.bench.cli import app
from gb10docs.bench.metrics import METRICS, Request, Result, Summary
from gb10docs.errors import GB10DocsError

MODEL = "Qwen3-8B-NVFP4"

# Fields that vLLM and TensorRT-LLM both know. The latter refuses all others, in stream_options too
# (`extra="forbid"` in tensorrt_llm/serve/openai_protocol.py), and so does the server below.
KNOWN_FIELDS = {
    "model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "min_p",
    "seed", "ignore_eos", "min_tokens", "stop", "stream", "stream_options", "chat_template_kwargs",
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
    bodies: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0

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
        self._json(200, {"object": "list", "data": [{"id": MODEL}, {"id": "another"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        how = self.behaviour
        how.bodies.append(body)
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
        if how.cut:
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


@contextmanager
def serve(behaviour: Behaviour) -> Iterator[str]:
    handler = type("Bound", (Handler,), {"behaviour": behaviour})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


Measure = Callable[..., Result]


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Measure a behaviour with the server's own clock: what comes out is arithmetic."""

    def measure(behaviour: Behaviour, **options: Any) -> Result:
        behaviour.clock = Clock()
        monkeypatch.setattr(client, "perf_counter", behaviour.clock)
        with serve(behaviour) as url:
            return bench.measure(url, MODEL, **{"requests": 1, "warmup": 0, "max_tokens": 32, **options})

    return measure


def refusal(behaviour: Behaviour, model: str = MODEL) -> GB10DocsError:
    """The error that a behaviour leads to."""
    with serve(behaviour) as url, pytest.raises(client.BenchError) as caught:
        bench.measure(url, model, requests=1, warmup=0, max_tokens=32)
    assert str(caught.value).startswith(url)
    return caught.value


def figures(result: Result) -> Any:
    """TTFT, TPOT and decode speed of a result's only request."""
    (request,) = result.requests
    return request.ttft_s, request.tpot_s, request.decode_tok_s


# TTFT 500 ms, 50 ms a token, 32 tokens: 20 tok/s, whatever the events look like.
TRUTH = (pytest.approx(0.5), pytest.approx(0.05), pytest.approx(20))


def test_a_token_an_event(exact: Measure) -> None:
    result = exact(Behaviour())
    assert figures(result) == TRUTH
    (request,) = result.requests
    assert (request.prompt_tokens, request.output_tokens, request.finish_reason) == (64, 32, "length")
    assert request.e2e_s == pytest.approx(0.5 + 31 * 0.05)
    assert request.prefill_tok_s == pytest.approx(128)


def test_an_opening_event_with_only_a_role_is_no_first_token(exact: Measure) -> None:
    assert figures(exact(Behaviour(role_at=0.1))) == TRUTH


def test_several_tokens_an_event_with_running_usage(exact: Measure) -> None:
    result = exact(Behaviour(per_chunk=4, running_usage=True, role_at=0.1))
    assert figures(result) == TRUTH
    assert result.requests[0].first_chunk_tokens == 4


def test_several_tokens_an_event_without_running_usage_keep_the_known_bias(exact: Measure) -> None:
    ttft, tpot, _ = figures(exact(Behaviour(per_chunk=4)))
    assert ttft == pytest.approx(0.5)
    assert tpot == pytest.approx(0.05 * 28 / 31)


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
def test_reasoning_is_output(exact: Measure, key: str) -> None:
    assert figures(exact(Behaviour(delta_key=key, role_at=0.1))) == TRUTH


def test_one_token_has_no_tpot(exact: Measure) -> None:
    result = exact(Behaviour(tokens=1))
    assert figures(result) == (pytest.approx(0.5), None, None)
    assert result.summary("tpot_s") is None
    assert "–" in bench.report.render([result])


def test_warm_ups_do_not_count_and_every_prompt_differs_from_its_start(exact: Measure) -> None:
    behaviour = Behaviour(tokens=2)
    seen: list[Request] = []
    result = exact(behaviour, requests=3, warmup=2, seen=seen.append)
    assert (len(result.requests), len(seen), len(behaviour.bodies)) == (3, 5, 5)
    assert tuple(seen[2:]) == result.requests
    starts = {body["messages"][0]["content"][:16] for body in behaviour.bodies}
    assert len(starts) == 5
    assert behaviour.connections == 1


def test_the_request_has_thinking_off_and_asks_for_usage(exact: Measure) -> None:
    behaviour = Behaviour(tokens=2)
    exact(behaviour, max_tokens=77)
    (body,) = behaviour.bodies
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert body["stream_options"]["include_usage"] is True
    assert body["max_tokens"] == 77


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_the_address_may_end_in_v1(suffix: str) -> None:
    with serve(Behaviour(ttft=0, itl=0, tokens=2)) as url:
        assert bench.measure(url + suffix, MODEL, requests=1, warmup=0, max_tokens=2).url == url


def test_on_a_real_clock_nothing_comes_early() -> None:
    behaviour = Behaviour(ttft=0.05, itl=0.01, tokens=11, role_at=0.0)
    before = time.perf_counter()
    with serve(behaviour) as url:
        result = bench.measure(url, MODEL, requests=2, warmup=1, max_tokens=11)
    took = time.perf_counter() - before
    for request in result.requests:
        assert 0.05 <= request.ttft_s < request.e2e_s < took
        assert request.e2e_s >= 0.15
        assert request.tpot_s == pytest.approx((request.e2e_s - request.ttft_s) / 10)


def test_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with pytest.raises(client.NoServerError, match=f"no server answers at http://127.0.0.1:{port}"):
        bench.measure(f"http://127.0.0.1:{port}", MODEL)


@pytest.mark.parametrize("url", ["127.0.0.1:8001", "http://127.0.0.1:x", "ftp://127.0.0.1"])
def test_no_address(url: str) -> None:
    with pytest.raises(client.NoServerError, match="is no address"):
        bench.measure(url, MODEL)


def test_an_unknown_model_is_told_with_those_there_are() -> None:
    error = refusal(Behaviour(), model="Qwen3-8B")
    assert isinstance(error, client.UnknownModelError)
    assert f"does not serve 'Qwen3-8B'; it serves {MODEL}, another" in str(error)


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_refusal_keeps_the_servers_words(status: int) -> None:
    error = refusal(Behaviour(status=status, error="max_tokens is\n too large"))
    assert isinstance(error, client.RefusedError)
    assert f"answered {status}: max_tokens is too large" in str(error)


BROKEN = {
    "no finish": (Behaviour(itl=0, ttft=0, finish=False), "without a finish reason"),
    "no usage": (Behaviour(itl=0, ttft=0, usage=False), "no `usage`"),
    "no text": (Behaviour(ttft=0, tokens=0), "no text"),
    "no JSON": (Behaviour(events=["{nonsense"]), "no JSON: '{nonsense'"),
    "no object": (Behaviour(events=["[1]"]), "no JSON object"),
    "other shape": (Behaviour(events=['{"choices": ["x"]}']), "does not answer as a chat completion"),
    "error inside": (Behaviour(events=['{"error": {"message": "out of memory"}}']), "out of memory"),
    "cut off": (Behaviour(ttft=0, itl=0, cut=True), "broke off its answer"),
    "empty": (Behaviour(events=[]), "without a finish reason"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_stream_is_an_error_and_no_figure(name: str) -> None:
    behaviour, message = BROKEN[name]
    error = refusal(behaviour)
    assert isinstance(error, client.BrokenStreamError)
    assert message in str(error)
    assert error.exit_code == 1


def test_a_silent_server_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            client.Server(url, timeout=0.05) as server,
            pytest.raises(client.BrokenStreamError, match=r"silent for 0\.05 s"),
        ):
            server.ask(MODEL, "hello", 2)


REQUEST = Request(t_first=0.1, t_last=2.6, prompt_tokens=64, output_tokens=126, finish_reason="length")
RESULT = Result(
    label="vllm",
    url="http://127.0.0.1:8002",
    model=MODEL,
    started=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    warmup=2,
    max_tokens=126,
    requests=(REQUEST, replace(REQUEST, t_first=0.2, t_last=2.8), replace(REQUEST, t_first=0.3, t_last=2.7)),
)
STAND_IN = replace(
    RESULT,
    label="trtllm",
    url="http://127.0.0.1:8001",
    requests=(replace(REQUEST, stand_in="SmolLM2-135M-Instruct on llama.cpp"),),
)


def test_a_summary_is_n_median_and_extremes() -> None:
    assert RESULT.summary("ttft_s") == Summary(n=3, median=0.2, min=0.1, max=0.3)
    assert Summary.of([None, 2.0]) == Summary(n=1, median=2.0, min=2.0, max=2.0)
    assert Summary.of([]) is None


def test_a_result_survives_the_store(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.jsonl"
    bench.store.append(RESULT, path)
    bench.store.append(STAND_IN, path)
    assert bench.store.read(path) == ([RESULT, STAND_IN], [])
    line = json.loads(path.read_text().splitlines()[1])
    assert line["schema"] == "gb10docs.bench/1"
    assert line["stand_in"] == "SmolLM2-135M-Instruct on llama.cpp"
    assert set(line["summary"]) == set(METRICS)


def test_no_store_is_an_empty_one(tmp_path: Path) -> None:
    assert bench.store.read(tmp_path / "none.jsonl") == ([], [])


def test_the_store_is_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert bench.store.append(RESULT) == tmp_path / "gb10docs" / "bench" / "results.jsonl"
    assert bench.store.read().results == [RESULT]


GOOD = json.dumps(RESULT.to_json())
BAD_LINES: dict[str, tuple[str | bytes, str]] = {
    "cut": (GOOD[:50], "Unterminated string"),
    "no object": ("[]", "'result' is a list"),
    "no UTF-8": (b"\xff\xfe", "can't decode"),
    "missing": (json.dumps({"schema": "gb10docs.bench/1"}), "'label' is missing"),
    "newer": (GOOD.replace("bench/1", "bench/2"), "its schema is 'gb10docs.bench/2'"),
    "wrong type": (GOOD.replace('"warmup": 2', '"warmup": "two"'), "'warmup' is a str"),
    "no date": (GOOD.replace("2026-11-22", "yesterday"), "Invalid isoformat string"),
    "bad request": (GOOD.replace('"t_first": 0.1, ', ""), "'t_first' is missing"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_named_and_hides_nothing(tmp_path: Path, name: str) -> None:
    bad, reason = BAD_LINES[name]
    path = tmp_path / "results.jsonl"
    line = bad if isinstance(bad, bytes) else bad.encode()
    path.write_bytes(b"\n".join([GOOD.encode(), b"", line, GOOD.encode(), b""]))
    kept = bench.store.read(path)
    assert kept.results == [RESULT, RESULT]
    (error,) = kept.bad
    assert str(error).startswith(f"{path}:3: ")
    assert reason in str(error)


def test_unknown_keys_are_left_aside(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps({**RESULT.to_json(), "later": 1}) + "\n")
    assert bench.store.read(path) == ([RESULT], [])


def test_an_unfinished_line_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(GOOD + "\n" + GOOD[:70])
    bench.store.append(STAND_IN, path)
    kept = bench.store.read(path)
    assert kept.results == [RESULT, STAND_IN]
    assert [str(error).split(": ")[0] for error in kept.bad] == [f"{path}:2"]


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    writers = [threading.Thread(target=bench.store.append, args=(RESULT, path)) for _ in range(20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert bench.store.read(path) == ([RESULT] * 20, [])


def test_a_store_that_cannot_be_written_or_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GB10DocsError, match="cannot keep the result in"):
        bench.store.append(RESULT, tmp_path / "file" / "results.jsonl")
    with pytest.raises(GB10DocsError, match="cannot read the results in"):
        bench.store.read(tmp_path)


GOLDEN = """\
label   model                        server          when (UTC)        N  prompt tokens  output tokens\
              TTFT ms              TPOT ms      decode tok/s
vllm    Qwen3-8B-NVFP4               127.0.0.1:8002  2026-11-22 09:30  3             64            126\
  200.0 (100.0–300.0)  20.00 (19.20–20.80)  50.0 (48.1–52.1)
trtllm  stand-in for Qwen3-8B-NVFP4  127.0.0.1:8001  2026-11-22 09:30  1             64            126\
                100.0                20.00              50.0

Median (min–max) of N requests, one at a time. TTFT: from sending to the first text. \
TPOT: time per output token after the first. Decode: 1 / TPOT.
Rows marked stand-in were answered by SmolLM2-135M-Instruct on llama.cpp: they show that the benchmark works \
and say nothing about the speed of a GB10 or of the model named."""


def test_the_report() -> None:
    assert bench.report.render([RESULT, STAND_IN]) == GOLDEN


def test_a_report_of_nothing_says_how_to_begin() -> None:
    assert "gb10docs bench run" in bench.report.render([])


def test_in_a_pipe_the_report_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    bench.report.show([RESULT, STAND_IN])
    assert capsys.readouterr().out == GOLDEN + "\n"


def test_on_a_terminal_it_is_drawn_with_the_same_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "250")
    bench.report.show([RESULT, STAND_IN])
    drawn = capsys.readouterr().out
    assert "───" in drawn
    plain = re.sub(r"\x1b\[[0-9;]*m", "", drawn)
    for words in (
        "20.00 (19.20–20.80)",
        "stand-in for Qwen3-8B-NVFP4",
        "say nothing about the speed of a GB10",
    ):
        assert words in plain


def test_one_answer_by_a_stand_in_marks_the_whole_result() -> None:
    mixed = replace(RESULT, requests=(*RESULT.requests, *STAND_IN.requests))
    assert mixed.stand_in == "SmolLM2-135M-Instruct on llama.cpp"


def test_the_command_line_measures_keeps_and_reports(tmp_path: Path) -> None:
    store = str(tmp_path / "results.jsonl")
    command = CliRunner().invoke
    with serve(Behaviour(ttft=0, itl=0, tokens=8, stand_in="a small model")) as url:
        options = ["--url", url, "--model", MODEL, "--requests", "2", "--warmup", "0", "--max-tokens", "8"]
        first = command(app, ["run", *options, "--label", "one", "--store", store])
        second = command(app, ["run", *options, "--label", "two", "--store", store, "--json"])
    assert first.exit_code == 0, first.output
    assert "stand-in for" in first.stdout
    assert "answered by a small model" in first.stdout
    assert json.loads(second.stdout)["stand_in"] == "a small model"
    assert json.loads(second.stdout)["requests"][0]["output_tokens"] == 8

    report = command(app, ["report", "--store", store])
    assert [line.split()[0] for line in report.stdout.splitlines()[1:3]] == ["one", "two"]
    assert [
        result["label"] for result in json.loads(command(app, ["report", "--json", "--store", store]).stdout)
    ] == [
        "one",
        "two",
    ]


def test_the_command_line_reports_what_is_good_and_fails_for_what_is_bad(tmp_path: Path) -> None:
    store = tmp_path / "results.jsonl"
    store.write_text(GOOD + "\nnonsense\n")
    outcome = CliRunner().invoke(app, ["report", "--store", str(store)])
    assert outcome.exit_code == 2
    assert MODEL in outcome.stdout
    assert f"{store}:2: " in outcome.stderr


def test_the_import_is_cheap() -> None:
    import subprocess
    import sys

    heavy = (
        "import sys, gb10docs.bench; print(sorted({'httpx', 'rich', 'openai', 'pydantic'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True).stdout == "[]\n"
