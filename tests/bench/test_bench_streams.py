"""`gb10docs bench` on the streams of real servers and proxies, and on what is none: figures, or a sentence."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ports import free_port
from raw_server import (
    DONE,
    END,
    HEAD,
    MODEL,
    MODELS,
    ROLE,
    WORDS,
    Answer,
    Piece,
    answer,
    chunk,
    chunked,
    counted,
    json_answer,
    play,
    sse,
)

from gb10docs.bench import sse as event_stream
from gb10docs.bench import stream
from gb10docs.bench.metrics import Request
from gb10docs.cli import main

PLAIN = answer(ROLE, *WORDS, END, counted(), DONE)


class Outcome(NamedTuple):
    """What the program did."""

    status: int
    said: str
    """All that it printed, in one line."""

    result: Any
    """What it kept, if it kept anything."""

    @property
    def run(self) -> Any:
        """The only level."""
        (run,) = self.result["runs"]
        return run


Bench = Callable[..., Outcome]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    """Run the program on an address."""

    def run(url: str, *options: str, requests: int = 2) -> Outcome:
        kept = tmp_path / "results.jsonl"
        kept.unlink(missing_ok=True)
        command = ["gb10docs", "bench", "--url", url, "--requests", str(requests), "--warmup", "0",
                   "--prompt-tokens", "16", "--output-tokens", "8", "--store", str(kept), *options]  # fmt: skip
        monkeypatch.setattr(sys, "argv", command)
        status = main()
        out, err = capsys.readouterr()
        result = json.loads(kept.read_text()) if kept.exists() else None
        return Outcome(status, " ".join((out + err).split()), result)

    return run


def read(*events: object, at: float = 0.0) -> Request:
    """The request that a stream shows whose events come at once, but for pauses that stand as numbers."""
    arrivals = []
    for event in events:
        at += event if isinstance(event, float) else 0.0
        arrivals.append((at, b"" if isinstance(event, float) else sse(event)))
    return stream.read(0.0, arrivals)


ANSWERED: dict[str, list[Piece]] = {
    "plain": PLAIN,
    "CR LF": [HEAD, *(sse(each, end="\r\n\r\n") for each in (*WORDS, END, counted(), DONE))],
    "CR": [HEAD, *(sse(each, end="\r\r") for each in (*WORDS, END, counted(), DONE))],
    "no space": [HEAD, *(sse(each, "data:") for each in (*WORDS, END, counted(), DONE))],
    "byte order mark": [HEAD, b"\xef\xbb\xbf", *PLAIN[1:]],
    "empty data": [*PLAIN[:3], b"data:\n\ndata: \n\n", *PLAIN[3:]],
    "comments": [HEAD, b": ok\n\nevent: message\nid: 1\nretry: 100\n", *PLAIN[1:]],
    "several data lines": [HEAD, b'data: {\ndata: "choices": []\ndata: }\n\n', *PLAIN[1:]],
    "cut anywhere": [HEAD, *(bytes([byte]) for byte in b"".join(p for p in PLAIN[1:] if isinstance(p, bytes)))],
    "no [DONE]": PLAIN[:-1],
    "ping": [*PLAIN[:3], b'event: ping\ndata: {"type": "ping"}\n\n', *PLAIN[3:]],
    "null choices": answer({"choices": None}, {"choices": [{"delta": None}]}, *WORDS, END, counted()),
    "NaN in a field": answer(*WORDS, '{"choices": [], "x": NaN}', END, counted()),
    "lone surrogate": answer('{"choices": [{"delta": {"content": "\\ud83d"}}]}', *WORDS[1:], END, counted()),
    "empty finish reasons": answer(*(chunk({"content": "w"}, "") for _ in range(8)), END, counted()),
    "content parts": answer(chunk({"content": [{"type": "thinking"}]}), *WORDS[1:], END, counted()),
    "counts in the last event": answer(*WORDS, chunk({}, "stop", usage=counted()["usage"])),
    "zero counts before": answer(chunk({"content": "a"}, usage=counted(0)["usage"]), *WORDS[1:], END, counted()),
    "whole numbers with a point": answer(*WORDS, END, counted(8.0, 100.0)),
    "stop": answer(*WORDS, chunk({}, "stop"), counted()),
    "tool calls": answer(
        *(chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}) for _ in range(8)),
        chunk({}, "tool_calls"), counted(),
    ),
    "gzip, not asked for": [
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n",
        gzip.compress(b"".join(p for p in PLAIN[1:] if isinstance(p, bytes))),
    ],
    "HTTP/1.0": [b"HTTP/1.0 200 OK\r\n\r\n", *PLAIN[1:]],
}  # fmt: skip


class TestAnswers:
    """Streams that are strange and right: every request is answered, with the right counts."""

    @pytest.mark.parametrize("name", ANSWERED)
    def test_each_is_answered(self, bench: Bench, name: str) -> None:
        with play(ANSWERED[name]) as server:
            outcome = bench(server.url)
        assert outcome.status == 0, outcome.said
        assert outcome.run["requests"] == {"ok": 2, "failed": 0}
        assert (outcome.run["prompt_tokens"], outcome.run["output_tokens"]) == (200, 16)

    def test_a_tool_call_is_timed_from_its_first_event(self) -> None:
        calls = [chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}) for _ in range(3)]
        request = read(ROLE, 0.5, calls[0], 0.1, calls[1], 0.1, calls[2], chunk({}, "tool_calls"), counted(3))
        assert (request.t_first, request.t_last) == (0.5, 0.7)
        assert request.tpot_s == pytest.approx(0.1)

    def test_a_byte_order_mark_hides_no_first_token(self) -> None:
        pieces = [(0.5, b"\xef\xbb"), (0.6, b"\xbf" + sse(WORDS[0])), (1.0, sse(END) + sse(counted(2)))]
        assert stream.read(0.0, pieces).t_first == 0.6


FAILED: dict[str, tuple[list[Piece], str]] = {
    "aborted": (answer(*WORDS[:3], chunk({}, "abort"), counted(3)), "finish reason 'abort'"),
    "error": (answer(*WORDS[:3], chunk({}, "error"), counted(3)), "finish reason 'error'"),
    "filtered": (answer(*WORDS[:3], chunk({}, "content_filter"), counted(3)), "finish reason 'content_filter'"),
    "no finish reason": (answer(*WORDS, counted(), DONE), "ended without a finish reason"),
    "words instead of one": (
        answer(*WORDS[:3], {"status": "dropped", "message": "out of patience"}),
        "without a finish reason; see the server's log. Its last event that was none of an answer: out of patience",
    ),
    "cut in an event": ([*PLAIN[:4], b'data: {"choi'], "ended without a finish reason"),
    "null counts": (answer(*WORDS, END, counted(8, None)), "says null for prompt_tokens, which is no count"),
    "no counts": (answer(*WORDS, END, {"usage": {"total_tokens": 108}}), "says null for completion_tokens"),
    "zero counts": (answer(*WORDS, END, counted(0, 0)), "says 0 for completion_tokens"),
    "zero counts after others": (answer(*WORDS, END, counted(), counted(0, 0)), "says 0 for completion_tokens"),
    "negative": (answer(*WORDS, END, counted(-7)), "says -7 for completion_tokens"),
    "huge": (answer(*WORDS, END, counted(10**30)), "says 1000000000000000"),
    "half": (answer(*WORDS, END, counted(8.5)), "says 8.5 for"),
    "NaN": (answer(*WORDS, END, counted(float("nan"))), "says NaN for"),
    "infinite": (answer(*WORDS, END, counted(float("inf"))), "says Infinity for"),
    "truth": (answer(*WORDS, END, counted(True)), "says true for"),
    "text": (answer(*WORDS, END, counted("8\x1b[31m")), "says \"8\\u001b[31m\" for"),
    "a list": (answer(*WORDS, END, {"usage": [8]}), "says [8] for"),
    "none": (answer(*WORDS, END), "held no `usage`"),
    "error in the stream": (answer(*WORDS[:3], {"error": {"message": "engine died"}}), "error: engine died"),
    "error of another shape": (
        answer(*WORDS[:3], {"object": "error", "message": "out of cache", "code": 500}, DONE),
        "error: out of cache",
    ),
    "error by the event's type": (
        [*PLAIN[:4], b'event: error\ndata: {"message": "upstream died"}\n\n'], "error: upstream died",
    ),
    "error in plain words": ([*PLAIN[:4], b"event: error\ndata: no upstream\n\n"], "error: no upstream"),
    "late error": (answer(*WORDS, END, counted(), {"error": "late failure"}), "error: late failure"),
    "error with commands for the terminal": (
        answer({"error": {"message": "\x1b]0;owned\x07a\u202eb\x9b31m\nc"}}), "error: ]0;ownedab31m c",
    ),
    "finish reason with commands": (answer(*WORDS, chunk({}, "\x1b]0;own\x07")), "finish reason ']0;own'"),
    "no JSON": (answer("{nonsense"), "is no JSON: '{nonsense'"),
    "no object": (answer("[1]"), "is no JSON object: '[1]'"),
    "deep": (answer("[" * 100_000), "nested too deeply"),
    "deep object": (answer('{"a":' * 100_000), "nested too deeply"),
    "another shape": (answer({"choices": 5}), "does not answer as a chat completion does"),
    "shapes within": (answer(chunk(usage=5), {"choices": [{"delta": "x"}]}), "does not answer as a chat completion"),
    "a list for a reason": (answer({"choices": [{"finish_reason": ["x"]}]}), "finish reason"),
    "a login page": (
        json_answer(b"<!doctype html><title>Sign in</title>", kind="text/html"),
        "answered with text/html, which holds no event of a stream: <!doctype html><title>Sign in</title>",
    ),
    "whole JSON": (
        json_answer({"choices": [{"message": {"content": "hello"}}]}),
        'answered with application/json, which holds no event of a stream: {"choices"',
    ),
    "an error as 200": (
        json_answer({"error": {"message": "still loading"}}),
        "answered with application/json, which holds no event of a stream: still loading",
    ),
    "lines of JSON": (
        json_answer(b'{"message": {"content": "a"}}\n{"done": true}\n', kind="application/x-ndjson"),
        'answered with application/x-ndjson, which holds no event of a stream: {"message"',
    ),
    "nothing": ([HEAD], "answered with text/event-stream and nothing in it"),
    "nothing of no type": ([b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"], "answered with no content type"),
    "a body cut short": (
        [b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\nconnection: close\r\n\r\n", *PLAIN[1:]], "broke off its answer",
    ),
    "a bad chunk": ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzzz\r\n"], "broke off its answer"),
    "no HTTP": ([b"SSH-2.0-x\r\n"], "broke off its answer"),
    "no byte": ([], "broke off its answer"),
    "500": (json_answer(b"\x1b[31mno", "500 x", "text/plain"), "answered 500: [31mno"),
    "error of null": (json_answer({"error": None, "message": "the reason"}, "500 x"), "answered 500: the reason"),
    "422": (json_answer({"detail": [{"msg": "Extra inputs"}]}, "422 x"), 'answered 422: [{"msg": "Extra inputs"}]'),
    "redirect": (
        [b"HTTP/1.1 307 x\r\nlocation: http://127.0.0.1:1/else\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"],
        "answered 307, a redirect to http://127.0.0.1:1/else, which is not followed",
    ),
    "redirect to a file": (
        [b"HTTP/1.1 302 x\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"],
        "answered 302, a redirect to file:///etc/passwd, which is not followed",
    ),
}  # fmt: skip


class TestFailures:
    """What is no answer fails in a sentence that keeps the server's words; nothing is measured."""

    @pytest.mark.parametrize("name", FAILED)
    def test_each_fails_in_a_sentence(self, bench: Bench, name: str) -> None:
        pieces, told = FAILED[name]
        with play(pieces) as server:
            outcome = bench(server.url)
        assert outcome.status in (1, 2)
        assert outcome.said.startswith(f"gb10docs: {server.url}")
        assert told in outcome.said
        assert outcome.result is None
        assert len(outcome.said) < 600

    @pytest.mark.parametrize("name", FAILED)
    def test_one_in_the_middle_costs_one(self, bench: Bench, name: str) -> None:
        pieces, told = FAILED[name]
        with play(PLAIN, PLAIN, pieces, PLAIN) as server:
            outcome = bench(server.url, requests=3)
        assert outcome.status == 1
        assert outcome.run["requests"] == {"ok": 2, "failed": 1}
        assert outcome.run["output_tokens"] == 16
        assert told in outcome.run["failures"][0]


