"""The site, built from a copy of the tree, served on this machine, and opened in Debian's Chromium."""

from __future__ import annotations

import atexit
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[2]
PARTS = ("docs", "snippets", "compose", "gb10docs", "requirements", "pyproject.toml", "LICENSE")
PREPARE = (sys.executable, "-c", "from gb10docs.site.cli import app; app()", "prepare", "--root", ".")  # TEMP
FLAGS = ("--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-gpu")
COMPRESSED = (".html", ".css", ".js", ".json", ".svg", ".txt", ".md", ".xml")


@cache
def prepared_tree() -> Path:
    """A copy of the tree with all that `gb10docs site prepare` writes; made once, gone at the end."""
    tree = Path(tempfile.mkdtemp(prefix="gb10docs-site-"))
    atexit.register(shutil.rmtree, tree, ignore_errors=True)
    for part in (*PARTS, *(path.name for path in ROOT.glob("mkdocs*.yml"))):
        source, copy = ROOT / part, shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(source, tree / part)
    run_in(tree, *PREPARE)
    return tree


def run_in(tree: Path, *command: str, **environment: str) -> str:
    """What a command prints; it must succeed, and finds the programs that are installed beside Python."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    extra = {
        "PATH": programs,
        "PYTHONPATH": str(ROOT),
        "JUPYTER_PATH": str(ROOT / "gb10docs/site/jupyter"),
        "NO_MKDOCS_2_WARNING": "1",
    }
    done = subprocess.run(
        command, cwd=tree, env={**os.environ, **extra, **environment}, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@cache
def built(config: str = "mkdocs.yml") -> Path:
    """The folder of the site that a configuration makes. `--quiet` would switch off what `--strict` looks at."""
    tree = prepared_tree()
    site = tree / f"built-{Path(config).stem}"
    run_in(tree, "mkdocs", "build", "--strict", "--config-file", config, "--site-dir", str(site))
    return site


class Gzipped(SimpleHTTPRequestHandler):
    """Serves a folder as a web host does: compressed, with the site's own page for what is missing."""

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        """Answer one request."""
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        found = path.is_file()
        if not found:
            path = Path(self.directory) / "404.html"
        body = path.read_bytes() if path.is_file() else b""
        packed = path.suffix in COMPRESSED
        body = gzip.compress(body, 6) if packed else body
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(len(body)))
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder, ending in a slash, for as long as it is needed."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Gzipped, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's own browser: the one that Playwright would download is not to be had everywhere."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "no Chromium here: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()

