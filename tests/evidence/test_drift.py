"""Drift is seen, told and pinned: against a registry and a hub of the test's own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from program import Program
from trees import Tree

from gb10docs.cli import app
from gb10docs.evidence import drift, pins, registry
from gb10docs.evidence import ledger as evidence
from gb10docs.evidence.drift import What
from gb10docs.evidence.inputs import BadLockFile
from gb10docs.evidence.ledger import Run, StepRecord
from gb10docs.evidence.registry import UnknownUpstream, image_digest, model_revision
from gb10docs.results.result import Outcome

OLD, NEW = (f"sha256:{digit * 64}" for digit in "ab")
COMMIT, LATER = "c" * 40, "d" * 40
MANIFEST = b'{"schemaVersion": 2}'


class Upstream(ThreadingHTTPServer):
    """A registry with token authentication, and a hub."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server_port}"
        self.digest = NEW
        """Of the tag `x/engine:1`; empty: the registry does not say."""
        self.service = 'service="the registry",'
        """Part of the challenge; NVIDIA's registry leaves it out."""
        self.asked: list[tuple[str, str, str]] = []
        """Method, path, and authorization of each request."""


class Handler(BaseHTTPRequestHandler):
    server: Upstream

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        authorization = self.headers.get("Authorization", "")
        self.server.asked.append((self.command, self.path, authorization))
        path, _, query = self.path.partition("?")
        if path == "/token":
            assert query.endswith("scope=repository%3Ax%2Fengine%3Apull")
            assert ("service=" in query) == bool(self.server.service)
            self._send(200, json.dumps({"token": "let me in"}).encode())
        elif path.startswith("/v2/") and authorization != "Bearer let me in":
            realm = f'realm="http://{self.server.host}/token"'
            challenge = f'Bearer {realm},{self.server.service}scope="repository:x/engine:pull"'
            self._send(401, b"", {"WWW-Authenticate": challenge})
        elif path == "/v2/x/engine/manifests/1":
            assert "application/vnd.oci.image.index.v1+json" in self.headers["Accept"]
            self._send(
                200, MANIFEST, {"Docker-Content-Digest": self.server.digest} if self.server.digest else {}
            )
        elif path == "/api/models/x/model":
            self._send(200, json.dumps({"id": "x/model", "sha": LATER}).encode())
        elif path == "/api/models/x/strange":
            self._send(200, b"<html>")
        else:
            self._send(404, b"")

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    server = Upstream()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://{server.host}/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("NGC_API_KEY", "not for you")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def locks(tree: Tree, image: str, *, digest: str = "", revision: str = "", model: str = "x/model") -> Path:
    """A tree with one image and one model, pinned or not."""
    pinned = f'digest = "{digest}"\n' if digest else ""
    at = f'revision = "{revision}"\n' if revision else ""
    images = f'# why\n[[image]]\nreference = "{image}"\nengine = "x"\n{pinned}used_by = ["a [b]"]\n'
    models = f'[[model]]\nrepository = "y/other"\n\n[[model]]\nrepository = "{model}"\n{at}size_gb = 1\n'
    return tree({"compose/images.lock.toml": images, "compose/models.lock.toml": models})


def told(root: Path) -> dict[str, str]:
    return {one.name.rpartition("/")[2]: one.what.value for one in drift.look(root, days=90)}


def test_a_tag_is_resolved_with_a_token(server: Upstream) -> None:
    assert image_digest(f"{server.host}/x/engine:1") == NEW
    methods = [
        (method, path.partition("?")[0], authorization) for method, path, authorization in server.asked
    ]
    assert methods == [
        ("HEAD", "/v2/x/engine/manifests/1", ""),
        ("GET", "/token", ""),
        ("HEAD", "/v2/x/engine/manifests/1", "Bearer let me in"),
    ]


def test_a_challenge_without_a_service(server: Upstream) -> None:
    """As NVIDIA's registry makes it: https://github.com/renovatebot/renovate/issues/17294."""
    server.service = ""
    assert image_digest(f"{server.host}/x/engine:1") == NEW


def test_a_registry_that_does_not_tell_the_digest(server: Upstream) -> None:
    """The header is optional; the digest is that of the manifest's bytes."""
    server.digest = ""
    assert image_digest(f"{server.host}/x/engine:1") == f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"


def test_what_cannot_be_resolved(server: Upstream) -> None:
    with pytest.raises(UnknownUpstream, match=r"^127\.0\.0\.1:\d+ answers 404$"):
        image_digest(f"{server.host}/x/engine:2")
    server.digest = "sha256:short"
    with pytest.raises(UnknownUpstream, match="answers 200"):
        image_digest(f"{server.host}/x/engine:1")
    with pytest.raises(UnknownUpstream, match="answers 404"):
        model_revision("x/nothing")
    with pytest.raises(UnknownUpstream, match="answers 200"):
        model_revision("x/strange")
    with pytest.raises(UnknownUpstream, match=r"127\.0\.0\.1:1 does not answer"):
        image_digest("127.0.0.1:1/x:1")


