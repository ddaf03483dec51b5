from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample import LLAMA, MODEL, STARTED, report, step
from trees import Tree

from gb10docs import evidence, schemas
from gb10docs.evidence import BadLedgerError, Ledger, Run, Standing, StepRecord
from gb10docs.inputs import inputs_of
from gb10docs.pages import read_page
from gb10docs.plan import Action, Plan, make_plan
from gb10docs.redact import Redactor
from gb10docs.results import Container, Outcome, Report
from gb10docs.targets import choose

PAGE = """# Three

```bash
--8<-- "lesson-03/local.sh"
```

```bash
--8<-- "lesson-03/serve.sh"
```

```bash
--8<-- "lesson-03/ask.sh"
```
"""
SERVE = """# /// script
# [tool.gb10docs]
# serves = "compose/trtllm:trtllm"
# ///
true
"""
ASK = """# /// script
# [tool.gb10docs]
# needs = ["server:trtllm"]
# expect.contains = ["4"]
# ///
echo 4
"""
COMPOSE = """services:
  trtllm:
    image: nvcr.io/trt:1
    command: [trtllm-serve, /models/m]
    ports: ["127.0.0.1:8001:8001"]
    volumes: ["./llm-api.yaml:/config/llm-api.yaml:ro"]
"""
LOCK = """[[image]]
reference = "nvcr.io/trt:1"
engine = "trtllm"
engine_version = "1.3"

[[image]]
reference = "other"
"""
FILES = {
    "docs/lessons/lesson-03.md": PAGE,
    "snippets/lesson-03/local.sh": "echo hello\n",
    "snippets/lesson-03/serve.sh": SERVE,
    "snippets/lesson-03/ask.sh": ASK,
    "compose/trtllm/compose.yaml": COMPOSE,
    "compose/trtllm/llm-api.yaml": "a: 1\n",
    "compose/images.lock.toml": LOCK,
}
LATER = '{"schema": "gb10docs.ledger/9", "page": "", "target": ""}'
PLAIN = Redactor({})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small tree with a local step, one that serves and one that asks."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def plan(root: Path) -> Plan:
    """Its plan on a machine without a GPU."""
    return make_plan([read_page(root / "docs/lessons/lesson-03.md", root)], root, choose("cpu"))[0]


def run(started: Any = STARTED, **changes: Any) -> Run:
    """A run on a machine without a GPU."""
    values: dict[str, Any] = {
        "hardware": "x86-64", "os": "Debian 12", "arch": "x86_64", "cores": 2, "memory_bytes": 1,
        "python": "3.11", "gb10docs": "0.1.0",
    }  # fmt: skip
    return Run(started=started, **(values | changes))


def merged(*reports: Report, page_steps: tuple[str, ...] = ()) -> Ledger:
    """A ledger of several runs, a day after each other."""
    ledger = None
    for day, one in enumerate(reports):
        inputs = {result.id: {"snippets/a.sh": "0" * 64} for result in one.steps}
        ledger = evidence.merge(
            ledger, one, inputs, run(STARTED + timedelta(days=day)), page_steps=page_steps
        )
    assert ledger
    return ledger


def recorded(plan: Plan, root: Path) -> StepRecord:
    """The record of the step that asks."""
    record = merged(report([step("ask")])).steps["lesson-03/ask"]
    return record.model_copy(update={"inputs": inputs(plan, root, "ask")})


def inputs(plan: Plan, root: Path, name: str) -> dict[str, str]:
    """What goes into a step of the plan."""
    (planned,) = (one for one in plan.steps if one.step.name == name)
    return inputs_of(planned, plan, root)


@pytest.mark.parametrize(
    ("target", "stand_in", "path"),
    [
        ("cpu", "llamacpp", "docs/evidence/lessons/lesson-03/cpu-llamacpp.json"),
        ("cpu", "vllm-cpu", "docs/evidence/lessons/lesson-03/cpu-vllm.json"),
        ("cpu", "docker", "docs/evidence/lessons/lesson-03/cpu-docker.json"),
        ("gb10", "", "docs/evidence/lessons/lesson-03/gb10.json"),
    ],
)
def test_a_ledger_has_a_place_by_page_target_and_stand_in(target: str, stand_in: str, path: str) -> None:
    flavour = evidence.flavour_of(stand_in)
    assert evidence.ledger_path(Path(), "docs/lessons/lesson-03.md", target, flavour) == Path(path)