class TestKeptConnections:
    """A server may close a connection between two requests."""

    @pytest.mark.parametrize("requests", [12])
    def test_a_connection_that_is_closed_after_each_answer_costs_nothing(
        self, bench: Bench, requests: int
    ) -> None:
        with play(chunked(*WORDS, END, counted(), DONE)) as server:
            outcome = bench(server.url, requests=requests)
        assert outcome.status == 0, outcome.said
        assert outcome.run["requests"] == {"ok": requests, "failed": 0}
        assert len(server.posts) == 1 + requests

    def test_a_connection_that_is_reset_without_an_answer_is_made_anew(self, bench: Bench) -> None:
        """Every second request meets a connection that ends with the request unread."""

        def reset(connection: socket.socket) -> None:
            connection.shutdown(socket.SHUT_RDWR)

        good = chunked(*WORDS, END, counted(), DONE)
        with play(good, reset, good, reset, good, reset, good, keep=True) as server:
            outcome = bench(server.url, requests=3)
        assert outcome.status == 0, outcome.said
        assert outcome.run["requests"] == {"ok": 3, "failed": 0}

    def test_a_real_llamacpp_which_closes_after_each_stream(self, bench: Bench) -> None:
        code = (
            "import sys; from gb10docs.standins import llamacpp; from gb10docs.standins import weights; "
            "served = llamacpp.load(weights.smollm2(weights.default_store())); "
            "print(served.listening_address, flush=True); sys.stdin.read()"
        )
        command = [sys.executable, "-c", code]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server:
            assert server.stdout
            try:
                outcome = bench(
                    server.stdout.readline().strip(),
                    "--engine",
                    "llamacpp",
                    "--output-tokens",
                    "2",
                    requests=12,
                )
            finally:
                server.kill()
        assert outcome.status == 0, outcome.said
        assert outcome.run["requests"] == {"ok": 12, "failed": 0}

    def test_kept_connections_are_used_again(self, bench: Bench) -> None:
        with play(chunked(*WORDS, END, counted(), DONE), keep=True) as server:
            assert bench(server.url, requests=9).status == 0
        assert server.connections <= 2

    def test_a_new_connection_that_ends_without_a_byte_is_a_failure(self, bench: Bench) -> None:
        with play(PLAIN, PLAIN, []) as server:
            outcome = bench(server.url, requests=3)
        assert outcome.run["requests"] == {"ok": 1, "failed": 2}
        assert "broke off its answer" in outcome.run["failures"][0]


