"""A lesson's own containers in a real Docker engine, and what is left of them however a run ends."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dockerd import Engine
from dockerd import engine as engine
from driving import header
from program import PATIENCE, Program

pytestmark = pytest.mark.engines

ROOT = Path(__file__).resolve().parents[2]
HEALTHY = "import urllib.request as r; r.urlopen('http://127.0.0.1:{port}/health', timeout=5)"
COMPOSE = """name: gb10-small
services:
  small:
    image: nvcr.io/nobody/nothing:1
    command: [vllm, serve, /models/m, --served-model-name, m, --port, "{port}", --max-model-len, "4096"]
    ports: ["127.0.0.1:{port}:{port}"]
    volumes: ["./model:/models/m:ro", "cache:/root/.cache"]
    mem_limit: {memory}
    ulimits: {{memlock: -1}}
    deploy: {{resources: {{reservations: {{devices: [{{driver: nvidia, count: 1, capabilities: [gpu]}}]}}}}}}
    healthcheck: {{test: [CMD, python3, -c, "{healthy}"], interval: 1s, timeout: 5s, retries: {retries}}}
volumes: {{cache: }}
"""
UP = 'needs = ["docker"]\nserves = "compose/small:small"\ntimeout = "60s"'
SERVE = "(cd compose/small && docker compose up -d --wait)\n"
LONG = """curl -fsSN http://127.0.0.1:{port}/v1/completions -H 'Content-Type: application/json' \\
  -d '{{"model": "m", "prompt": "Once", "max_tokens": 3000, "ignore_eos": true, "stream": true}}' |
  {{ head -c 1 >/dev/null; echo up >"$UP"; cat >/dev/null; }}
