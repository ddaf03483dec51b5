"""Clients that send what nobody should: each gets an answer in JSON that says what is wrong, at once, and no 500."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from test_standins_engines import HELLO, ask, known, request, service
from test_standins_engines import addresses as addresses
from test_standins_engines import engine as engine
from test_standins_engines import http as http

from gb10docs.standins import weights
from gb10docs.standins.contract import LARGEST_BODY
from gb10docs.standins.llamacpp import load

ROUTES = ("/v1/chat/completions", "/v1/completions")


def _sent(http: httpx.Client, route: str, content: str | bytes) -> httpx.Response:
    return http.post(route, content=content, headers={"Content-Type": "application/json"})


def _refused(response: httpx.Response, status: int = 400) -> bool:
    told = response.json()
    return response.status_code == status and bool(
        told.get("error") or told.get("message") or told.get("detail")
    )


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "held",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        '"\\ud83d"',
        '"x\\udc00y"',
        '{"\\ud83d": 1}',
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "9" * 5_000,
    ],
    ids=lambda held: held[:12],
)
def test_what_is_in_json_and_is_no_value(http: httpx.Client, engine: str, route: str, held: str) -> None:
    body = json.dumps(request(engine) | {"prompt": "One"})
    for name in ("temperature", "user", "messages", "prompt", "seed"):
        assert _refused(_sent(http, route, f'{body[:-1]}, "{name}": {held}}}')), name
    assert _refused(_sent(http, route, held))


def test_a_name_that_is_no_text(http: httpx.Client, engine: str) -> None:
    for name in (5, ["a"], {"a": 1}, True):
        assert _refused(ask(http, engine, model=name))


ODD: tuple[Any, ...] = (
    5,
    True,
    {"a": 1},
    [1, 2],
    [[]],
    [{}],
    [{"type": 5}],
    [{"type": "text"}],
    [{"type": "text", "text": 5}],
)


@pytest.mark.parametrize("content", ODD, ids=json.dumps)
def test_content_that_is_no_text(http: httpx.Client, engine: str, content: Any) -> None:
    assert _refused(ask(http, engine, messages=[{"role": "user", "content": content}]))


@pytest.mark.parametrize("role", [5, ["user"], {"a": 1}, True, ""])
def test_a_role_that_is_no_text(http: httpx.Client, engine: str, role: Any) -> None:
    assert _refused(ask(http, engine, messages=[{"role": role, "content": "hi"}]))


def test_a_picture_is_more_than_the_stand_in_can(http: httpx.Client, engine: str) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    answer = ask(http, engine, messages=[{"role": "user", "content": [picture]}])
    assert _refused(answer, 501)
    assert "reads text alone" in answer.text


@pytest.mark.parametrize("told", [True, False])
def test_a_body_without_end(http: httpx.Client, told: bool) -> None:
    """Refused once it is too large, whether or not its length is told."""
    content = b" " * (LARGEST_BODY + 1)
    parts = (content[at : at + 65536] for at in range(0, len(content), 65536))
    answer = http.post(
        ROUTES[0], content=content if told else parts, headers={"Content-Type": "application/json"}
    )
    assert _refused(answer, 413)


def test_twenty_thousand_messages_keep_nobody_waiting(http: httpx.Client, engine: str) -> None:
    many = [{"role": "user", "content": "hi"}] * 20_000
    begun = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask, http, engine, messages=many) for _ in range(3)]
        assert ask(http, engine, max_tokens=1).status_code == 200
        assert {answer.result().status_code for answer in answers} == {known(engine)["beyond_context"]}
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("route", ROUTES)
def test_a_long_text_is_refused_by_its_size(http: httpx.Client, engine: str, route: str) -> None:
    text = "word " * (LARGEST_BODY // 6)
    asked = request(engine) | {"messages": [{"role": "user", "content": text}], "prompt": text}
    begun = time.monotonic()
    kept = {
        name: value for name, value in asked.items() if name != ("prompt" if "chat" in route else "messages")
    }
    kept = kept if "chat" in route else {name: kept[name] for name in ("model", "prompt")}
    assert http.post(route, json=kept).status_code == known(engine)["beyond_context"]
    assert time.monotonic() - begun < 5


def test_a_name_to_pull_that_is_no_text(addresses: dict[str, str]) -> None:
    for name in (5, ["qwen3:8b"], {"a": 1}, "", None):
        assert httpx.post(f"{addresses['ollama']}/api/pull", json={"model": name}).status_code == 400


def test_no_page_in_a_browser_reads_llamacpps_own_port() -> None:
    upstream = load(weights.smollm2(weights.default_store()))  # it ends when nothing holds it
    for origin in ("https://example.org", "http://localhost", "null"):
        for method in ("GET", "OPTIONS"):
            told = httpx.request(
                method, f"{upstream.listening_address}/v1/models", headers={"Origin": origin}
            ).headers
            assert told.get("access-control-allow-origin", "") == ""


def test_who_breaks_off_is_nobodys_trouble(http: httpx.Client, engine: str) -> None:
    asked = {
        "model": service(engine).served_name or request(engine)["model"],
        "messages": HELLO,
        "stream": True,
    }
    for _ in range(3):
        with http.stream("POST", ROUTES[0], json=asked) as response:
            next(response.iter_lines())
    assert ask(http, engine, max_tokens=1).status_code == 200