def test_a_key_goes_to_its_own_registry_only(server: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not to another registry, nor to where another one's challenge points."""
    image_digest(f"{server.host}/x/engine:1")
    assert [one for one in server.asked if one[2].startswith("Basic")] == []
    monkeypatch.setattr(registry, "_NGC", (server.host, "$oauthtoken", "NGC_API_KEY"))
    with registry._client() as client:
        elsewhere = (
            f'Bearer realm="http://localhost:{server.server_port}/token",scope="repository:x/engine:pull"'
        )
        server.service = ""
        registry._token(client, server.host, elsewhere)
    assert [one for one in server.asked if one[2].startswith("Basic")] == []


def test_a_login_in_the_clear_is_refused(server: Upstream) -> None:
    with registry._client() as client:
        for challenge in ('Basic realm="x"', f'Bearer realm="http://{server.host}/token"', ""):
            with pytest.raises(UnknownUpstream, match="a login of a kind that is not known here"):
                registry._token(client, "registry.example.org", challenge)


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("nvcr.io/nvidia/vllm:26.05-py3", ("nvcr.io", "nvidia/vllm", "26.05-py3")),
        ("localhost/x", ("localhost", "x", "latest")),
        ("127.0.0.1:5000/x/y:1", ("127.0.0.1:5000", "x/y", "1")),
        ("python:3.11-slim", ("registry-1.docker.io", "library/python", "3.11-slim")),
        ("vllm/vllm-openai:latest", ("registry-1.docker.io", "vllm/vllm-openai", "latest")),
    ],
)
def test_references_are_read_as_docker_does(reference: str, parts: tuple[str, str, str]) -> None:
    assert registry._parts(reference) == parts


def test_what_is_as_pinned_is_no_drift(server: Upstream, tree: Tree) -> None:
    root = locks(tree, f"{server.host}/x/engine:1", digest=NEW, revision=LATER)
    assert told(root) == {"engine:1": "same", "model": "same", "other": "unknown"}
    assert drift.status(drift.look(root, days=90)) == 0


def test_what_has_moved(server: Upstream, tree: Tree) -> None:
    image = f"{server.host}/x/engine:1"
    root = locks(tree, image, digest=OLD, revision=COMMIT)
    found = drift.look(root, days=90)
    assert told(root) == {"engine:1": "moved", "model": "moved", "other": "unknown"}
    assert drift.status(found) == 1
    text = drift.markdown(found)
    assert f"- image `{image}`: `{OLD}` is now `{NEW}`" in text
    assert f"- model `x/model`: `{COMMIT}` is now `{LATER}`" in text
    assert "## Could not be asked\n\n- model `y/other`: 127.0.0.1:" in text
    findings = json.loads(drift.as_json(found))["findings"]
    assert findings[0] == {"kind": "image", "name": image, "what": "moved", "was": OLD, "now": NEW, "why": ""}


def test_what_is_not_pinned(server: Upstream, tree: Tree) -> None:
    found = drift.look(locks(tree, f"{server.host}/x/engine:1"), days=90)
    assert [one.what for one in found] == [What.UNPINNED, What.UNKNOWN, What.UNPINNED]
    assert f"## Not pinned yet: `gb10docs evidence refresh`\n\n- image `{found[0].name}`: now `{NEW}`" in (
        drift.markdown(found)
    )