"""
STOP = "(cd compose/small && docker compose down)\n"


class Small:
    """A tree with one small service, and the program that runs its page in containers."""

    def __init__(self, program: Program, engine: Engine) -> None:
        self.program, self.engine = program, engine
        self.port = free_port()
        program.environment |= engine.environment
        self.compose = program.root / "compose" / "small"
        self.compose.mkdir(parents=True)
        (self.compose / "model").mkdir()
        (program.root / "compose" / "standin").mkdir()
        shutil.copy2(ROOT / "compose/standin/Dockerfile", program.root / "compose/standin/Dockerfile")
        self.override((ROOT / "compose/vllm/standin.yaml").read_text().replace("vllm", "small"))
        self.service()

    def override(self, text: str) -> None:
        """Write `standin.yaml`."""
        (self.compose / "standin.yaml").write_text(text)

    def service(self, *, healthy: str = HEALTHY, retries: int = 30, memory: str = "8g") -> None:
        """Write `compose.yaml`."""
        healthy = healthy.format(port=self.port)
        text = COMPOSE.format(port=self.port, healthy=healthy, retries=retries, memory=memory)
        (self.compose / "compose.yaml").write_text(text)

    def page(self, *bodies: str, up: str = UP) -> None:
        """A page that serves and then does what the bodies say."""
        needs = header('needs = ["server:small"]\ntimeout = "60s"')
        stops = header('needs = ["server:small"]\nstops = ["small"]')
        texts = [(stops if body == STOP else needs) + body.format(port=self.port) for body in bodies]
        self.program.page(header(up) + SERVE, *texts)

    def start(self) -> Any:
        """Start the program."""
        words = ("--root", str(self.program.root), "--target", "cpu", "--stand-in", "docker")
        return self.program.start("run", "page", *words, "--json", str(self.program.json))

    def run(self) -> tuple[int, str, str]:
        """Start it and wait."""
        ended: tuple[int, str, str] = self.program.finish(self.start())
        return ended

    def started_container(self, process: Callable[[], Any]) -> tuple[Any, Any]:
        """Start the program, and wait until its container runs: the program and the container."""
        client = self.engine.client
        events = client.events(decode=True, filters={"event": "start", "label": "gb10docs.run"})
        running = process()
        container = client.containers.get(next(iter(events))["id"])
        events.close()
        return running, container


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def bystanders(engine: Engine) -> Iterator[None]:
    """Things like ours that are not ours: they are there afterwards as they were, and nothing else is."""
    client = engine.client
    labels = {"com.docker.compose.project": "gb10-small", "com.docker.compose.service": "small"}
    network = client.networks.create("gb10-small_default", labels=labels)
    volume = client.volumes.create("gb10-small_cache", labels=labels)
    container = client.containers.run(
        engine.environment["GB10DOCS_BASE_IMAGE"],
        ["sleep", "infinity"],
        name="gb10-small-small-1",
        labels={**labels, "gb10docs.run": "another"},
        network=network.name,
        volumes=["gb10-small_cache:/cache"],
        detach=True,
    )
    before = engine.things()
    try:
        yield
        assert engine.things() == before
    finally:
        container.remove(force=True)
        network.remove()
        volume.remove()


@pytest.fixture
def small(program: Program, engine: Engine, bystanders: None) -> Iterator[Small]:
    """A small tree; its run leaves neither processes nor temporary files."""
    yield Small(program, engine)
    assert program.left() == []


def outcomes(program: Program) -> list[str]:
    return [step["outcome"] for step in program.steps()]


def test_the_lesson_runs_in_its_own_containers(program: Program, engine: Engine, bystanders: None) -> None:
    """Every step that needs no GPU, no registry and no rights is run as a reader types it."""
    program.environment |= engine.environment
    names = [f"{name}-{part}" for name in ("ask", "bench", "stop", "pull") for part in ("trtllm", "vllm")]
    only = [word for name in names for word in ("--only", name)]
    where = ("--root", str(ROOT), "--target", "cpu", "--stand-in", "docker", "--json", str(program.json))
    status, out, err = program.finish(program.start("run", "lesson-03", *where, *only), 300)
    assert (status, err) == (0, ""), out
    steps = {step["id"].removeprefix("lesson-03/"): step for step in program.steps()}
    for name in ("trtllm", "vllm"):
        serve = steps[f"serve-{name}"]
        assert serve["outcome"] == steps[f"stop-{name}"]["outcome"] == "passed"
        assert steps[f"ask-{name}.sh"]["outcome"] == steps[f"ask-{name}.py"]["outcome"] == "passed"
        engines = [one for one in serve["stand_ins"] if one["kind"] == "engine"]
        assert engines == [{"kind": "engine", "name": "llama.cpp in a container", "instead_of": name}]
        (container,) = serve["containers"]
        (image,) = engine.client.images.list(name="gb10docs-standin")
        assert container["image"] in image.tags
        assert container["digest"] == image.id
        assert (container["state"], container["oom_killed"]) == ("running", False)
        assert f"Container gb10-{name}-standin-{name}-1  Healthy" in serve["stderr"]
        assert "Removed" in steps[f"stop-{name}"]["stderr"]
        assert steps[f"bench-{name}"]["outcome"] == "passed"
        assert steps[f"pull-{name}"]["outcome"] == "skipped"
        assert "gpu: target cpu has none" in steps[f"pull-{name}"]["reason"]


def test_it_ends_well_though_nothing_stops_the_server(small: Small) -> None:
    small.page("curl -fsS http://127.0.0.1:{port}/v1/models\n")
    status, out, _ = small.run()
    assert status == 0, out
    assert json.loads(small.program.steps()[1]["stdout"])["data"][0]["id"] == "m"


def test_a_second_run_does_not_build_the_image_again(small: Small) -> None:
    small.page(STOP)
    assert small.run()[0] == 0
    (before,) = small.engine.client.images.list(name="gb10docs-standin")
    assert small.run()[0] == 0
    (after,) = small.engine.client.images.list(name="gb10docs-standin")
    assert before.id == after.id


def test_an_image_of_no_further_use_is_removed(small: Small) -> None:
    """`things` insists on one image at most."""
    small.page(STOP)
    assert small.run()[0] == 0
    dockerfile = small.program.root / "compose/standin/Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "LABEL changed=\n")
    assert small.run()[0] == 0
    (image,) = small.engine.client.images.list(name="gb10docs-standin")
    assert "changed" in image.labels


def test_a_container_killed_in_mid_request(small: Small) -> None:
    up = small.program.signals_from("UP")
    small.page(LONG, STOP)
    process, container = small.started_container(small.start)
    up.wait()
    container.kill()
    status, _, _ = small.program.finish(process)
    assert status == 1
    serve, ask, _ = small.program.steps()
    assert outcomes(small.program) == ["failed", "failed", "skipped"]
    assert "server 'small' died later: its container is exited with exit code 137" in serve["reason"]
    assert "POST /v1/completions" in serve["reason"], "the end of its log is shown"
    assert (serve["containers"][0]["state"], serve["containers"][0]["exit_code"]) == ("exited", 137)
    assert "failed with status 18" in ask["reason"]


def test_a_container_killed_for_want_of_memory(small: Small) -> None:
    small.service(memory="48m")
    small.page()
    assert small.run()[0] == 1
    (serve,) = small.program.steps()
    assert serve["containers"][0]["oom_killed"] is True
    assert serve["containers"][0]["state"] == "exited"


def test_a_base_image_that_cannot_be_had(small: Small) -> None:
    small.program.environment["GB10DOCS_BASE_IMAGE"] = "gb10docs-nowhere:1"
    small.page()
    status, _, err = small.run()
    assert status == 2
    assert err.startswith("gb10docs: compose/standin/Dockerfile: cannot be built on gb10docs-nowhere:1: ")
    assert err.count("\n") == 1


def test_a_base_image_that_does_not_do(small: Small) -> None:
    """What the build printed last is told, and nothing of the build is left."""
    dockerfile = small.program.root / "compose/standin/Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + 'RUN ["sh", "-c", "echo no such luck; exit 3"]\n')
    small.page()
    status, _, err = small.run()
    assert status == 2
    assert "returned a non-zero code: 3: no such luck" in err


def test_an_image_that_is_missing(small: Small) -> None:
    """Nothing is pulled under a name that anybody could take on a public registry."""
    text = (small.compose / "standin.yaml").read_text()
    small.override(text.replace("${GB10DOCS_STANDIN_IMAGE:-gb10docs-standin}", "gb10docs-standin:none"))
    small.page(STOP)
    assert small.run()[0] == 1
    serve, stop = small.program.steps()
    assert "No such image: gb10docs-standin:none" in serve["stderr"]
    assert (serve["outcome"], stop["outcome"]) == ("failed", "skipped")


def test_a_port_that_is_taken(small: Small) -> None:
    """By a container that is not ours: it is named, and stays."""
    taken = small.engine.client.containers.run(
        small.engine.environment["GB10DOCS_BASE_IMAGE"],
        ["sleep", "infinity"],
        ports={"80/tcp": ("127.0.0.1", small.port)},
        network="gb10-small_default",
        detach=True,
    )
    try:
        small.page()
        assert small.run()[0] == 1
        (serve,) = small.program.steps()
        assert f"port {small.port} is taken by process " in serve["reason"]
        assert "docker-proxy" in serve["reason"]
        taken.reload()
        assert taken.status == "running"
    finally:
        taken.remove(force=True)


def test_health_that_is_never_green(small: Small) -> None:
    small.service(healthy="raise SystemExit('not today')", retries=2)
    small.page(STOP)
    assert small.run()[0] == 1
    serve, _ = small.program.steps()
    assert "is unhealthy" in serve["stderr"]
    assert "INFO: " in serve["reason"], "the end of its log is shown"
    assert serve["containers"][0]["state"] == "running"


def test_health_that_is_waited_for_in_vain(small: Small) -> None:
    small.service(healthy="raise SystemExit('not today')", retries=1000)
    small.page(up=UP.replace("60s", "4s"))
    assert small.run()[0] == 1
    (serve,) = small.program.steps()
    assert "not done after its timeout of 4 s, so it was stopped" in serve["reason"]


def test_what_the_command_names_must_be_mounted(small: Small) -> None:
    """As an engine would, the stand-in ends where its model is not."""
    compose = small.compose / "compose.yaml"
    compose.write_text(compose.read_text().replace("./model:/models/m:ro", "./model:/models/n:ro"))
    small.page()
    assert small.run()[0] == 1
    (serve,) = small.program.steps()
    assert "/models/m: not in the container: mount it" in serve["reason"]
    assert serve["containers"][0]["exit_code"] == 1


def test_an_engine_stopped_in_mid_run(small: Small) -> None:
    """The report says so; what cannot be removed is noted, and removed once the engine is back."""
    up = small.program.signals_from("UP")
    small.page(LONG, STOP)
    process = small.start()
    up.wait()
    small.engine.stop()
    try:
        status, _, err = small.program.finish(process)
        assert status == 1
        assert "start it, and run gb10docs clean" in err
        assert "died later: the Docker engine does not answer" in small.program.steps()[0]["reason"]
        assert "start it, and clean again" in small.program.run("clean")[1]
    finally:
        small.engine.start()
        for container in small.engine.client.containers.list(
            all=True, filters={"label": "gb10docs.run=another"}
        ):
            container.start()
    assert small.engine.client.containers.list(all=True, filters={"name": "standin"})
    assert "removed the containers, networks and volumes of stand-ins" in small.program.run("clean")[1]
    assert small.program.run("clean")[1] == "nothing to clear away\n"


def test_a_run_after_an_engine_was_stopped(small: Small) -> None:
    """The next run clears away what the last one could not."""
    up = small.program.signals_from("UP")
    small.page(LONG)
    process = small.start()
    up.wait()
    small.engine.stop()
    try:
        small.program.finish(process)
    finally:
        small.engine.start()
        for container in small.engine.client.containers.list(
            all=True, filters={"label": "gb10docs.run=another"}
        ):
            container.start()
    small.page(STOP)
    assert small.run()[0] == 0


def test_two_runs_at_once(small: Small) -> None:
    """The second is refused, and the first goes on."""
    up = small.program.signals_from("UP")
    small.page(LONG)
    process, container = small.started_container(small.start)
    up.wait()
    status, _, err = small.run()
    assert status == 2
    assert "one run at a time" in err
    assert small.program.run("clean")[0] == 2
    container.reload()
    assert container.status == "running"
    process.send_signal(signal.SIGINT)
    assert small.program.finish(process)[0] == 130


def test_a_second_run_is_refused_whatever_its_temporary_folder(small: Small) -> None:
    """The lock is one a machine: the run that holds it goes on, and so does its container."""
    up = small.program.signals_from("UP")
    small.page(LONG)
    process, container = small.started_container(small.start)
    up.wait()
    (small.program.folder / "other").mkdir()
    small.program.environment["TMPDIR"] = str(small.program.folder / "other")
    words = ("--root", str(small.program.root), "--target", "cpu", "--stand-in", "docker")
    status, _, err = small.program.run("run", "page", *words)
    assert status == 2
    assert f"process {process.pid} " in err
    container.reload()
    assert container.status == "running"
    process.send_signal(signal.SIGINT)
    assert small.program.finish(process)[0] == 130


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_while_it_comes_up(small: Small, times: int) -> None:
    small.service(healthy="raise SystemExit('not today')", retries=1000)
    small.page(STOP)
    process, _ = small.started_container(small.start)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
    assert small.program.finish(process)[0] == 130
    assert [step["reason"] for step in small.program.steps()] == ["interrupted", "not reached: interrupted"]


def test_ctrl_c_in_mid_request(small: Small) -> None:
    up = small.program.signals_from("UP")
    small.page(LONG, STOP)
    process = small.start()
    up.wait()
    process.send_signal(signal.SIGINT)
    assert small.program.finish(process)[0] == 130
    assert outcomes(small.program) == ["passed", "failed", "skipped"]


def killed(small: Small) -> None:
    """A run killed as hard as can be, whose container runs on."""
    up = small.program.signals_from("UP")
    small.page(LONG)
    process, container = small.started_container(small.start)
    up.wait()
    process.kill()
    process.communicate(timeout=PATIENCE)
    container.reload()
    assert container.status == "running", "there is something to clear away"


def test_it_is_killed_then_cleaned(small: Small) -> None:
    killed(small)
    status, out, _ = small.program.run("clean")
    assert status == 0
    assert "removed the containers, networks and volumes of stand-ins" in out
    assert small.program.run("clean")[1] == "nothing to clear away\n"


def test_it_is_killed_then_run_again(small: Small) -> None:
    killed(small)
    small.page(STOP)
    status, out, _ = small.run()
    assert status == 0, out


def test_the_real_service_is_never_touched(small: Small) -> None:
    """An override without a name of its own would take down the reader's containers: it is refused."""
    small.override("services: {small: {image: gb10docs-standin}}\n")
    small.page(STOP)
    status, _, err = small.run()
    assert status == 2
    assert "add one, as in name: gb10-small-standin" in err


def test_a_service_without_an_override_is_skipped(small: Small) -> None:
    (small.compose / "standin.yaml").unlink()
    small.page(STOP)
    assert small.run()[0] == 3
    with contextlib.suppress(FileNotFoundError):
        assert "with a standin.yaml beside it" in small.program.steps()[0]["reason"]
