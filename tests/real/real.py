"""Real engines; `make engines` makes the environments that hold them."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from ports import free_port

from gb10docs import engines
from gb10docs.engines import vllm_process
from gb10docs.engines.compose import Service
from gb10docs.standins import checkpoint, nvfp4, weights

PATIENCE = 300.0
"""Seconds in which vLLM must be up, or have written its longest answer of 2,040 tokens, on two busy cores."""


@pytest.fixture(scope="session")
def plain() -> Path:
    """The stand-in model in 16 bit."""
    store = weights.default_store()
    return checkpoint.smollm2(weights.smollm2(store), store)


@pytest.fixture(scope="session")
def weight_only(plain: Path) -> Path:
    """The same with 4-bit weights."""
    return nvfp4.weight_only(plain, weights.default_store())


@pytest.fixture(scope="session")
def w4a4(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with 4-bit weights and activations, made now."""
    folder = tmp_path_factory.mktemp("w4a4") / "checkpoint"
    nvfp4.quantize(plain, folder, "NVFP4_DEFAULT_CFG")
    return folder


@contextlib.contextmanager
def serving(
    checkpoint: Path, scratch: Path, *options: str
) -> Iterator[tuple[vllm_process.VllmProcess, httpx.Client]]:
    """Real vLLM with a checkpoint under the name `small`, once it is healthy."""
    port = free_port()
    command = ("vllm", "serve", str(checkpoint), "--served-model-name", "small", "--host", "0.0.0.0")
    service = Service(
        name="vllm",
        file=scratch / "compose.yaml",
        image="",
        engine="vllm",
        port=port,
        served_name="small",
        max_model_len=2048,
        files=(),
        project="p",
        command=(*command, "--port", str(port), "--max-model-len", "2048", "--max-num-seqs", "4", *options),
    )
    process = vllm_process.VllmProcess(service, dict(os.environ), scratch, package=engines.ON_CPU)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False) as client:
            _await(client, process)
            yield process, client
    finally:
        process.stop()


def _await(client: httpx.Client, process: vllm_process.VllmProcess) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert not process.dead(), process.tail()
        with contextlib.suppress(httpx.TransportError):
            if client.get("/health").status_code == 200:
                return
        time.sleep(0.2)
    pytest.fail(f"vLLM was not up after {PATIENCE} s:\n{process.tail()}")
