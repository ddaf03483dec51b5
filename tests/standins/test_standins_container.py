"""Stand-ins in containers, as far as that can be seen without a Docker engine; tests/docker has one."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError, DockerException
from driving import header
from plans import LESSON, actions, compose, plan, reasons, snippet
from program import Program
from sample import MODEL, report, step
from trees import Tree

from gb10docs.engines import BadService, containers
from gb10docs.engines.compose import read_command, read_service, with_override
from gb10docs.evidence.inputs import Pins, inputs_of
from gb10docs.evidence.recording import Recording
from gb10docs.machine import hardware
from gb10docs.plan import BadPlan
from gb10docs.plan.target import Met, Unmet, choose
from gb10docs.plan.targets import real
from gb10docs.privacy.redactor import Redactor
from gb10docs.results.result import Container, StandIn
from gb10docs.run import notes
from gb10docs.standins import NoStandIn, image
from gb10docs.standins.container import refuse_absent, service_of

ROOT = Path(__file__).resolve().parents[2]
RUN, OTHER = "0123456789ab", "0123456789cd"
CONTAINED = StandIn(kind="engine", name="llama.cpp in a container", instead_of="vllm")
OVERRIDE = (ROOT / "compose/vllm/standin.yaml").read_text()
CONTAINERS = {**LESSON, "compose/vllm/standin.yaml": OVERRIDE}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Docker engine answers, as far as planning asks."""
    monkeypatch.setitem(real._LOOKS, "docker", lambda _: Met())


def test_the_pages_own_commands_run(tree: Tree, engine: None) -> None:
    made = plan(tree(CONTAINERS), choose("cpu", stand_in="docker"))
    steps = {planned.step.name: planned for planned in made.steps}
    for name in ("serve", "ask", "bench", "report", "stop"):
        assert actions(made)[name] == "run", name
        assert CONTAINED in steps[name].stand_ins
    assert reasons(made)["pull"] == "gpu: target cpu has none; run it on a GB10"
    service = steps["serve"].service
    assert service
    assert service.project == "gb10-vllm-standin", "apart from the reader's own containers"


def test_what_a_run_in_containers_depends_on(tree: Tree, engine: None) -> None:
    root = tree(CONTAINERS)
    made = plan(root, choose("cpu", stand_in="docker"))
    (asks,) = (planned for planned in made.steps if planned.step.name == "ask")
    assert {"compose/vllm/compose.yaml", "compose/vllm/standin.yaml"} <= inputs_of(
        asks, made, Pins(root)
    ).keys()