class TestTokensNobodySaw:
    """What was counted and not shown makes no figure look better."""

    def test_reasoning_that_the_counts_tell_of(self) -> None:
        usage = counted(208, completion_tokens_details={"reasoning_tokens": 200})
        request = read(ROLE, 1.0, *(each for word in WORDS for each in (0.02, word)), END, usage)
        assert request.hidden
        assert (request.tpot_s, request.decode_tok_s, request.prefill_tok_s) == (None, None, None)
        assert request.ttft_s == pytest.approx(1.02)

    @pytest.mark.parametrize("hidden", [1, 2, 3, 20])
    def test_a_little_of_it_is_enough(self, hidden: int) -> None:
        usage = counted(8 + hidden, completion_tokens_details={"reasoning_tokens": hidden})
        request = read(ROLE, 0.2, *(each for word in WORDS for each in (0.02, word)), END, usage)
        assert request.decode_tok_s is None

    def test_reasoning_within_the_text_is_shown(self) -> None:
        usage = counted(9, completion_tokens_details={"reasoning_tokens": 5})
        request = read(ROLE, 0.2, *(each for word in WORDS for each in (0.02, word)), END, usage)
        assert request.tpot_s == pytest.approx(0.02, rel=0.15)

    def test_reasoning_that_nothing_tells_of_but_the_silence(self) -> None:
        request = read(ROLE, 1.0, *(each for word in WORDS for each in (0.02, word)), END, counted(208))
        assert request.hidden
        assert request.decode_tok_s is None

    @given(st.integers(20, 200), st.integers(10, 400), st.floats(0.005, 0.1))
    def test_whatever_is_hidden_at_the_same_pace(self, shown: int, hidden: int, pace: float) -> None:
        texts = [chunk({"content": f" {'word' * (1 + place % 2)}"}) for place in range(shown)]
        events = [each for text in texts for each in (pace, text)]
        request = read(ROLE, 0.1 + hidden * pace, *events, END, counted(shown + hidden))
        assert request.decode_tok_s is None or request.decode_tok_s <= 1.07 / pace

    def test_reasoning_that_is_shown_is_none(self) -> None:
        thought = [chunk({"reasoning_content": f" t{place}"}) for place in range(200)]
        usage = counted(208, completion_tokens_details={"reasoning_tokens": 200})
        request = read(ROLE, 0.5, *(each for one in [*thought, *WORDS] for each in (0.02, one)), END, usage)
        assert not request.hidden
        assert request.tpot_s == pytest.approx(0.02)

    def test_a_running_count_knows_what_came_before_the_first_text(self) -> None:
        words = [chunk({"content": "w "}, usage=counted(201 + place)["usage"]) for place in range(8)]
        request = read(ROLE, 4.0, *(each for word in words for each in (0.02, word)), END, counted(208))
        assert request.tpot_s == pytest.approx(0.02)

    def test_what_a_running_count_adds_at_the_end_was_hidden(self) -> None:
        words = [chunk({"content": "w "}, usage=counted(1 + place)["usage"]) for place in range(8)]
        request = read(ROLE, 4.0, *(each for word in words for each in (0.02, word)), END, counted(208))
        assert request.decode_tok_s is None

    def test_a_count_in_the_first_event_alone_does_not_run_along(self) -> None:
        first = chunk({"content": "w "}, usage=counted(1)["usage"])
        request = read(ROLE, *(each for word in (first, *WORDS) for each in (0.02, word)), END, counted(9))
        assert request.tpot_s == pytest.approx(0.02)

    def test_the_end_of_text_and_rare_characters_hide_nothing(self) -> None:
        request = read(5.0, *(each for word in 5 * WORDS for each in (0.02, word)), END, counted(43))
        assert request.tpot_s == pytest.approx(0.02, rel=0.08)

    def test_a_first_short_answer_that_shows_nothing_is_enough_to_begin(self, bench: Bench) -> None:
        silent = answer(ROLE, END, counted(16))
        with play(silent, PLAIN) as server:
            outcome = bench(server.url)
        assert outcome.status == 0, outcome.said
        assert outcome.run["requests"] == {"ok": 2, "failed": 0}

    def test_a_stand_in_that_shows_nothing_at_first_is_one(self, bench: Bench) -> None:
        marked = HEAD.replace(b"connection", b"x-gb10docs-stand-in: a small model\r\nconnection")
        with play([marked, *answer(END, counted(16))[1:]], PLAIN) as server:
            assert bench(server.url).result["server"]["stand_in"] == "a small model"

    def test_answers_that_show_nothing_fail(self, bench: Bench) -> None:
        with play(answer(ROLE, END, counted(16))) as server:
            outcome = bench(server.url)
        assert outcome.run["requests"] == {"ok": 0, "failed": 2}
        assert "none of its 16 tokens was shown" in outcome.run["failures"][0]

    def test_the_table_says_so(self, bench: Bench) -> None:
        usage = counted(208, completion_tokens_details={"reasoning_tokens": 200})
        with play(answer(ROLE, 0.1, *WORDS, END, usage)) as server:
            outcome = bench(server.url)
        assert "2 of 2 answers held tokens that were counted and not shown" in outcome.said
        assert (outcome.run["tpot_ms"], outcome.run["decode_tok_s"]) == (None, None)
        assert outcome.run["requests"] == {"ok": 2, "failed": 0}


