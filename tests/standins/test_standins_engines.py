"""The contracts of the engines' pages: what each engine's stand-in answers is what its page says that it answers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ports import free_port

from gb10docs import engines
from gb10docs.engines import engine as engine_called
from gb10docs.engines.compose import read_service
from gb10docs.run import servers
from gb10docs.standins import rules, weights
from gb10docs.standins.host import Host
from gb10docs.standins.rules import Refusal, Service

ROOT = Path(__file__).resolve().parents[2]
ENGINES = sorted(engines.ENGINES)
HELLO = [{"role": "user", "content": "Say hello to the class."}]
OLLAMA = "qwen3:8b"


def service(engine: str, port: int = 1) -> Service:
    """The server of an engine's page, as its Compose file describes it."""
    said = read_service(ROOT, f"compose/{engine}:{engine}", "")
    name = said.served_name
    return Service(engine, engine, port, name, name and f"somebody/{name}", said.max_model_len or 8192)


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    log = tmp_path_factory.mktemp("host") / "log"
    host = Host(weights.smollm2(weights.default_store()), stderr=log, env=os.environ)
    host.start()
    found = {}
    for engine in ENGINES:
        port = free_port()
        host.open(service(engine, port))
        found[engine] = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=found["ollama"], timeout=60, trust_env=False) as client:
        assert client.get("/v1/models").json()["data"] is None
        assert client.post("/v1/chat/completions", json=request("ollama")).status_code == 404
        assert client.post("/api/pull", json={"model": OLLAMA}).json() == {"status": "success"}
    yield found
    host.stop()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


@pytest.fixture
def http(addresses: dict[str, str], engine: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=addresses[engine], timeout=60, trust_env=False) as client:
        yield client


def request(engine: str, **more: Any) -> dict[str, Any]:
    """A chat request that the engine answers at once."""
    name = service(engine).served_name or OLLAMA
    asked = {"model": name, "messages": HELLO, "max_tokens": 8, **engine_called(engine).thinking(False)}
    return asked | more


def ask(http: httpx.Client, engine: str, **more: Any) -> httpx.Response:
    return http.post("/v1/chat/completions", json=request(engine, **more))


def known(engine: str) -> dict[str, Any]:
    return {name: row["value"] for name, row in rules.rules_of(engine).items()}


def test_each_engine_of_the_compose_files_has_a_contract_and_a_module() -> None:
    assert sorted(folder.name for folder in ROOT.glob("compose/*/") if folder.name != "standin") == ENGINES
    for engine in ENGINES:
        said = read_service(ROOT, f"compose/{engine}:{engine}", "")
        assert said.engine == engine
        assert said.port in engine_called(engine).ports
        assert engine_called(engine).health == known(engine)["health"]


def test_it_is_ready_where_it_says_so_and_nowhere_else(http: httpx.Client, engine: str) -> None:
    routes = known(engine)["routes"]
    assert known(engine)["health"] in routes
    every = {path for name in ENGINES for path in known(name)["routes"]}
    assert {path for path in every if http.get(path).status_code == 200} == set(routes)


def test_what_the_routes_say(addresses: dict[str, str]) -> None:
    assert httpx.get(f"{addresses['ollama']}/").text == "Ollama is running"
    assert httpx.get(f"{addresses['ollama']}/api/version").json() == {"version": "0.33.1"}
    assert httpx.get(f"{addresses['llamacpp']}/health").json() == {"status": "ok"}
    assert httpx.get(f"{addresses['nim']}/v1/health/ready").json()["message"] == "Service is ready."
    info = httpx.get(f"{addresses['sglang']}/model_info").json()
    assert (info["served_model_name"], info["is_generation"]) == ("Qwen3-8B-NVFP4", True)


def test_the_image_of_ollama_is_the_version_that_it_says() -> None:
    image = read_service(ROOT, "compose/ollama:ollama", "").image
    assert image == f"ollama/ollama:{known('ollama')['routes']['/api/version']['version']}"


def test_a_quiet_request_is_answered_in_content(http: httpx.Client, engine: str) -> None:
    message = ask(http, engine).json()["choices"][0]["message"]
    assert message["content"]
    assert not message.get("reasoning")
    assert not message.get("reasoning_content")


def test_thoughts_arrive_where_the_page_says(http: httpx.Client, engine: str) -> None:
    name = service(engine).served_name or OLLAMA
    body = {"model": name, "messages": HELLO, "max_tokens": 12}
    message = http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]
    said = known(engine)["thinking_in"]
    assert message[said]
    assert (message["content"] == "") == (said != "content")
    stream = http.post("/v1/chat/completions", json={**body, "stream": True}).text
    assert f'"{said}": "' in stream.partition("\n\n")[2]


