"""`gb10docs.bench` against a server whose clock is the test's own: exact figures, and nothing to flake."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chat_server import MODEL, Behaviour, Clock, serve
from ports import free_port

from gb10docs.bench import CannotMeasure, client, stream
from gb10docs.bench.address import NoServer
from gb10docs.bench.metrics import Failure, Request, Run, Summary
from gb10docs.bench.results import Result
from gb10docs.bench.session import measure
from gb10docs.bench.workload import Workload, counts, prompt
from gb10docs.engines import ENGINES
from gb10docs.errors import GB10DocsError
from gb10docs.standins.rules import rules_of

Measure = Callable[..., Result]
QUICK = Workload(requests=1, warmup=0, output_tokens=32)


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Measure a behaviour with the server's own clock: what comes out is arithmetic."""

    def exactly(behaviour: Behaviour, workload: Workload = QUICK, **options: Any) -> Result:
        behaviour.clock = Clock()
        monkeypatch.setattr(client, "perf_counter", behaviour.clock)
        with serve(behaviour) as url:
            return measure(url, workload, model=MODEL, **options)

    return exactly


def refusal(behaviour: Behaviour, model: str = MODEL) -> GB10DocsError:
    """The error that a behaviour leads to."""
    with serve(behaviour) as url, pytest.raises(GB10DocsError) as caught:
        measure(url, QUICK, model=model)
    assert str(caught.value).startswith(url)
    return caught.value


def only(result: Result) -> Request:
    """A result's only request."""
    ((request,),) = (run.samples for run in result.runs)
    return request


def figures(result: Result) -> Any:
    """TTFT, TPOT and decode speed of a result's only request."""
    request = only(result)
    return request.ttft_s, request.tpot_s, request.decode_tok_s


# TTFT 500 ms, 50 ms a token, 32 tokens: 20 tok/s, whatever the events look like.
TRUTH = (pytest.approx(0.5), pytest.approx(0.05), pytest.approx(20))


def test_a_token_an_event(exact: Measure) -> None:
    result = exact(Behaviour())
    assert figures(result) == TRUTH
    request = only(result)
    assert (request.prompt_tokens, request.output_tokens, request.finish_reason) == (64, 32, "length")
    assert request.e2e_s == pytest.approx(0.5 + 31 * 0.05)
    assert request.prefill_tok_s == pytest.approx(128)


def test_an_opening_event_with_only_a_role_is_no_first_token(exact: Measure) -> None:
    assert figures(exact(Behaviour(role_at=0.1))) == TRUTH


def test_comments_that_keep_the_connection_alive_are_nothing(exact: Measure) -> None:
    assert figures(exact(Behaviour(role_at=0.1, keep_alives=True))) == TRUTH


def test_several_tokens_an_event_with_running_usage(exact: Measure) -> None:
    result = exact(Behaviour(per_chunk=4, running_usage=True, role_at=0.1))
    assert figures(result) == TRUTH
    assert only(result).first_chunk_tokens == 4


@pytest.mark.parametrize("per_chunk", [2, 4, 8, 16])
def test_several_tokens_an_event_without_running_usage(exact: Measure, per_chunk: int) -> None:
    assert figures(exact(Behaviour(per_chunk=per_chunk))) == TRUTH


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
def test_reasoning_is_output(exact: Measure, key: str) -> None:
    assert figures(exact(Behaviour(delta_key=key, role_at=0.1))) == TRUTH


def test_one_token_has_no_tpot(exact: Measure) -> None:
    result = exact(Behaviour(tokens=1))
    assert figures(result) == (pytest.approx(0.5), None, None)
    assert result.runs[0].tpot_ms is None


def test_warm_ups_do_not_count_and_every_prompt_differs_from_its_start(exact: Measure) -> None:
    behaviour = Behaviour(tokens=2)
    seen: list[int] = []
    result = exact(
        behaviour, replace(QUICK, requests=3, warmup=2), watch=lambda level, _: seen.append(level.requests)
    )
    assert (result.runs[0].requests.ok, seen, len(behaviour.bodies)) == (3, [3], 1 + 2 + 3)
    starts = {body["messages"][0]["content"][:10] for body in behaviour.bodies}
    assert len(starts) == 6
    assert behaviour.connections <= 2


@pytest.mark.parametrize("thinking", [True, False])
def test_the_request_states_thinking_and_asks_for_usage(exact: Measure, thinking: bool) -> None:
    behaviour = Behaviour(tokens=2)
    exact(behaviour, replace(QUICK, output_tokens=77, thinking=thinking))
    body = behaviour.bodies[-1]
    assert body["chat_template_kwargs"] == {"enable_thinking": thinking}
    assert body["stream_options"]["include_usage"] is True
    assert (body["max_tokens"], body["ignore_eos"]) == (77, True)