def test_only_a_pass_without_stand_ins_is_a_pass_on_the_real_thing() -> None:
    steps = [
        step("real"),
        step("stood", stand_ins=[MODEL]),
        step("replaced", Outcome.REPLACED, reason="no docker"),
        step("replaced-too", Outcome.REPLACED, stand_ins=[LLAMA], reason="no docker"),
        step("failed", Outcome.FAILED, reason="no"),
        step("skipped", Outcome.SKIPPED, reason="no gpu"),
    ]
    ledger = merged(report(steps))
    standings = {one.id.removeprefix("lesson-03/"): ledger.standing(one.id) for one in steps}
    assert standings == {
        "real": Standing.REAL,
        "stood": Standing.STAND_IN,
        "replaced": Standing.REPLACED,
        "replaced-too": Standing.REPLACED,
        "failed": Standing.FAILED,
        "skipped": Standing.NEVER,
    }


def test_a_step_that_was_skipped_keeps_its_earlier_record() -> None:
    skipped = step("a", Outcome.SKIPPED, reason="no", started=STARTED)
    ledger = merged(report([step("a"), step("b")]), report([skipped, step("b", exit_code=3)]))
    assert ledger.standing("lesson-03/a") is Standing.REAL
    assert ledger.steps["lesson-03/a"].run == "2026-03-01T12:00:00.000+00:00"
    assert ledger.steps["lesson-03/b"].exit_code == 3
    assert len(ledger.runs) == 2


def test_a_failure_overwrites_a_pass_but_an_interrupt_does_not() -> None:
    failed = report(
        [
            step("a", Outcome.FAILED, reason="no"),
            step("b", Outcome.FAILED, reason="interrupted", started=None),
        ]
    )
    ledger = merged(report([step("a"), step("b")]), failed)
    assert ledger.standing("lesson-03/a") is Standing.FAILED
    assert ledger.standing("lesson-03/b") is Standing.REAL


def test_runs_and_steps_that_nothing_speaks_of_any_more_are_dropped() -> None:
    ledger = merged(report([step("old"), step("a")]), report([step("a")]), page_steps=("lesson-03/a",))
    assert list(ledger.steps) == ["lesson-03/a"]
    assert list(ledger.runs) == ["2026-03-02T12:00:00.000+00:00"]


def test_records_are_in_page_order() -> None:
    ids = ("lesson-03/c", "lesson-03/a", "lesson-03/b")
    assert tuple(merged(report([step("b"), step("a"), step("c")]), page_steps=ids).steps) == ids


@given(text=st.text(alphabet=st.sampled_from("ab\né🙂"), min_size=0, max_size=9000))
def test_output_is_kept_within_four_kilobytes_head_and_tail(text: str) -> None:
    kept = merged(report([step("a", stdout=text, stderr=text)])).steps["lesson-03/a"]
    for stream in (kept.stdout, kept.stderr):
        assert len(stream.encode()) <= 4096
        assert stream == text or (stream[:500] == text[:500] and stream[-500:] == text[-500:])


def test_output_that_is_cut_says_how_much_is_missing() -> None:
    kept = merged(report([step("a", stdout="x" * 10_000)])).steps["lesson-03/a"].stdout
    cut = 10_000 - kept.count("x")
    assert f"[… {cut} bytes left out]" in kept


def test_inputs_are_those_of_the_step_and_of_what_starts_its_server(plan: Plan, root: Path) -> None:
    assert list(inputs(plan, root, "local")) == [
        "snippets/lesson-03/local.sh",
        "snippets/lesson-03/local.sh#expect",
    ]
    assert list(inputs(plan, root, "ask")) == [
        "compose/images.lock.toml#nvcr.io/trt:1",
        "compose/trtllm/compose.yaml",
        "compose/trtllm/llm-api.yaml",
        "gb10docs/standins/fields.json",
        "snippets/lesson-03/ask.sh",
        "snippets/lesson-03/ask.sh#expect",
        "snippets/lesson-03/serve.sh",
        "snippets/lesson-03/serve.sh#expect",
    ]