def test_what_another_engines_switch_does(addresses: dict[str, str]) -> None:
    """`chat_template_kwargs` is dropped by Ollama, so its model thinks all the same."""
    body = request("ollama", **engine_called("vllm").thinking(False))
    del body["reasoning_effort"]
    answer = httpx.post(f"{addresses['ollama']}/v1/chat/completions", json=body, timeout=60).json()
    assert answer["choices"][0]["message"]["content"] == ""


@pytest.mark.parametrize("field", ["top_k", "min_p", "chat_template_kwargs", "ignore_eos", "made_up"])
def test_a_field_is_taken_ignored_or_refused_as_the_table_says(
    http: httpx.Client, engine: str, field: str
) -> None:
    value = {"chat_template_kwargs": {"enable_thinking": False}, "ignore_eos": True}.get(field, 1)
    refused = field not in known(engine)["chat_fields"] and known(engine)["unknown_fields"] == "reject"
    assert ask(http, engine, **{field: value}).status_code == (400 if refused else 200)


def test_ollama_ignores_the_newer_name_of_max_tokens(addresses: dict[str, str]) -> None:
    body = request("ollama", max_completion_tokens=2)
    answer = httpx.post(f"{addresses['ollama']}/v1/chat/completions", json=body, timeout=60).json()
    assert answer["usage"]["completion_tokens"] > 2


def test_a_wrong_model_name_fails_in_the_engines_words(http: httpx.Client, engine: str) -> None:
    answer = ask(http, engine, model="nobody")
    assert answer.status_code == 404
    told = answer.json() if known(engine)["error"] == "flat" else answer.json()["error"]
    assert told["message"] == known(engine)["unknown_model_says"].format(model="nobody")
    assert told["type"] == known(engine)["error_kinds"].get("404", "NotFoundError")


def test_an_answer_beyond_the_context_is_refused_or_cut(http: httpx.Client, engine: str) -> None:
    cut = known(engine)["answer_beyond_context"] == "cut"
    answer = ask(http, engine, max_tokens=9000, stop=["e"])
    assert answer.status_code == (200 if cut else 400)


@pytest.mark.parametrize(("engine", "status"), [("llamacpp", 400), ("ollama", 501)])
def test_a_prompt_beyond_the_context(addresses: dict[str, str], engine: str, status: int) -> None:
    messages = [{"role": "user", "content": "word " * 9000}]
    body = request(engine, messages=messages)
    answer = httpx.post(f"{addresses[engine]}/v1/chat/completions", json=body, timeout=60)
    assert answer.status_code == status


def test_stream_options_alone(http: httpx.Client, engine: str) -> None:
    refused = known(engine)["stream_options_alone"] == "reject"
    answer = ask(http, engine, stream_options={"include_usage": True})
    assert answer.status_code == (400 if refused else 200)