@pytest.mark.parametrize("key", ["", "sk-secret"])
def test_the_key_of_the_environment_is_sent(
    exact: Measure, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    behaviour = Behaviour(tokens=2)
    exact(behaviour)
    assert behaviour.keys == {f"Bearer {key}"} if key else {None}


def test_ollama_is_asked_in_its_own_words(exact: Measure) -> None:
    behaviour = Behaviour(tokens=2, owner="library")
    exact(behaviour)
    assert behaviour.bodies[-1]["reasoning_effort"] == "none"
    assert behaviour.bodies[-1]["max_tokens"] == 32
    foreign = {"ignore_eos", "chat_template_kwargs", "max_completion_tokens", "min_tokens"}
    assert foreign.isdisjoint(behaviour.bodies[-1])
    assert behaviour.bodies[-1]["stream_options"] == {"include_usage": True}


def test_a_server_of_unknown_make_gets_only_openais_fields(exact: Measure) -> None:
    behaviour = Behaviour(tokens=2, owner="somebody")
    assert exact(behaviour).server.engine == ""
    plain = {"model", "messages", "max_tokens", "temperature", "stream", "stream_options"}
    assert plain == {*behaviour.bodies[-1]}


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gets_only_fields_that_its_source_knows(exact: Measure, engine: str) -> None:
    behaviour = Behaviour(tokens=2)
    exact(behaviour, engine=engine)
    assert {*behaviour.bodies[-1]} <= {*rules_of(engine)["chat_fields"]["value"]}


@pytest.mark.parametrize("engine", ENGINES.keys() - {"nim"})
def test_an_engine_is_known_by_the_owner_that_it_names(exact: Measure, engine: str) -> None:
    assert exact(Behaviour(tokens=2, owner=rules_of(engine)["owned_by"]["value"])).server.engine == engine


def test_prompts_grow_with_the_context(exact: Measure) -> None:
    behaviour = Behaviour(tokens=2)
    result = exact(behaviour, replace(QUICK, context=(0, 4096)))
    assert [run.context for run in result.runs] == [0, 4096]
    short, long = (len(body["messages"][0]["content"].split()) for body in behaviour.bodies[-2:])
    # The probe's 200 words were 64 tokens to this server.
    assert long - short == pytest.approx(4096 * 200 / 64, rel=0.01)


def test_each_level_keeps_so_many_requests_open() -> None:
    behaviour = Behaviour(ttft=0, itl=0, tokens=4)
    with serve(behaviour) as url:
        result = measure(url, replace(QUICK, concurrency=(1, 8), requests=5, warmup=1))
    assert [(run.concurrency, run.requests.ok, run.requests.failed) for run in result.runs] == [
        (1, 5, 0),
        (8, 16, 0),
    ]
    assert behaviour.connections >= 8


def test_open_requests_at_once_add_up_to_the_system_speed() -> None:
    behaviour = Behaviour(ttft=0.1, itl=0.02, tokens=11)
    with serve(behaviour) as url:
        result = measure(url, replace(QUICK, concurrency=(4,), requests=4))
    (run,) = result.runs
    assert run.requests.ok == 8
    wall = max(one.t0 + one.t_last for one in run.samples) - min(one.t0 for one in run.samples)
    assert wall >= 2 * 0.3
    assert run.system_tok_s == pytest.approx(8 * 11 / wall)


def test_a_stream_that_is_cut_is_counted_as_failed() -> None:
    with serve(Behaviour(ttft=0, itl=0, tokens=4, break_from=4)) as url:
        result = measure(url, replace(QUICK, requests=5))
    (run,) = result.runs
    assert (run.requests.ok, run.requests.failed) == (2, 3)
    assert "broke off its answer" in run.failures[0]
    assert len(run.samples) == 2


def test_a_server_that_dies_fails_all_that_is_left() -> None:
    with serve(Behaviour(ttft=0, itl=0, tokens=4, die_at=3)) as url:
        result = measure(url, replace(QUICK, requests=50))
    (run,) = result.runs
    assert (run.requests.ok, run.requests.failed) == (1, 49)
    assert any("no server answers" in failure for failure in run.failures)
    assert run.client_load is not None


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_the_address_may_end_in_v1(suffix: str) -> None:
    with serve(Behaviour(ttft=0, itl=0, tokens=2)) as url:
        assert measure(url + suffix, QUICK).server.url == url


def test_the_server_says_who_it_is() -> None:
    with serve(Behaviour(ttft=0, itl=0, tokens=2)) as url:
        server = measure(url, QUICK).server
    assert (server.engine, server.version, server.model, server.max_model_len) == (
        "vllm",
        "0.23.0",
        MODEL,
        8192,
    )


QWEN = {"model_type": "qwen3", "hidden_size": 4096, "num_hidden_layers": 36, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 12288, "vocab_size": 151936}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (QWEN, None),
        ({**QWEN, "num_hidden_layers": 2}, "a model of 1,631 million parameters"),
        ({"model_type": "unheard-of"}, "a model of another kind"),
    ],
)
def test_a_folder_that_holds_another_model_is_a_stand_in(
    tmp_path: Path, config: dict[str, object], told: str | None
) -> None:
    """A small model under a big one's name has no speed of the big one."""
    (tmp_path / "config.json").write_text(json.dumps(config))
    with serve(Behaviour(ttft=0, itl=0, tokens=2, root=str(tmp_path))) as url:
        assert measure(url, QUICK, model=MODEL).server.stand_in == told