class TestSeveralTokensAnEvent:
    """Nobody counts along, and an event holds several."""

    @pytest.mark.parametrize("tokens", [32, 64, 100, 128, 250])
    @pytest.mark.parametrize("each", [1, 2, 3, 4, 8, 16])
    def test_the_pace_is_true_within_two_per_cent(self, tokens: int, each: int) -> None:
        pace, events = 0.01, []
        for sent in range(0, tokens, each):
            count = min(each, tokens - sent)
            events += [count * pace, chunk({"content": " a word" * count})]
        request = read(0.3, *events, END, counted(tokens))
        assert not request.hidden
        assert request.tpot_s == pytest.approx(pace, rel=0.02)

    @pytest.mark.parametrize("counts", [True, False])
    def test_events_that_come_together_were_made_together(self, counts: bool) -> None:
        """Somebody on the way holds back, and sends four at a time."""
        words = [
            chunk({"content": f"w{place} "}, usage=counted(1 + place)["usage"] if counts else None)
            for place in range(32)
        ]
        events = [each for place in range(0, 32, 4) for each in (0.04, *words[place : place + 4])]
        assert read(0.5, *events, END, counted(32)).tpot_s == pytest.approx(0.01)

    def test_an_answer_in_one_event_has_no_pace(self) -> None:
        request = read(1.0, chunk({"content": "all of it at once"}), 0.001, END, counted(128))
        assert request.tpot_s is None