def test_nobody_answers(server: Upstream, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    root = locks(tree, "127.0.0.1:1/x:1", digest=OLD)
    assert set(told(root).values()) == {"unknown"}
    for command in ("drift", "refresh"):
        assert CliRunner().invoke(app, ["evidence", command, "--root", str(root)]).exit_code == 3


def test_refresh_pins_and_leaves_every_other_line(server: Upstream, tree: Tree) -> None:
    image = f"{server.host}/x/engine:1"
    root = locks(tree, image, digest=OLD)
    before = (root / "compose/images.lock.toml").read_text()
    ran = CliRunner().invoke(app, ["evidence", "refresh", "--root", str(root)])
    assert ran.exit_code == 0, ran.output
    after = (root / "compose/images.lock.toml").read_text()
    assert sorted(after.splitlines()) == sorted(before.replace(OLD, NEW).splitlines())
    assert {pin.name: pin.pinned for pin in pins.read(root)} == {image: NEW, "y/other": "", "x/model": LATER}
    assert told(root) == {"engine:1": "same", "model": "same", "other": "unknown"}
    again = CliRunner().invoke(app, ["evidence", "refresh", "--root", str(root)])
    assert again.exit_code == 0
    assert (root / "compose/images.lock.toml").read_text() == after


def test_a_row_that_cannot_be_written(server: Upstream, tree: Tree) -> None:
    root = locks(tree, f"{server.host}/x/engine:1")
    lock = root / "compose/images.lock.toml"
    lock.write_text(f'image = [{{reference = "{server.host}/x/engine:1"}}]\n')
    with pytest.raises(BadLockFile, match=r"^compose/images\.lock\.toml: no line reference = "):
        drift.refresh(root)


def test_old_evidence(server: Upstream, tree: Tree) -> None:
    root = locks(tree, f"{server.host}/x/engine:1", digest=NEW, revision=LATER)
    tree({"docs/lessons/one.md": ["a.sh", "b.sh"], "snippets/a.sh": "true\n", "snippets/b.sh": "true\n"})
    write_ledger(root, {"one/a": 91, "one/b": 89})
    (old,) = [one for one in drift.look(root, days=90) if one.kind == "evidence"]
    assert (old.what, old.name) == (What.OLD, "docs/evidence/lessons/one/gb10.json")
    assert old.why.startswith("1 of 2 records, the oldest of ")
    assert drift.status(drift.look(root, days=90)) == 1
    assert drift.status(drift.look(root, days=92)) == 0
    ran = CliRunner().invoke(app, ["evidence", "drift", "--root", str(root), "--days", "92", "--json"])
    assert ran.exit_code == 0
    assert json.loads(ran.output)["schema"] == "gb10docs.drift/1"


def write_ledger(root: Path, ages: dict[str, int]) -> None:
    """A ledger of a GB10 whose records are so many days old."""
    started = datetime.now(UTC)
    run = Run(
        started=started, hardware="x", os="x", arch="x", cores=1, memory_bytes=1, python="3", gb10docs="0"
    )
    steps = {
        step_id: StepRecord(
            run="r", inputs={}, outcome=Outcome.PASSED, started=started - timedelta(days=age), duration_s=1.0
        )
        for step_id, age in ages.items()
    }
    page = "docs/lessons/one.md"
    ledger = evidence.Ledger(
        schema="gb10docs.ledger/1", page=page, target="gb10", runs={"r": run}, steps=steps
    )
    path = evidence.ledger_path(root, page, "gb10")
    path.parent.mkdir(parents=True)
    evidence.write(path, ledger, root)


def test_the_lock_files_of_the_course_can_be_written(tmp_path: Path) -> None:
    """Every row has its name on a line of its own."""
    root = Path(__file__).resolve().parents[2]
    (tmp_path / "compose").mkdir()
    for name in ("images.lock.toml", "models.lock.toml"):
        (tmp_path / "compose" / name).write_text((root / "compose" / name).read_text())
    for pin in pins.read(root):
        pins.write(tmp_path, pin, "resolved")
    assert {pin.pinned for pin in pins.read(tmp_path)} == {"resolved"}


# Through the program


@pytest.mark.parametrize(
    ("file", "row"),
    [
        ("images", '[[image]]\nreference = "\\u001b]0;x\\u0007:y"\n'),
        ("images", '[[image]]\nreference = "::::"\n'),
        ("images", '[[image]]\nreference = "a b/c\\nd:e"\n'),
        ("models", '[[model]]\nrepository = "a\\nb"\n'),
        ("models", '[[model]]\nrepository = "a/b/../c\\u0000"\n'),
    ],
)
def test_a_name_that_no_address_can_hold_is_unknown(program: Program, file: str, row: str) -> None:
    program.environment["HF_ENDPOINT"] = "http://127.0.0.1:9"
    program.tree({f"compose/{file}.lock.toml": row})
    for command in ("drift", "refresh"):
        code, out, err = program.run("evidence", command, "--root", str(program.root))
        assert (code, err) == (3, "")
        assert out.startswith("## Could not be asked\n\n- ")
        assert "\x1b" not in out
        assert out.endswith("\n\n1 looked at.\n")


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\n\r\n", b"\0\1garbage\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nX: "]
)
def test_a_registry_that_answers_without_end_or_sense_is_unknown(program: Program, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=babble, args=(listener, answer), daemon=True)
        serving.start()
        reference = f"127.0.0.1:{listener.getsockname()[1]}/x/y:z"
        program.tree({"compose/images.lock.toml": f'[[image]]\nreference = "{reference}"\n'})
        code, out, err = program.run("evidence", "drift", "--root", str(program.root))
        listener.shutdown(socket.SHUT_RDWR)
    assert (code, err) == (3, "")
    assert f"- image `{reference}`: " in out


def babble(listener: socket.socket, answer: bytes) -> None:
    """Begin every answer like this, and never come to its end."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(answer)
            while answer:
                connection.sendall(b"x" * 65536)
