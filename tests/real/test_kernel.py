"""Our kernel for NVFP4 on a CPU computes what vLLM's emulation computes, to the last bit."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from real import plain as plain
from real import w4a4 as w4a4
from real import weight_only as weight_only

from gb10docs import engines
from gb10docs.engines import vllm_process
from gb10docs.machine import environments

pytestmark = pytest.mark.engines

SCRIPT = Path(__file__).with_name("both_kernels.py")


def told(checkpoint: Path) -> dict[str, Any]:
    done = subprocess.run(
        [environments.insist((engines.ON_CPU,)), str(SCRIPT), str(checkpoint)],
        env={**os.environ, "PYTHONPATH": str(vllm_process.PLUGIN)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("TOLD ")]
    assert lines, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(lines[0].removeprefix("TOLD "))
    return found


@pytest.mark.parametrize("kind", ["weight_only", "w4a4"])
def test_layers_and_logits_are_equal(kind: str, request: pytest.FixtureRequest) -> None:
    found = told(request.getfixturevalue(kind))
    assert (found["layers"], found["unlike"]) == (30 * 4, 0), "vLLM fuses seven matrices of a layer into four"
    assert found["logits"] == [4, 49152]
    assert found["spread"] > 10
    assert found["difference"] == 0.0
    assert found["argmax"]
