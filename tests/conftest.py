"""What the tests share: a tree of pages and snippets in a temporary folder."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from program import program as program
from trees import Tree, page_of


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Write files, named by their path below the root, and return the root.

    A page given as a list of snippet names becomes one with a fence for each.
    """

    def write(files: Mapping[str, str | bytes | list[str]]) -> Path:
        for folder in ("docs", "snippets"):
            (tmp_path / folder).mkdir(exist_ok=True)
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = page_of(content) if isinstance(content, list) else content
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        return tmp_path

    return write


@pytest.fixture
def shellcheck() -> str:
    """The program, which `make test` installs on x86-64; for arm64 there is no wheel of it."""
    found = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert found, "shellcheck is not installed: make .venv/.test, on arm64 apt-get install shellcheck"
    return found


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background by a shell: programs that tests interrupt would inherit that and never hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # The same below nohup.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# A reader's shell may ask for colours everywhere; Python 3.13 gives them to tracebacks, which tests read.
os.environ.pop("FORCE_COLOR", None)