def test_the_contract_is_no_input_where_nothing_stands_in(plan: Plan, root: Path) -> None:
    steps = tuple(one._replace(stand_ins=(), action=Action.RUN) for one in plan.steps)
    assert "gb10docs/standins/fields.json" not in inputs(plan._replace(steps=steps), root, "ask")


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("snippets/lesson-03/ask.sh", "echo 4", "echo 5", ["snippets/lesson-03/ask.sh"]),
        ("snippets/lesson-03/ask.sh", '["4"]', '["5"]', ["snippets/lesson-03/ask.sh#expect"]),
        ("snippets/lesson-03/ask.sh", "needs =", "timeout = '3m'\n# needs =", []),
        ("snippets/lesson-03/serve.sh", "true", "false", ["snippets/lesson-03/serve.sh"]),
        ("compose/trtllm/llm-api.yaml", "1", "2", ["compose/trtllm/llm-api.yaml"]),
        ("compose/trtllm/compose.yaml", "8001:8001", "8001:8009", ["compose/trtllm/compose.yaml"]),
        ("compose/images.lock.toml", '"1.3"', '"1.4"', ["compose/images.lock.toml#nvcr.io/trt:1"]),
        ("compose/images.lock.toml", '"other"', '"another"', []),
        ("snippets/lesson-03/local.sh", "hello", "goodbye", []),
    ],
)
def test_a_record_is_stale_when_its_inputs_changed_and_says_which(
    plan: Plan, root: Path, file: str, old: str, new: str, changed: list[str]
) -> None:
    record = recorded(plan, root)
    assert evidence.is_stale(record, root) == []
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))
    assert evidence.is_stale(record, root) == changed


def test_an_input_that_is_gone_makes_a_record_stale(plan: Plan, root: Path) -> None:
    record = recorded(plan, root)
    (root / "snippets/lesson-03/serve.sh").unlink()
    (root / "compose/images.lock.toml").unlink()
    assert evidence.is_stale(record, root) == [
        "compose/images.lock.toml#nvcr.io/trt:1",
        "snippets/lesson-03/serve.sh",
        "snippets/lesson-03/serve.sh#expect",
    ]


def test_a_mounted_folder_is_an_input_by_its_files(plan: Plan, root: Path) -> None:
    (root / "compose/trtllm/llm-api.yaml").unlink()
    (root / "compose/trtllm/llm-api.yaml").mkdir()
    (root / "compose/trtllm/llm-api.yaml/a").write_text("1")
    record = recorded(plan, root)
    (root / "compose/trtllm/llm-api.yaml/a").rename(root / "compose/trtllm/llm-api.yaml/b")
    assert evidence.is_stale(record, root) == ["compose/trtllm/llm-api.yaml"]


def test_a_ledger_is_written_and_read_back_the_same(tmp_path: Path) -> None:
    ledger, path = merged(report()), tmp_path / "evidence" / "cpu.json"
    evidence.write(path, ledger, PLAIN)
    assert evidence.read(path) == ledger
    text = path.read_text()
    assert text.endswith("}\n")
    evidence.write(path, ledger, PLAIN)
    assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]
    jsonschema.Draft202012Validator(schemas.ledger_schema()).validate(json.loads(text))


def test_there_is_no_ledger_where_there_is_no_file(tmp_path: Path) -> None:
    assert evidence.read(tmp_path / "cpu.json") is None


@pytest.mark.parametrize("text", ["", "<<<<<<< HEAD\n{}", "{}", LATER])
def test_what_is_no_ledger_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "cpu.json").write_text(text)
    with pytest.raises(BadLedgerError, match=r"cpu\.json: no ledger: .*mend or delete it"):
        evidence.read(tmp_path / "cpu.json")


def test_nothing_secret_is_written_and_the_file_stays_json(tmp_path: Path) -> None:
    token, password = "hf_AbCdEfGhIjKlMnOpQrStUvWxYzabcdefgh", 'pa"ss\\wor\td'
    redactor = Redactor({"HF_TOKEN": token, "DB_PASSWORD": password}, {"/home/ann": "~"})
    steps = [step("a", stdout=f"x {token[:9]}\n{token[9:]}", stderr=f"x\n/home/ann/{password}", reason=token)]
    evidence.write(tmp_path / "cpu.json", merged(report(steps)), redactor)
    ledger = evidence.read(tmp_path / "cpu.json")
    assert ledger
    record = ledger.steps["lesson-03/a"]
    assert (record.stdout, record.stderr, record.reason) == (
        "x [HF_TOKEN]",
        "x\n~/[DB_PASSWORD]",
        "[HF_TOKEN]",
    )