def test_on_a_real_clock_every_figure_is_true() -> None:
    """A millisecond, or one per cent: what the issue of this tool allows it."""
    behaviour = Behaviour(ttft=0.2, itl=0.02, tokens=21, role_at=0.05, running_usage=True)
    with serve(behaviour) as url:
        result = measure(url, replace(QUICK, requests=5, warmup=1, output_tokens=21))
    (run,) = result.runs
    assert run.ttft_ms
    assert run.tpot_ms
    assert run.e2e_ms
    assert run.ttft_ms.median == pytest.approx(200, rel=0.01, abs=5)
    assert run.tpot_ms.median == pytest.approx(20, rel=0.01, abs=1)
    assert run.e2e_ms.median == pytest.approx(600, rel=0.01, abs=5)
    assert run.ttft_ms.min >= 200


def test_a_closed_port() -> None:
    port = free_port()
    with pytest.raises(NoServer, match=f"no server answers at http://127.0.0.1:{port}"):
        measure(f"http://127.0.0.1:{port}", QUICK, model=MODEL)


@pytest.mark.parametrize("url", ["127.0.0.1:8001", "http://127.0.0.1:x", "ftp://127.0.0.1"])
def test_no_address(url: str) -> None:
    with pytest.raises(NoServer, match="is no address"):
        measure(url, QUICK, model=MODEL)


def test_an_unknown_model_is_told_with_those_there_are() -> None:
    error = refusal(Behaviour(), model="Qwen3-8B")
    assert isinstance(error, CannotMeasure)
    assert f"does not serve 'Qwen3-8B'; it serves {MODEL}, another" in str(error)


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_refusal_keeps_the_servers_words(status: int) -> None:
    error = refusal(Behaviour(status=status, error="max_tokens is\n too large"))
    assert isinstance(error, CannotMeasure)
    assert f"answered {status}: max_tokens is too large" in str(error)