def test_an_engine_has_to_answer(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(real._LOOKS, "docker", lambda _: Unmet("docker: not installed; install it"))
    made = plan(tree(CONTAINERS), choose("cpu", stand_in="docker"))
    assert reasons(made)["serve"] == "docker: not installed; install it"
    assert actions(plan(tree(CONTAINERS), choose("cpu")))["serve"] == "replace", (
        "the other stand-in needs none"
    )


def test_a_service_that_nothing_is_swapped_in(tree: Tree, engine: None) -> None:
    made = plan(tree(LESSON), choose("cpu", stand_in="docker"))
    assert reasons(made)["serve"] == (
        "engine: vllm/ holds no compose.yaml with a standin.yaml beside it; add one"
    )


def test_small_models_are_not_crowded(tree: Tree, engine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget is the engine's, not the stand-in's."""
    monkeypatch.setattr(hardware, "memory", lambda _: 10**9)
    more = {
        **CONTAINERS,
        "snippets/two.sh": snippet('needs = ["memory:20GB"]', 'serves = "compose/two:two"'),
        "compose/two/compose.yaml": compose("two", 8003),
        "compose/two/standin.yaml": OVERRIDE.replace("gb10-vllm", "gb10-two").replace("vllm:", "two:"),
        "docs/p.md": ["activate.sh", "download.sh", "serve.sh", "two.sh"],
    }
    assert actions(plan(tree(more), choose("cpu", stand_in="docker")))["two"] == "run"


@pytest.mark.parametrize("name", ["gb10", "nvidia"])
def test_nothing_stands_in_elsewhere(name: str) -> None:
    with pytest.raises(BadPlan, match=f"nothing stands in on target {name}; add --target cpu"):
        choose(name, stand_in="docker")


@pytest.mark.parametrize(
    ("folder", "name"), [("trtllm", "trtllm"), ("trtllm", "trtllm-quantized"), ("vllm", "vllm")]
)
def test_the_overrides_of_the_course(folder: str, name: str) -> None:
    service = read_service(ROOT, f"compose/{folder}:{name}", "")
    changed = with_override(service)
    assert changed
    assert changed.project == f"{service.project}-standin"
    text = (ROOT / "compose" / folder / "standin.yaml").read_text()
    assert f"  {name}:\n" in text
    assert text.count("!reset") == 2 * text.count("  deploy: ")


def test_an_override_needs_a_project_of_its_own(tree: Tree) -> None:
    root = tree({**CONTAINERS, "compose/vllm/standin.yaml": "services: {}\n"})
    with pytest.raises(BadService, match="no 'name' of its own: add one, as in name: vllm-standin"):
        with_override(read_service(root, "compose/vllm:vllm", ""))


def test_the_command_of_a_service_is_followed(tmp_path: Path) -> None:
    words = ["vllm", "serve", "/models/Qwen3-8B-NVFP4", "--served-model-name", "Q", "--port", "8002"]
    service = service_of(read_command(words))
    assert (service.engine, service.port, service.served_name, service.max_model_len) == (
        "vllm",
        8002,
        "Q",
        8192,
    )
    assert service.profile, "the model is known by its folder"
    refuse_absent(("vllm", str(tmp_path), "--x=/nowhere"))
    with pytest.raises(NoStandIn, match=r"/gone: not in the container"):
        refuse_absent(("vllm", str(tmp_path / "gone")))
    for wrong in (["sleep", "--port", "1"], words[:-2]):
        with pytest.raises(NoStandIn, match="no engine that is known here, or no --port"):
            service_of(read_command(wrong))


def test_the_image_holds_all_that_its_program_imports(tmp_path: Path) -> None:
    for name, path in image._packages().items():
        copy = tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.symlink_to(path)
    command = [
        sys.executable,
        "-S",
        "-c",
        "import gb10docs.standins.container, gb10docs; print(gb10docs.__file__)",
    ]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "packages")}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))


def test_an_image_holds_what_its_server_imports() -> None:
    files = image._packages()
    for name in ("xllamacpp", "uvicorn", "starlette", "httpx", "httpcore", "anyio", "h11", "certifi"):
        assert f"packages/{name}/__init__.py" in files, name
    assert "packages/gb10docs/standins/fields.json" in files
    assert "packages/gb10docs/engines/contracts/vllm.json" in files
    assert "packages/gb10docs/standins/container.py" in files
    assert "packages/gb10docs/cli/__init__.py" not in files
    assert not [name for name in files if name.endswith(".pyc") or ".." in name]
    assert image._openmp().is_file()


def test_an_image_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("1")
    first = image._fingerprint("base:1", {"a": file})
    assert image._fingerprint("base:1", {"a": file}) == first
    assert image._fingerprint("base:2", {"a": file}) != first
    assert image._fingerprint("base:1", {"b": file}) != first
    file.write_text("22")
    assert image._fingerprint("base:1", {"a": file}) != first


def test_a_tree_without_a_dockerfile(tmp_path: Path) -> None:
    with pytest.raises(NoStandIn, match=r"compose/standin/Dockerfile: there is none"):
        image.obtain(tmp_path, tmp_path / "m.gguf", tmp_path)


class Thing:
    """A container, network or volume, which refuses to be removed as often as it is told to."""

    def __init__(self, engine: Engine, kind: str, refusals: int = 0) -> None:
        self.engine, self.kind, self.refusals = engine, kind, refusals

    def remove(self, **options: bool) -> None:
        assert options == ({"force": True, "v": True} if self.kind == "container" else {})
        if self.refusals:
            self.refusals -= 1
            raise APIError("in use")
        self.engine.there.remove(self)
        self.engine.removed.append(self.kind)
        self.engine.there += [Thing(self.engine, kind) for kind in self.engine.late]
        self.engine.late = []


class Engine:
    """As much of the Docker SDK as removing things takes."""

    def __init__(self) -> None:
        self.there: list[Thing] = []
        self.removed: list[str] = []
        self.late: list[str] = []
        """What appears once something has been removed."""
        self.containers, self.networks, self.volumes = (
            Listing(self, kind) for kind in ("container", "network", "volume")
        )


class Listing:
    def __init__(self, engine: Engine, kind: str) -> None:
        self.engine, self.kind = engine, kind

    def list(self, filters: dict[str, str], **_: bool) -> list[Thing]:
        assert filters == {"label": f"gb10docs.run={RUN}"}
        return [thing for thing in self.engine.there if thing.kind == self.kind]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()

    @contextlib.contextmanager
    def connected() -> Iterator[Any]:
        yield engine

    monkeypatch.setattr(containers, "engine", connected)
    return engine


def test_containers_are_removed_before_what_they_use(fake: Engine) -> None:
    fake.there = [Thing(fake, kind) for kind in ("volume", "network", "container")]
    assert containers.remove_run(RUN)
    assert fake.removed == ["container", "network", "volume"]


def test_what_appears_late_is_removed_too(fake: Engine) -> None:
    """The engine may still be making what a client that is no more has asked for."""
    fake.there, fake.late = [Thing(fake, "container"), Thing(fake, "network", refusals=1)], ["container"]
    assert containers.remove_run(RUN)
    assert fake.removed == ["container", "container", "network"]


def test_what_cannot_be_removed_is_told(fake: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_REMOVAL", 0.0)
    fake.there = [Thing(fake, "volume", refusals=10**9)]
    assert not containers.remove_run(RUN)


def test_no_engine_answers(monkeypatch: pytest.MonkeyPatch, tree: Tree) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert not containers.remove_run(RUN)
    assert not containers.answers()
    service = read_service(tree(LESSON), "compose/vllm:vllm", "")
    assert containers.look(service) == []
    assert containers.log_tail(service) == ""


def test_an_engine_that_goes_away_in_mid_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK lets errors of its transport through; they are told as its own."""

    class Client:
        def close(self) -> None:
            pass

    monkeypatch.setattr("docker.from_env", lambda **_: Client())
    with pytest.raises(DockerException, match="gone"), containers.engine():
        raise ConnectionResetError("gone")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where notes lie."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "gb10docs" / f"runs-{os.geteuid()}"


def test_what_no_engine_removes_stays_on_record(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until one does: the next run tries, and so does `clean`, which calls the same."""
    asked: list[str] = []
    works = False

    def remove(run: str, _: object) -> bool:
        asked.append(run)
        return works

    monkeypatch.setattr(containers, "remove_run", remove)
    for run in (RUN, OTHER):
        with notes.keep(run, []) as note:
            note.note_labelled()
            assert json.loads((kept / f"{run}.json").read_text())["labelled"], "before anything is started"
            assert not note.remove_labelled()
    uncleared = "no Docker engine answers, so containers of a run may be left: start it, and clean again"
    assert notes.clear_killed() == [uncleared, uncleared]
    works = True
    asked.clear()
    assert notes.clear_killed() == ["removed the containers, networks and volumes of stand-ins"] * 2
    assert sorted(asked) == sorted([RUN, OTHER])
    assert notes.clear_killed() == []


def test_a_run_that_has_removed_all_leaves_no_record(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "remove_run", lambda *_: True)
    with notes.keep(RUN, []) as note:
        note.note_labelled()
        assert note.remove_labelled()
    assert list(kept.iterdir()) == []


def test_evidence_names_the_engine_in_the_container(tree: Tree, engine: None) -> None:
    root = tree(CONTAINERS)
    ran = Container(service="vllm", image="gb10docs-standin:1", digest="sha256:ab", state="running")
    found = report([step("serve", stand_ins=[CONTAINED, MODEL], containers=[ran])])
    made = plan(root, choose("cpu", stand_in="docker"))
    run = Recording([made], root, Redactor({})).run_of(made, found)
    (told,) = run.engines
    assert (told.name, told.image, told.digest) == (
        "llama.cpp in a container",
        "gb10docs-standin:1",
        "sha256:ab",
    )
    assert told.version.startswith("xllamacpp ")


def test_a_page_without_servers_needs_no_engine(program: Program) -> None:
    """Neither is an image built, nor does Compose read anything else than a reader's would."""
    program.environment["DOCKER_HOST"] = "tcp://127.0.0.1:1"
    program.page(header('needs = ["network:huggingface.co"]') + 'echo "${COMPOSE_FILE-as it is}"\n')
    words = (
        "--root",
        str(program.root),
        "--target",
        "cpu",
        "--stand-in",
        "docker",
        "--json",
        str(program.json),
    )
    status, out, err = program.run("run", "page", *words)
    assert (status, err) == (0, ""), out
    assert program.steps()[0]["stdout"] == "as it is\n"