def test_a_ledger_that_masking_would_break_is_not_written(tmp_path: Path) -> None:
    redactor = Redactor({"A_TOKEN": "stdout:stderr:tail"})
    ledger = merged(report([step("a", stdout="", stderr="")]))
    table = ledger.model_dump_json(by_alias=True)
    assert "stdout" in table
    spread = Redactor({"A_TOKEN": 'stdout": "", "stderr'})
    with pytest.raises(BadLedgerError, match="spread over several fields"):
        evidence.write(tmp_path / "cpu.json", ledger, spread)
    assert not (tmp_path / "cpu.json").exists()
    evidence.write(tmp_path / "cpu.json", ledger, redactor)


def test_recording_a_run_writes_its_ledger_into_the_tree(plan: Plan, root: Path) -> None:
    git = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-C", str(root)]
    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["commit", "-qm", "begin"],
        ["config", "user.name", "Ann Author"],
    ):
        subprocess.run([*git, *arguments], check=True)
    steps = [
        step("local"),
        step("serve", Outcome.REPLACED, stand_ins=[LLAMA], reason="r"),
        step("ask", stand_ins=[LLAMA, MODEL]),
    ]
    path = evidence.record(root, plan, report(steps), PLAIN)
    assert path == root / "docs/evidence/lessons/lesson-03/cpu-llamacpp.json"
    ledger = evidence.read(path)
    assert ledger
    (made,) = ledger.runs.values()
    assert (made.recorded_by, made.dirty, len(made.docs_commit)) == ("Ann Author", False, 40)
    assert made.engines[0].name == "llama.cpp"
    assert made.models[0].name == "SmolLM2-135M-Instruct"
    assert made.models[0].revision.startswith("sha256:")
    assert [evidence.is_stale(one, root) for one in ledger.steps.values()] == [[], [], []]
    (root / "snippets/lesson-03/local.sh").write_text("echo changed\n")
    evidence.record(root, plan, report([step("local")]), PLAIN, recorded_by="Ben")
    again = evidence.read(path)
    assert again
    assert again.runs["2026-03-01T12:00:00.000+00:00"].dirty
    assert again.runs["2026-03-01T12:00:00.000+00:00"].recorded_by == "Ben"
    assert len(again.steps) == 3


def test_recorded_evidence_alone_does_not_make_a_tree_dirty(plan: Plan, root: Path) -> None:
    git = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-C", str(root)]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "begin"]):
        subprocess.run([*git, *arguments], check=True)
    for _ in range(2):
        path = evidence.record(root, plan, report([step("local")]), PLAIN)
    ledger = evidence.read(path)
    assert ledger
    assert not ledger.runs["2026-03-01T12:00:00.000+00:00"].dirty


def test_a_real_engine_is_recorded_with_image_digest_and_version(plan: Plan, root: Path) -> None:
    container = Container(service="trtllm", image="nvcr.io/trt:1", digest="sha256:ab", state="running")
    made = evidence.run_of(report([step("serve", containers=[container])]), plan, root, "Ann")
    (engine,) = made.engines
    assert (engine.name, engine.version, engine.image, engine.digest) == (
        "trtllm",
        "1.3",
        "nvcr.io/trt:1",
        "sha256:ab",
    )


@pytest.mark.parametrize(
    ("gpu", "said"), [("", "it has no NVIDIA GPU"), ("NVIDIA H200", "its GPU is NVIDIA H200")]
)
def test_only_a_gb10_gives_evidence_of_a_gb10(gpu: str, said: str) -> None:
    with pytest.raises(evidence.NotThatMachineError, match=said):
        evidence.refuse_pretence("gb10", gpu)


@pytest.mark.parametrize(("target", "gpu"), [("gb10", "NVIDIA GB10"), ("cpu", ""), ("nvidia", "NVIDIA H200")])
def test_any_machine_gives_evidence_of_itself(target: str, gpu: str) -> None:
    evidence.refuse_pretence(target, gpu)


def test_recording_as_a_gb10_is_refused_before_anything_runs(tree: Tree) -> None:
    root = tree({"docs/page.md": ["touch.sh"], "snippets/touch.sh": "touch ran\n"})
    arguments = ["run", "page", "--root", str(root), "--target", "gb10", "--record"]
    done = subprocess.run(
        [sys.executable, "-m", "gb10docs", *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "this machine is no GB10" in done.stderr
    assert not (root / "ran").exists()