class TestNames:
    """Which server, and which model."""

    @pytest.mark.parametrize(
        ("listed", "why"),
        [
            (json_answer({"detail": "Not Found"}, "404 Not Found"), ", but answers 404: Not Found"),
            (json_answer({"error": {"message": "no key"}}, "401 x"), ", but answers 401: no key"),
            (
                [b"HTTP/1.1 301 x\r\nlocation: https://here/\r\ncontent-length: 0\r\n\r\n"],
                ", but answers 301, a redirect to https://here/, which is not followed",
            ),
            (json_answer({"object": "list", "data": None}), ""),
            (json_answer({"object": "list", "data": []}), ""),
            (json_answer({"object": "list", "data": [{"id": None}, {"id": 5}, 7]}), ""),
            (json_answer("a" * 5_000_000), ", but answers no JSON"),
            (json_answer(b"[" * 100_000), ", but answers no JSON"),
            (json_answer(b"<html>", kind="text/html"), ", but answers no JSON"),
        ],
    )
    def test_a_server_that_lists_no_model(self, bench: Bench, listed: Answer, why: str) -> None:
        with play(PLAIN, models=listed) as server:
            said = bench(server.url).said
            assert f"{server.url} lists no model at /v1/models{why}" in said
            assert said.endswith("name one with --model.")
            assert not server.posts
            assert bench(server.url, "--model", "mine").status == 0
            assert {post["model"] for post in server.posts} == {"mine"}

    def test_a_plain_list_of_models(self, bench: Bench) -> None:
        with play(PLAIN, models=json_answer(MODELS["data"])) as server:
            assert bench(server.url).result["server"]["model"] == MODEL

    @pytest.mark.parametrize(
        "route",
        ["", "/", "/v1", "/v1/", "/v1/chat/completions", "/v1/chat/completions/", "/v1/models", "/v1#there"],
    )
    def test_an_address_with_a_route(self, bench: Bench, route: str) -> None:
        with play(PLAIN) as server:
            outcome = bench(server.url + route)
        assert outcome.result["server"]["url"] == server.url
        assert {line for line, *_ in server.requests if "POST" in line} == {
            "POST /v1/chat/completions HTTP/1.1"
        }

    def test_a_route_before_v1_is_kept(self, bench: Bench) -> None:
        with play(PLAIN) as server:
            bench(f"{server.url}/openai/v1", "--model", "m")
        assert any("POST /openai/v1/chat/completions" in line for line, *_ in server.requests)

    @pytest.mark.parametrize("key", ["", "sk-of-the-environment"])
    def test_a_user_and_password_in_the_address_are_sent_and_not_kept(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, key: str
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", key)
        with play(PLAIN) as server:
            outcome = bench(server.url.replace("//", "//me:p%40ss@"))
        assert outcome.status == 0, outcome.said
        assert "p%40ss" not in json.dumps(outcome.result) + outcome.said
        sent = {
            line
            for _, head, _ in server.requests
            for line in head.lower().split("\n")
            if "authorization" in line
        }
        assert sent == {"authorization: basic bwu6cebzcw=="}

    def test_a_key_that_no_header_can_hold(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-one\r\nx: y")
        with play(PLAIN) as server:
            assert "OPENAI_API_KEY holds a character that no header can" in bench(server.url).said

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:99999", "http://:80", "http://h?x=1", "ftp://h", "h:80"]
    )
    def test_what_is_no_address(self, bench: Bench, url: str) -> None:
        outcome = bench(url)
        assert (outcome.status, "is no address" in outcome.said) == (2, True)

    @pytest.mark.parametrize("said", [[], [b"SSH-2.0-x\r\n"], [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n"]])
    def test_a_server_that_breaks_off_when_asked_for_its_models(self, bench: Bench, said: Answer) -> None:
        with play(PLAIN, models=said) as server:
            told = bench(server.url).said
            assert told.startswith(f"gb10docs: {server.url} does not answer GET /v1/models (")
            assert bench(server.url, "--model", "mine").status == 0

    def test_nobody_there(self, bench: Bench) -> None:
        port = free_port()
        outcome = bench(f"http://127.0.0.1:{port}")
        assert outcome.status == 2
        assert "no server answers at" in outcome.said


class TestWhereTheResultGoes:
    """It is found out before a measurement, not after it."""

    @pytest.mark.parametrize("option", ["--store", "--json"])
    @pytest.mark.parametrize("place", ["/proc/none/x", "{file}/x", "/proc/version"])
    def test_a_place_that_takes_nothing(self, bench: Bench, tmp_path: Path, option: str, place: str) -> None:
        (tmp_path / "file").touch()
        with play(PLAIN) as server:
            outcome = bench(server.url, option, place.format(file=tmp_path / "file"))
            assert not server.requests
        assert outcome.status == 2
        assert "cannot be written" in outcome.said

    def test_a_folder_for_the_store(self, bench: Bench, tmp_path: Path) -> None:
        (tmp_path / "kept").mkdir()
        with play(PLAIN) as server:
            assert bench(server.url, "--store", str(tmp_path / "kept")).status == 0
        assert json.loads((tmp_path / "kept" / "results.jsonl").read_text())["server"]["model"] == MODEL


class TestBounds:
    """Answers without end cost little, and end."""

    @staticmethod
    def endless(head: bytes, piece: bytes) -> Callable[[socket.socket], None]:
        """Send a piece again and again, but not for as long as anybody takes it: that much is too much."""

        def send(connection: socket.socket) -> None:
            connection.sendall(head)
            for _ in range(32 * 2**20 // len(piece)):
                connection.sendall(piece)
            raise AssertionError("32 MiB were taken")

        return send

    @pytest.mark.parametrize(
        "piece",
        [b"x" * 100_000, b"data: " + b"x" * 100_000 + b"\n", sse(WORDS[0]) * 100, b": ping\n\n" * 1000],
    )
    def test_a_stream_without_end(self, bench: Bench, piece: bytes) -> None:
        with play(self.endless(HEAD, piece)) as server:
            outcome = bench(server.url)
        assert outcome.status == 1
        assert "sent more than 1.1 MiB, far more than was asked for" in outcome.said

    def test_a_stream_that_grows_when_unpacked(self, bench: Bench) -> None:
        head = HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
        bomb = gzip.compress(b"data: " + b"\0" * 200_000_000, 9)
        with play([head, bomb]) as server:
            outcome = bench(server.url)
        assert "sent more than" in outcome.said

    def test_an_error_without_end(self, bench: Bench) -> None:
        head = b"HTTP/1.1 500 x\r\nconnection: close\r\n\r\n"
        with play(self.endless(head, b"no " * 10_000)) as server:
            outcome = bench(server.url)
        assert "answered 500: no no no" in outcome.said
        assert len(outcome.said) < 500

    def test_a_list_of_models_without_end(self, bench: Bench) -> None:
        head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"
        with play(PLAIN, models=self.endless(head, b" " * 100_000)) as server:
            assert "lists no model" in bench(server.url).said

    @pytest.mark.parametrize("depth", [200, 900, 940, 980, 2000])
    @pytest.mark.parametrize(
        "event",
        [
            '{{"error": {}}}',
            '{{"message": {}, "object": "error"}}',
            '{{"choices": [{{"finish_reason": {}}}]}}',
            '{{"choices": [{{"delta": {{"content": {}}}}}]}}',
            '{{"usage": {{"completion_tokens": {}}}}}',
            '{{"x": {}}}',
        ],
    )
    def test_a_deep_value_anywhere(self, event: str, depth: int) -> None:
        deep = event.format("[" * depth + "1" + "]" * depth)
        for more in ((END,), (END, counted()), (counted(), END)):
            with pytest.raises(stream.BrokenStream):
                read(deep, *more, '{"error": "at last"}')
        with pytest.raises(stream.BrokenStream):
            stream.read(0.0, [(0.0, deep.encode())])

    @given(st.lists(st.binary(max_size=60), max_size=8))
    def test_noise_is_no_answer(self, pieces: list[bytes]) -> None:
        with pytest.raises(stream.BrokenStream):
            stream.read(0.0, list(enumerate(pieces)))


EXAMPLES: dict[bytes, list[tuple[str, str]]] = {
    b"data: YHOO\ndata: +2\ndata: 10\n\n": [("YHOO\n+2\n10", "message")],
    b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n": [
        ("first event", "message"), ("second event", "message"), (" third event", "message"),
    ],
    b"data\n\ndata\ndata\n\ndata:": [("", "message"), ("\n", "message")],
    b"data:test\n\ndata: test\n\n": [("test", "message"), ("test", "message")],
    b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n": [("73857293", "add"), ("2153", "remove")],
    b"event: lost\n\ndata: x\n\n": [("x", "message")],
    b"\xef\xbb\xbfdata: marked\n\n\xef\xbb\xbfdata: not a field\n\n": [("marked", "message")],
    b"Data: x\nda ta: y\n:data: z\ndata : w\n\n": [],
    b"data: \xff\xc3\xa9\n\n": [("\ufffd\u00e9", "message")],
}  # fmt: skip


class TestTheStandard:
    """Examples of the standard, and every way to cut them.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
    """

    @given(st.sampled_from(list(EXAMPLES)), st.sampled_from([b"\n", b"\r", b"\r\n"]), st.data())
    def test_each_example_however_it_is_cut(self, example: bytes, end: bytes, data: st.DataObject) -> None:
        text = example.replace(b"\n", end)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        found = [(event.data, event.kind) for event in event_stream.events(enumerate(pieces))]
        assert found == EXAMPLES[example]

    @given(
        st.lists(st.sampled_from(["a", "b c", "\u4e2d", " "]), min_size=1),
        st.lists(st.sampled_from(["\n", "\r", "\r\n"]), min_size=1),
    )
    def test_lines_are_those_of_the_whole_however_it_ends_them(
        self, texts: list[str], ends: list[str]
    ) -> None:
        whole = "".join(text + ends[place % len(ends)] for place, text in enumerate(texts)).encode()
        one_by_one = [(0.0, bytes([byte])) for byte in whole]
        assert [line.decode() for _, line in event_stream.lines(one_by_one)] == texts

    def test_an_event_is_as_old_as_its_last_byte(self) -> None:
        pieces = [(1.0, b"data: a\r"), (2.0, b"\n"), (3.0, b"\r"), (4.0, b"\ndata: b\n\n")]
        assert [(event.at, event.data) for event in event_stream.events(pieces)] == [(3.0, "a"), (4.0, "b")]

    def test_a_long_line_in_small_pieces_costs_no_more_than_its_length(self) -> None:
        pieces = [(0.0, b"x" * 16)] * 60_000
        assert [len(line) for _, line in event_stream.lines([*pieces, (1.0, b"\n")])] == [16 * 60_000]