BROKEN = {
    "no finish": (Behaviour(itl=0, ttft=0, finish=False), "without a finish reason"),
    "no usage": (Behaviour(itl=0, ttft=0, usage=False), "no `usage`"),
    "no JSON": (Behaviour(events=["{nonsense"]), "no JSON: '{nonsense'"),
    "no object": (Behaviour(events=["[1]"]), "no JSON object"),
    "other shape": (Behaviour(events=['{"choices": ["x"]}']), "does not answer as a chat completion"),
    "error inside": (Behaviour(events=['{"error": {"message": "out of memory"}}']), "out of memory"),
    "cut off": (Behaviour(ttft=0, itl=0, cut=True), "broke off its answer"),
    "empty": (Behaviour(events=[]), "nothing in it"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_stream_is_an_error_and_no_figure(name: str) -> None:
    behaviour, message = BROKEN[name]
    error = refusal(behaviour)
    assert isinstance(error, stream.BrokenStream)
    assert message in str(error)
    assert error.exit_code == 1


def test_a_silent_server_is_given_up() -> None:
    async def ask(url: str) -> None:
        async with client.Server(url, timeout=0.05) as server:
            await server.ask({"model": MODEL})

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(stream.BrokenStream, match=r"silent for 0\.05 s"):
            asyncio.run(ask(url))


def test_an_event_may_come_in_pieces() -> None:
    choice = {"delta": {"content": "é"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    event = json.dumps({"choices": [choice], "usage": usage}, ensure_ascii=False).encode()
    line = b"data: " + event + b"\n\ndata: [DONE]"
    for cut in range(len(line)):
        request = stream.read(1.0, [(2.0, line[:cut]), (3.0, line[cut:])], None)
        assert request.output_tokens == 1
        assert request.t_first == (1.0 if cut > line.index(b"\n\n") + 1 else 2.0)


def test_a_summary_is_median_and_extremes_and_p95_from_twenty_on() -> None:
    assert Summary.of([0.3, 0.1, 0.2]) == Summary(median=0.2, min=0.1, max=0.3)
    assert Summary.of([None, 2.0], scale=1000) == Summary(median=2000.0, min=2000.0, max=2000.0)
    assert Summary.of([]) is None
    nineteen, twenty = Summary.of(map(float, range(19))), Summary.of(map(float, range(20)))
    assert nineteen
    assert nineteen.p95 is None
    assert twenty
    assert twenty.p95 == 18


def test_a_run_of_failures_has_no_figures() -> None:
    run = Run.of(4, 0, [Failure("gone"), Failure("gone"), Failure("slow")])
    assert (run.requests.ok, run.requests.failed, run.failures) == (0, 3, ("gone", "slow"))
    assert (run.ttft_ms, run.tpot_ms, run.system_tok_s, run.mbu) == (None, None, None, None)


def test_the_program_says_how_busy_it_was_itself() -> None:
    behaviour = Behaviour(ttft=0.2, itl=0.02, tokens=20)
    with serve(behaviour) as url:
        (run,) = measure(url, QUICK).runs
    assert run.client_load
    assert 0 < run.client_load < 0.9


@pytest.mark.parametrize(
    ("text", "numbers"), [("1", (1,)), ("1,2, 4", (1, 2, 4)), ("0,4k,16K", (0, 4096, 16384))]
)
def test_counts(text: str, numbers: tuple[int, ...]) -> None:
    assert counts(text) == numbers


@pytest.mark.parametrize("text", ["", "1,", "-1", "4kb", "1.5", "two"])
def test_no_counts(text: str) -> None:
    with pytest.raises(CannotMeasure, match="is no count"):
        counts(text)


@pytest.mark.parametrize("levels", [(0,), (1, 0)])
def test_no_stream_at_all_is_no_workload(levels: tuple[int, ...]) -> None:
    with pytest.raises(CannotMeasure, match="at least 1"):
        Workload(concurrency=levels)


def test_a_prompt_has_about_so_many_tokens() -> None:
    for words in (40, 200, 4000):
        assert len(prompt(words, 1.0).split()) == pytest.approx(words, abs=2)
    assert len(prompt(300, 1.5).split()) == pytest.approx(200, abs=2)
    assert prompt(16, 1.0).endswith(":")


def test_an_interrupt_keeps_what_is_done(tmp_path: Path) -> None:
    """Ctrl-C in the third of three levels: the first two are kept, and the third as far as it came."""
    command = [sys.executable, "-m", "gb10docs", "bench", "--concurrency", "1,2,3", "--requests", "4",
               "--warmup", "0", "--output-tokens", "8", "--store", str(tmp_path / "s.jsonl")]  # fmt: skip
    behaviour = Behaviour(ttft=0.01, itl=0.01, tokens=8)
    with serve(behaviour) as url:
        running = subprocess.Popen(
            [*command, "--url", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        until = time.monotonic() + 60
        while len(behaviour.bodies) < 1 + 4 + 4 + 3:
            assert time.monotonic() < until, behaviour.bodies
            time.sleep(0.005)
        behaviour.itl = 5.0
        running.send_signal(2)
        out, _ = running.communicate(timeout=60)
    assert running.returncode == 130, out
    assert "interrupted" in out
    result = json.loads((tmp_path / "s.jsonl").read_text())
    assert result["interrupted"]
    assert [run["requests"]["ok"] for run in result["runs"][:2]] == [4, 4]
    assert [run["requests"]["failed"] for run in result["runs"]] == [0] * len(result["runs"])


def test_an_interrupt_before_any_answer_keeps_nothing(tmp_path: Path) -> None:
    behaviour = Behaviour(ttft=0.01, itl=30, tokens=8)
    kept = tmp_path / "s.jsonl"
    with serve(behaviour) as url:
        command = [sys.executable, "-m", "gb10docs", "bench", "--url", url, "--store", str(kept)]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 60
        while not behaviour.bodies:
            assert time.monotonic() < until, "no request has come"
            time.sleep(0.005)
        running.send_signal(2)
        _, told = running.communicate(timeout=60)
    assert running.returncode == 130, told
    assert "nothing is kept" in told
    assert not kept.exists()


def test_the_import_is_cheap() -> None:
    heavy = (
        "import sys, gb10docs.bench.session; "
        "print(sorted({'aiohttp', 'httpx', 'rich', 'openai', 'pydantic', 'docker', 'matplotlib'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True).stdout == "[]\n"
