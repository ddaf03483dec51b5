"""What is said of a machine that lacks a library, and of one whose processor is emulated."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from driving import header
from trees import Tree

from gb10docs.evidence import rows as evidence_rows
from gb10docs.evidence.inputs import Pins
from gb10docs.evidence.ledger import Ledger, ledger_path
from gb10docs.evidence.rows import Look, say
from gb10docs.machine import hardware
from gb10docs.pages.page import read_page
from gb10docs.standins import weights

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def gguf() -> Path:
    return weights.smollm2(weights.default_store())


LACKS = "llama.cpp needs libgomp.so.1, which this machine lacks: apt-get install libgomp1"
SERVED = {
    "docs/p.md": ["serve.sh"],
    "snippets/serve.sh": header('serves = "compose/x:a"') + "docker compose up\n",
    "compose/x/compose.yaml": "services:\n  a:\n    ports: ['127.0.0.1:8001:8001']\n    command: [vllm, serve, M]\n",
}


@pytest.fixture
def without_libgomp(tmp_path: Path) -> dict[str, str]:
    """An environment in which the library cannot be loaded."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libgomp.so.1").touch()
    return {**os.environ, "LD_LIBRARY_PATH": str(tmp_path / "lib")}


def gb10docs(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gb10docs", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_doctor_says_which_library_is_missing(without_libgomp: dict[str, str]) -> None:
    assert f"missing: {LACKS}\n" in gb10docs(without_libgomp, "doctor", "--target", "cpu").stdout
    assert LACKS not in gb10docs(dict(os.environ), "doctor", "--target", "cpu").stdout
    assert LACKS not in gb10docs(without_libgomp, "doctor", "--target", "gb10").stdout


def test_a_run_without_the_library_says_what_to_install(
    tree: Tree, without_libgomp: dict[str, str], gguf: Path
) -> None:
    done = gb10docs(without_libgomp, "run", "p", "--root", str(tree(SERVED)), "--target", "cpu")
    assert done.returncode == 1
    assert LACKS in done.stdout.replace("\n", " ")
    assert "Traceback" not in done.stdout + done.stderr


def test_this_processor_is_emulated_where_qemu_runs_this_program() -> None:
    """`make test-arm64` runs this under QEMU, whose program then is what really runs."""
    really = Path("/proc/thread-self/exe").readlink().name
    assert bool(hardware.emulated()) is really.startswith("qemu-")
    assert hardware.look().hardware.startswith("emulated ") is bool(hardware.emulated())


def test_what_was_emulated_is_drawn_as_that_and_comes_after_what_was_not() -> None:
    """The ledger of this course that `make test-arm64` recorded."""
    page = read_page(ROOT / "docs/lessons/lesson-03.md", ROOT)
    path = ledger_path(ROOT, page.relative, "cpu", "llamacpp-arm64-emulated")
    ledger = Ledger.model_validate_json(path.read_bytes())
    assert {run.hardware.partition(" (")[0] for run in ledger.runs.values()} == {"emulated arm64"}
    for rows in evidence_rows.rows_of(page, Pins(ROOT)).values():
        emulated = [row for row in rows if row.file.endswith(path.name)]
        natives = [row for row in rows if row not in emulated and row.ledger.target == "cpu"]
        for row in emulated:
            assert row.machine == "emulated arm64 CPU"
            if row.look is Look.STAND_IN:
                assert "emulated arm64 CPU stand-in" in str(say([row]))
                assert not natives or "emulated" not in str(say([row, *natives]))
