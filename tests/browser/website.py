"""The site, built from a copy of the tree, served on this machine, and opened in the machine's Chromium."""

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
PREPARE = (sys.executable, "-m", "gb10docs", "site", "prepare", "--root", ".")
FLAGS = ("--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-gpu")
COMPRESSED = {".html", ".css", ".js", ".json", ".svg", ".txt", ".xml"}


@cache
def prepared_tree() -> Path:
    """A copy of the tree with all that `gb10docs site prepare` writes; made once, gone at the end."""
    tree = Path(tempfile.mkdtemp(prefix="gb10docs-site-"))
    atexit.register(shutil.rmtree, tree, ignore_errors=True)
    # `.cache` knows which files below docs/ an earlier `make site` has made here, and may overwrite.
    for source in [*(ROOT / part for part in PARTS), *ROOT.glob("mkdocs*.yml"), *ROOT.glob(".cache")]:
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tree / source.name)
    run_in(tree, *PREPARE)
    return tree


def run_in(tree: Path, *command: str, **variables: str) -> str:
    """What a command prints; it must succeed, and finds the programs that are installed beside Python."""
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "JUPYTER_PATH": str(ROOT / "gb10docs/site/jupyter"),
        "NO_MKDOCS_2_WARNING": "1",
        **variables,
    }
    done = subprocess.run(command, cwd=tree, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@cache
def built(config: str = "mkdocs.yml") -> Path:
    """The folder of the site that a configuration makes.

    Not with `--quiet`: it would hide from `--strict` what it looks for.
    """
    tree = prepared_tree()
    site = tree / f"built-{Path(config).stem}"
    run_in(tree, "mkdocs", "build", "--strict", "--config-file", config, "--site-dir", str(site))
    return site


@cache
def from_disk() -> Path:
    """What `make offline` makes."""
    tree = prepared_tree()
    run_in(tree, *PREPARE, "--flat-urls")
    site = built("mkdocs.offline.yml")
    run_in(tree, *PREPARE)
    return site


class Host(SimpleHTTPRequestHandler):
    """Serves a folder as a web host does: compressed, with the site's own page for what is missing."""

    def do_GET(self) -> None:
        """Answer one request."""
        asked = Path(self.translate_path(self.path))
        asked = asked / "index.html" if asked.is_dir() else asked
        path = asked if asked.is_file() else Path(self.directory) / "404.html"
        packed = path.suffix in COMPRESSED
        body = path.read_bytes() if path.is_file() else b""
        body = gzip.compress(body, 6) if packed else body
        self.send_response(200 if path == asked else 404)
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
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser: not the one that Playwright would download, which is not to be had everywhere."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "there is no Chromium here: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
