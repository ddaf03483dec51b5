"""The contract layer before the real llama.cpp: a mistake in a lesson must fail here as on the engine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest
from ports import free_port

from gb10docs.engines import ENGINES
from gb10docs.standins import NoStandIn, rules, thinking, weights
from gb10docs.standins.host import Host
from gb10docs.standins.rules import Refusal, Service

NAME = "Qwen3-8B-NVFP4"
QUIET = {"chat_template_kwargs": {"enable_thinking": False}}
HELLO = [{"role": "user", "content": "Say hello to the class."}]


def _service(engine: str, port: int, **more: Any) -> Service:
    values: dict[str, Any] = {
        "service": engine,
        "served_name": NAME,
        "model": f"nvidia/{NAME}",
        "max_model_len": 2048,
    } | more
    return Service(engine=engine, port=port, **values)


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    log = tmp_path_factory.mktemp("host") / "log"
    host = Host(weights.smollm2(weights.default_store()), stderr=log, env=os.environ)
    host.start()
    services = {
        "trtllm": _service("trtllm", free_port()),
        "vllm": _service("vllm", free_port()),
        "plain": _service(
            "vllm", free_port(), service="plain", model="meta/Llama-3.1-8B", served_name="llama"
        ),
    }
    for service in services.values():
        host.open(service)
    yield {name: f"http://127.0.0.1:{service.port}" for name, service in services.items()}
    host.stop()


@pytest.fixture(params=["trtllm", "vllm"])
def engine(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


@pytest.fixture
def http(addresses: dict[str, str], engine: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=addresses[engine], timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def client(addresses: dict[str, str], engine: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{addresses[engine]}/v1", api_key="none", max_retries=0) as client:
        yield client


def _chat(client: Any, **fields: Any) -> Any:
    return client.chat.completions.create(**fields)


def _refusal(client: openai.OpenAI, **fields: Any) -> openai.APIStatusError:
    request = {"model": NAME, "messages": HELLO, "max_tokens": 4, "extra_body": QUIET} | fields
    with pytest.raises(openai.APIStatusError) as caught:
        _chat(client, **request)
    return caught.value


def test_answers_with_text_finish_reason_and_usage(client: openai.OpenAI) -> None:
    answer = _chat(client, model=NAME, messages=HELLO, max_tokens=24, extra_body=QUIET)
    (choice,) = answer.choices
    assert answer.model == NAME
    assert choice.message.content
    assert "<think>" not in choice.message.content
    assert choice.finish_reason in ("stop", "length")
    assert answer.usage
    assert 0 < answer.usage.completion_tokens <= 24
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_streams_with_a_last_chunk_of_usage(client: openai.OpenAI) -> None:
    with _chat(
        client,
        model=NAME,
        messages=HELLO,
        max_tokens=12,
        stream=True,
        extra_body=QUIET,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-2].choices[0].finish_reason in ("stop", "length")
    assert chunks[-1].choices == []
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens <= 12
    assert {chunk.model for chunk in chunks} == {NAME}
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_without_include_usage_has_none(client: openai.OpenAI) -> None:
    with _chat(client, model=NAME, messages=HELLO, max_tokens=3, stream=True, extra_body=QUIET) as stream:
        assert all(chunk.usage is None and chunk.choices for chunk in stream)


def test_completions(client: openai.OpenAI) -> None:
    answer = client.completions.create(
        model=NAME, prompt="The capital of France is", max_tokens=4, temperature=0
    )
    assert "Paris" in answer.choices[0].text
    assert answer.id.startswith("cmpl-")
    with client.completions.create(
        model=NAME, prompt="One, two,", max_tokens=4, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert chunks[-1].usage


def test_vllm_completes_sixteen_tokens_unless_told(addresses: dict[str, str]) -> None:
    body = {"model": NAME, "prompt": "Once upon a time", "ignore_eos": True}
    answer = httpx.post(f"{addresses['vllm']}/v1/completions", json=body, timeout=60).json()
    assert answer["usage"]["completion_tokens"] == 16


def test_health_and_models(http: httpx.Client, engine: str) -> None:
    assert http.get("/health").status_code == 200
    (card,) = http.get("/v1/models").json()["data"]
    assert card["id"] == NAME
    assert card["owned_by"] == {"trtllm": "tensorrt_llm", "vllm": "vllm"}[engine]
    assert ("max_model_len" in card) == (engine == "vllm")


def test_every_response_names_the_stand_in(http: httpx.Client) -> None:
    asked = {"model": NAME, "messages": HELLO, "max_tokens": 1, **QUIET}
    responses = [
        http.get("/health"),
        http.get("/nowhere"),
        http.put("/health"),
        http.post("/v1/chat/completions", json={}),
        http.post("/v1/chat/completions", json=asked),
        http.post("/v1/chat/completions", json={**asked, "stream": True}),
    ]
    assert [response.status_code for response in responses] == [200, 404, 405, 400, 200, 200]
    assert {response.headers["x-gb10docs-stand-in"] for response in responses} == {
        "llamacpp/SmolLM2-135M-Instruct"
    }


def test_another_model_name_is_404_in_the_engines_shape(client: openai.OpenAI, engine: str) -> None:
    error = _refusal(client, model="Qwen3-14B-NVFP4")
    assert error.status_code == 404
    body = error.response.json()
    told = body if engine == "trtllm" else body["error"]
    assert told["message"] == "The model `Qwen3-14B-NVFP4` does not exist."
    assert ("object" in body) == (engine == "trtllm")


def test_unknown_fields(addresses: dict[str, str]) -> None:
    body = {"model": NAME, "messages": HELLO, "max_tokens": 2, "min_temperature": 1, **QUIET}
    strict = httpx.post(f"{addresses['trtllm']}/v1/chat/completions", json=body)
    assert (strict.status_code, "min_temperature" in strict.json()["error"]) == (400, True)
    assert httpx.post(f"{addresses['vllm']}/v1/chat/completions", json=body).status_code == 200


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"top_k": "some"}, "top_k"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"content": "hi"}]}, "messages"),
        ({"messages": None}, "messages"),
        ({"chat_template_kwargs": [1]}, "chat_template_kwargs"),
    ],
)
def test_what_does_not_fit_the_schema(http: httpx.Client, engine: str, fields: Any, param: str) -> None:
    body = {"model": NAME, "messages": HELLO, "max_tokens": 2, **QUIET, **fields}
    response = http.post("/v1/chat/completions", json=body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert param in (error if engine == "trtllm" else error["param"])


@pytest.mark.parametrize("name", ["", None])
def test_an_empty_name_is_the_model_that_is_served(http: httpx.Client, engine: str, name: str | None) -> None:
    body = {"model": name, "messages": HELLO, "max_tokens": 1, **QUIET}
    assert http.post("/v1/chat/completions", json=body).status_code == (
        200 if name == "" or engine == "vllm" else 400
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": []},
        {"top_logprobs": 2},
        {"reasoning_effort": "absurd"},
        {"n": 0},
    ],
)
def test_what_vllm_refuses_and_llamacpp_would_not(addresses: dict[str, str], fields: dict[str, Any]) -> None:
    body = {"model": NAME, "messages": HELLO, "max_tokens": 2, **QUIET, **fields}
    assert httpx.post(f"{addresses['vllm']}/v1/chat/completions", json=body).status_code == 400
    empty = {"model": NAME, "prompt": ""}
    assert httpx.post(f"{addresses['vllm']}/v1/completions", json=empty).status_code == 400


def test_counts_come_with_each_chunk_if_asked_for(client: openai.OpenAI) -> None:
    """The most likely tokens: a drawn one may be part of a character, which llama.cpp holds back until it is whole."""
    with _chat(
        client,
        model=NAME,
        messages=HELLO,
        max_tokens=6,
        temperature=0,
        stream=True,
        extra_body=QUIET | {"ignore_eos": True},
        stream_options={"include_usage": True, "continuous_usage_stats": True},
    ) as stream:
        counts = [chunk.usage.completion_tokens for chunk in stream]
    assert counts == [0, 1, 2, 3, 4, 5, 6, 6, 6]


def test_counts_of_a_completion_come_in_a_chunk_of_their_own(client: openai.OpenAI) -> None:
    with client.completions.create(
        model=NAME, prompt="One, two,", max_tokens=3, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    assert [bool(chunk.choices) for chunk in chunks][-2:] == [True, False]
    assert [bool(chunk.usage) for chunk in chunks][-2:] == [False, True]


def test_a_template_argument_that_the_template_lacks(addresses: dict[str, str]) -> None:
    body = {
        "model": NAME,
        "messages": HELLO,
        "max_tokens": 2,
        "chat_template_kwargs": {"enable_thoughts": False},
    }
    strict = httpx.post(f"{addresses['trtllm']}/v1/chat/completions", json=body)
    assert (strict.status_code, "enable_thoughts" in strict.json()["message"]) == (400, True)
    assert httpx.post(f"{addresses['vllm']}/v1/chat/completions", json=body).status_code == 200


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_tokens": 2049}, "maximum context length is 2048"),
        ({"messages": [{"role": "user", "content": "word " * 2100}]}, "maximum context length is 2048"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"top_p": 1.1}, "top_p"),
        ({"stream_options": {"include_usage": True}}, "stream"),
    ],
)
def test_what_both_engines_refuse(client: openai.OpenAI, fields: dict[str, Any], words: str) -> None:
    error = _refusal(client, **fields)
    assert error.status_code == 400
    assert words in error.response.text


def test_the_context_is_filled_to_the_last_token_and_no_further(http: httpx.Client) -> None:
    asked = {"model": NAME, "messages": HELLO, "max_tokens": 1, **QUIET}
    used = http.post("/v1/chat/completions", json=asked).json()["usage"]["prompt_tokens"]
    beyond = http.post("/v1/chat/completions", json={**asked, "max_tokens": 2048 - used + 1})
    within = {**asked, "max_tokens": 2048 - used, "temperature": 0, "stop": ["e"]}
    assert beyond.status_code == 400
    assert http.post("/v1/chat/completions", json=within).status_code == 200


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object(http: httpx.Client, content: bytes) -> None:
    response = http.post(
        "/v1/chat/completions", content=content, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 400
    assert ("detail" in response.json()) == (content == b"\xff")


def test_curl_without_a_content_type(http: httpx.Client) -> None:
    content = json.dumps({"model": NAME, "messages": HELLO, "max_tokens": 1})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert http.post("/v1/chat/completions", content=content, headers=headers).status_code == 400


def test_what_the_stand_in_cannot_do_is_said(client: openai.OpenAI) -> None:
    error = _refusal(client, n=2)
    assert error.status_code == 501
    assert "cannot carry out 'n': 2" in str(error)


def test_thinking_that_was_not_switched_off_eats_the_answer(client: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
    answer = _chat(client, model=NAME, messages=messages, max_tokens=48, temperature=0)
    assert answer.choices[0].message.content.startswith("<think>\n")
    assert "</think>" not in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 48


def test_thinking_in_a_stream(client: openai.OpenAI) -> None:
    with _chat(
        client, model=NAME, messages=HELLO, max_tokens=12, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.startswith("<think>\n")
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens == 12


def test_the_soft_switch_leaves_an_empty_block(client: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": "Say hello. /no_think"}]
    answer = _chat(client, model=NAME, messages=messages, max_tokens=6)
    assert answer.choices[0].message.content
    assert answer.choices[0].message.content.startswith("<think>\n\n</think>\n\n")


def test_a_model_that_does_not_think(addresses: dict[str, str]) -> None:
    body = {"model": "llama", "messages": HELLO, "max_tokens": 6}
    answer = httpx.post(f"{addresses['plain']}/v1/chat/completions", json=body, timeout=60).json()
    assert "<think>" not in answer["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (["hello"], thinking.Thinking.CUT),
        (["hello /no_think"], thinking.Thinking.EMPTY),
        (["hello /no_think", "and now /think"], thinking.Thinking.CUT),
        (["hello /think", "and now /no_think"], thinking.Thinking.EMPTY),
    ],
)
def test_the_last_soft_switch_counts(said: list[str], expected: thinking.Thinking) -> None:
    messages = [{"role": "user", "content": text} for text in said]
    assert thinking.of({"messages": messages}, _service("vllm", 1)) is expected


def test_reasoning_effort_none_stops_thinking_on_vllm_alone() -> None:
    accepted = {"messages": HELLO, "reasoning_effort": "none"}
    assert thinking.of(accepted, _service("vllm", 1)) is thinking.Thinking.OFF
    assert thinking.of(accepted, _service("trtllm", 1)) is thinking.Thinking.CUT


def test_llamacpps_own_defaults_never_apply() -> None:
    sent = rules.translate({"messages": HELLO}, _service("trtllm", 1))
    assert (sent["top_k"], sent["min_p"], sent["temperature"], sent["top_p"]) == (0, 0.0, 1.0, 1.0)
    sent = rules.translate({"messages": HELLO, "top_k": 5, "min_p": 0.1}, _service("trtllm", 1))
    assert (sent["top_k"], sent["min_p"]) == (5, 0.1)


def test_vllm_takes_defaults_from_the_models_generation_config() -> None:
    sent = rules.translate({"messages": HELLO}, _service("vllm", 1))
    assert (sent["temperature"], sent["top_p"], sent["top_k"], sent["min_p"]) == (0.6, 0.95, 20, 0.0)


def test_limits_that_differ_between_engines() -> None:
    for name, value in {"top_k": -1, "top_p": 0.0}.items():
        body = {"model": NAME, "messages": HELLO, name: value}
        refusing = "trtllm" if name == "top_k" else "vllm"
        other = "vllm" if name == "top_k" else "trtllm"
        with pytest.raises(Refusal):
            rules.accept(dict(body), "chat", _service(refusing, 1))
        assert rules.accept(dict(body), "chat", _service(other, 1))[name] == value


def test_an_abandoned_request_frees_the_one_slot(addresses: dict[str, str]) -> None:
    """A long answer is cut off when its client hangs up: the next one need not wait for its 1024 tokens."""
    body = {"model": NAME, "prompt": "Once", "max_tokens": 1024, "ignore_eos": True}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{addresses['vllm']}/v1/completions", json=body, timeout=0.5)
    short = httpx.post(f"{addresses['vllm']}/v1/completions", json={**body, "max_tokens": 1}, timeout=4)
    assert short.status_code == 200


def test_requests_at_once_are_all_answered(addresses: dict[str, str]) -> None:
    def ask(number: int) -> int:
        body = {"model": NAME, "messages": HELLO, "max_tokens": 4 + number, **QUIET}
        address = addresses[["trtllm", "vllm"][number % 2]]
        return httpx.post(f"{address}/v1/chat/completions", json=body, timeout=60).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(8))) == [200] * 8


def test_an_engine_without_a_table() -> None:
    with pytest.raises(NoStandIn, match="did you mean 'vllm'"):
        _service("vlm", 1)


def test_every_row_of_the_tables_says_where_it_is_from() -> None:
    known = ("from source, unverified", "from documentation, unverified", "seen on", "stricter than source")
    for engine in map(rules.contract_of, ENGINES):
        for name, row in engine["rules"].items():
            assert row["source"] in engine["sources"], name
            assert row["status"].startswith(known), name
