"""The contracts of the engines' pages: what each engine's stand-in answers is what its page says that it answers."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gb10docs import servers
from gb10docs.bench.dialects import DIALECTS, dialect
from gb10docs.compose import read_service
from gb10docs.standins import rules, weights
from gb10docs.standins.host import Host
from gb10docs.standins.rules import RefusalError, Service

ROOT = Path(__file__).resolve().parents[1]
ENGINES = sorted(rules.tables()["engines"])
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
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
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
    asked = {"model": name, "messages": HELLO, "max_tokens": 8, **dialect(engine).thinking(False)}
    return asked | more


def ask(http: httpx.Client, engine: str, **more: Any) -> httpx.Response:
    return http.post("/v1/chat/completions", json=request(engine, **more))


def known(engine: str) -> dict[str, Any]:
    return {name: row["value"] for name, row in rules.rules_of(engine).items()}


def test_each_engine_of_the_compose_files_has_a_contract_and_a_dialect() -> None:
    assert sorted(each.engine for each in DIALECTS) == ENGINES
    for engine in ENGINES:
        said = read_service(ROOT, f"compose/{engine}:{engine}", "")
        assert said.engine == engine
        assert said.port in dialect(engine).ports


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
    body = request("ollama", **dialect("vllm").thinking(False))
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
    ("quiet", "sane"), [(dialect("ollama").thinking(False), True), (servers.QUIET, False)]
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
    with pytest.raises(RefusalError, match="top_k"):
        rules.accept(request("sglang", top_k=0), "chat", service("sglang"))