def test_a_body_without_a_content_type(http: httpx.Client, engine: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = http.post("/v1/chat/completions", content=json.dumps(request(engine)), headers=headers)
    assert answer.status_code == (400 if known(engine)["content_type"] == "required" else 200)


def test_llamacpps_own_defaults_apply_to_it_alone() -> None:
    asked = {"messages": HELLO}
    assert rules.translate(asked, service("llamacpp"))["min_p"] == 0.05
    for engine in set(ENGINES) - {"llamacpp"}:
        assert rules.translate(asked, service(engine))["min_p"] == 0.0


def test_the_defaults_are_those_of_the_llamacpp_that_is_installed(addresses: dict[str, str]) -> None:
    """Rows `seen on xllamacpp` are checked on it, as long as it is what answers here."""
    from gb10docs.standins.llamacpp import load

    upstream = load(weights.smollm2(weights.default_store()))
    told = httpx.get(f"{upstream.listening_address}/props").json()["default_generation_settings"]["params"]
    for name in ("temperature", "top_p", "top_k", "min_p"):
        assert told[name] == pytest.approx(known("llamacpp")["defaults"][name])


def test_nim_is_like_vllm_but_for_its_routes() -> None:
    nim, vllm = known("nim"), known("vllm")
    assert {name for name in vllm if nim[name] != vllm[name]} == {"health", "routes"}


def test_ollama_serves_what_was_pulled_last(addresses: dict[str, str]) -> None:
    with httpx.Client(base_url=addresses["ollama"], timeout=60, trust_env=False) as client:
        assert [model["id"] for model in client.get("/v1/models").json()["data"]] == [OLLAMA]
        assert client.get("/api/tags").json()["models"][0]["name"] == OLLAMA
        assert client.post("/api/pull", json={}).status_code == 400


def test_others_pull_nothing(addresses: dict[str, str]) -> None:
    for engine in set(ENGINES) - {"ollama"}:
        assert httpx.post(f"{addresses[engine]}/api/pull", json={"model": OLLAMA}).status_code == 404


@pytest.mark.parametrize(
    ("quiet", "sane"), [(engine_called("ollama").thinking(False), True), (servers.QUIET, False)]
)
def test_the_probe_speaks_the_engines_own_words(
    addresses: dict[str, str], quiet: dict[str, Any], sane: bool
) -> None:
    port = int(addresses["ollama"].rpartition(":")[2])
    assert (servers.probe(port, OLLAMA, real=False, quiet=quiet) == "") is sane


@pytest.mark.parametrize(("engine", "begins"), [("llamacpp", False), ("sglang", True)])
def test_the_soft_switch_leaves_an_empty_block_only_in_content(
    addresses: dict[str, str], engine: str, begins: bool
) -> None:
    messages = [{"role": "user", "content": "Say hello. /no_think"}]
    body = {"model": service(engine).served_name, "messages": messages, "max_tokens": 6}
    answer = httpx.post(f"{addresses[engine]}/v1/chat/completions", json=body, timeout=60).json()
    content = answer["choices"][0]["message"]["content"]
    assert content
    assert content.startswith("<think>") is begins


def test_sglang_takes_no_top_k_of_zero() -> None:
    with pytest.raises(Refusal, match="top_k"):
        rules.accept(request("sglang", top_k=0), "chat", service("sglang"))


def complete(http: httpx.Client, engine: str, **more: Any) -> httpx.Response:
    """A completion, which the engine answers at once."""
    asked = {
        "model": service(engine).served_name or OLLAMA,
        "prompt": "One, two,",
        "max_tokens": 4,
        "temperature": 0,
        **more,
    }
    return http.post("/v1/completions", json=asked)


def chunks(response: httpx.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in response.text.splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_logprobs_of_a_completion(http: httpx.Client, engine: str, count: int) -> None:
    choice = complete(http, engine, logprobs=count).json()["choices"][0]
    told, row = choice["logprobs"], known(engine)["logprobs"]
    if row["completions"] == "passed on":
        assert (told is None) is (count == 0)
        return
    if row["completions"] == "never" or count < row["least"]:
        assert told is None
        return
    assert set(told) == {"text_offset", "token_logprobs", "tokens", "top_logprobs"}
    tokens = told["tokens"]
    assert "".join(tokens) == choice["text"]
    assert all(number <= 0 for number in told["token_logprobs"])
    begins = [len("".join(tokens[:at])) for at in range(len(tokens))]
    late = [len("".join(tokens[1 : at + 1])) for at in range(len(tokens))]
    assert (
        told["text_offset"] == {"begin": begins, "late": late, "unknown": [-1] * len(tokens)}[row["offsets"]]
    )
    if row["sampled"]:
        held = zip(tokens, told["token_logprobs"], told["top_logprobs"], strict=True)
        assert all(table[token] == number for token, number, table in held)
    assert [len(table) for table in told["top_logprobs"]] == (
        [max(count, 1)] * len(tokens) if row["sampled"] else [count] * len(tokens) if count else []
    )


def test_logprobs_of_a_completion_that_is_streamed(http: httpx.Client, engine: str) -> None:
    whole = complete(http, engine, logprobs=2).json()["choices"][0]["logprobs"]
    parts = [chunk["choices"] for chunk in chunks(complete(http, engine, logprobs=2, stream=True))]
    told = [choices[0]["logprobs"] for choices in parts if choices and choices[0]["logprobs"]]
    row = known(engine)["logprobs"]
    if row["completions"] != "lists":
        assert bool(told) is (row["completions"] == "passed on")
        return
    assert [token for part in told for token in part["tokens"]] == whole["tokens"]
    if row["offsets"] == "begin":
        assert [offset for part in told for offset in part["text_offset"]] == whole["text_offset"]


@pytest.mark.parametrize("count", [0, 3])
def test_logprobs_of_a_chat(http: httpx.Client, engine: str, count: int) -> None:
    answer = ask(http, engine, logprobs=True, top_logprobs=count, temperature=0, max_tokens=4)
    told = answer.json()["choices"][0]["logprobs"]
    if engine == "llamacpp":
        assert (told is None) is (count == 0)
        return
    for token in told["content"]:
        assert set(token) == {"token", "logprob", "bytes", "top_logprobs"}
        assert len(token["top_logprobs"]) == count


@pytest.mark.parametrize("beyond", [1, 30])
def test_more_logprobs_than_the_engine_tells(http: httpx.Client, engine: str, beyond: int) -> None:
    most = known(engine)["most_logprobs"]
    status = 200 if most is None else 400
    asked = (most or 20) + beyond
    assert ask(http, engine, logprobs=True, top_logprobs=asked, max_tokens=1).status_code == status
    assert complete(http, engine, logprobs=asked, max_tokens=1).status_code == status
    if most:
        assert ask(http, engine, logprobs=True, top_logprobs=most, max_tokens=1).status_code == 200


CONTINUED = [*HELLO, {"role": "assistant", "content": "My cat's name"}]


def test_an_assistants_last_message(http: httpx.Client, engine: str) -> None:
    """Where a new turn begins, the prompt holds the end of the last message and the head of the next."""
    answer = ask(http, engine, messages=CONTINUED, temperature=0, max_tokens=6).json()
    ended = ask(http, engine, messages=[*CONTINUED, *HELLO], temperature=0, max_tokens=6).json()
    text, goes_on = answer["choices"][0]["message"]["content"], known(engine)["assistant_last"]
    assert text.startswith("My cat's name") is (goes_on == "continued, and repeated")
    new_turn = answer["usage"]["prompt_tokens"] + 13 > ended["usage"]["prompt_tokens"]
    assert new_turn is (goes_on == "a new turn")


def test_an_assistants_last_message_in_a_stream(http: httpx.Client, engine: str) -> None:
    answer = ask(http, engine, messages=CONTINUED, temperature=0, max_tokens=6, stream=True)
    text = "".join(
        choice["delta"].get("content") or "" for chunk in chunks(answer) for choice in chunk["choices"]
    )
    assert text
    assert not text.startswith("My cat")


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_the_last_message_is_continued_where_the_request_says_so(
    addresses: dict[str, str], engine: str
) -> None:
    asked = {"messages": CONTINUED, "temperature": 0, "max_tokens": 6}
    fields = {"continue_final_message": True, "add_generation_prompt": False}
    with httpx.Client(base_url=addresses[engine], timeout=60, trust_env=False) as http:
        new_turn = ask(http, engine, **asked).json()["usage"]["prompt_tokens"]
        continued = ask(http, engine, **asked, **fields).json()
        assert continued["usage"]["prompt_tokens"] < new_turn
        assert not continued["choices"][0]["message"]["content"].startswith("My cat")


def test_a_message_that_is_continued_begins_no_new_turn(addresses: dict[str, str]) -> None:
    with httpx.Client(base_url=addresses["vllm"], timeout=60, trust_env=False) as http:
        refused = ask(
            http, "vllm", messages=CONTINUED, continue_final_message=True, add_generation_prompt=True
        )
        assert (refused.status_code, "Cannot set both" in refused.text) == (400, True)
        users = ask(http, "vllm", messages=HELLO, continue_final_message=True, add_generation_prompt=False)
        assert users.status_code == 501


@pytest.mark.parametrize("stop", ["", [""], ["e", ""]])
def test_a_stop_of_nothing(http: httpx.Client, engine: str, stop: str | list[str]) -> None:
    refused = known(engine)["stop"]["empty"] == "reject"
    answer = ask(http, engine, stop=stop)
    assert answer.status_code == (400 if refused else 200)
    assert ("stop cannot contain an empty string" in answer.text) is refused


@pytest.mark.parametrize("seed", [2**63 - 1, 2**63, 2**70, -(2**63), -(2**70), -1, 0])
def test_limits_of_a_seed(http: httpx.Client, engine: str, seed: int) -> None:
    low, high = known(engine)["limits"]["seed"]
    within = (low is None or low <= seed) and (high is None or seed <= high)
    assert ask(http, engine, seed=seed, max_tokens=1).status_code == (200 if within else 400)
    assert complete(http, engine, seed=seed, max_tokens=1).status_code == (200 if within else 400)


@pytest.mark.parametrize("prompt", [["One, two,"], [[504, 28, 827]]])
def test_a_list_of_one_prompt(http: httpx.Client, engine: str, prompt: list[Any]) -> None:
    answer = complete(http, engine, prompt=prompt)
    alone = complete(http, engine, prompt=prompt[0])
    if known(engine)["prompts"] == "one text":
        assert answer.status_code == 400
        return
    assert answer.json()["choices"][0]["text"] == alone.json()["choices"][0]["text"]


@pytest.mark.parametrize("prompt", [["One", "two"], [[504], [28]]])
def test_two_prompts_are_more_than_the_stand_in_can(
    http: httpx.Client, engine: str, prompt: list[Any]
) -> None:
    answer = complete(http, engine, prompt=prompt)
    assert answer.status_code == (400 if known(engine)["prompts"] == "one text" else 501)


@pytest.mark.parametrize(
    "prompt", [5, {}, {"a": 1}, [1, "a"], [True], [-1], [[]], [["a"]], [""], [], "", True]
)
def test_a_prompt_that_is_none(http: httpx.Client, engine: str, prompt: Any) -> None:
    assert complete(http, engine, prompt=prompt).status_code == 400
